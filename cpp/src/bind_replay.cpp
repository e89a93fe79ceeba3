// Journals read in Python: played into an engine, and shown record by record or as runs of ticks.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <map>

#include "bind_journal.hpp"
#include "errors.hpp"
#include "fastcore/engine/replay.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// A player, and the engine that it plays into, which it keeps alive.
struct PyPlayer {
  PyPlayer(const PyEngine& engine, const std::string& folder, std::uint64_t from)
      : handle(engine.handle), player(engine.engine(), folder, from) {}

  std::shared_ptr<EngineHandle> handle;
  JournalPlayer player;
};

bool play(PyPlayer& self, std::int64_t ts, std::uint64_t sequence, std::uint64_t events) {
  enter(*self.handle);
  const Busy busy(*self.handle);
  return self.player.play({ts, sequence, events});
}

/// A reader that knows the record it has come to, so that a run of ticks can end before it.
struct PyReader {
  PyReader(const std::string& folder, std::uint64_t from) : reader(folder, from) {}

  JournalReader::Step look() {
    if (!waiting) step = reader.next();
    waiting = step != JournalReader::Step::end;
    return step;
  }

  JournalReader reader;
  JournalReader::Step step = JournalReader::Step::end;
  bool waiting = false;
  std::map<std::uint64_t, std::string> rows;  // of a ring's table: names by number
};

template <class Record>
Record read(const JournalRecord& record) noexcept {
  Record value;
  std::memcpy(&value, record.payload, sizeof value);
  return value;
}

py::object name_of(const JournalReader& reader) {
  return reader.subject() == no_symbol ? py::object(py::none()) : py::str(reader.names()[reader.subject()]);
}

py::str text_of(const char* from, std::size_t bytes) { return {from, bytes}; }

/// Of a ring's message or a row of its table.
std::uint64_t number_of(const JournalRecord& record) noexcept { return read<std::uint64_t>(record); }

/// What a record says, by name.
py::dict fields_of(const JournalReader& reader) {
  const JournalRecord& record = reader.record();
  const char* const kind = kind_name(record.kind);
  py::dict all;
  all["sequence"] = record.sequence;
  all["kind"] = kind == nullptr ? py::str(std::to_string(static_cast<unsigned>(record.kind))) : py::str(kind);
  if (reader.subject() != no_symbol) all["symbol"] = name_of(reader);
  if (record.kind == RecordKind::tick) {
    const auto t = read<TickRecord>(record);
    all["ts"] = t.ts;
    all["price"] = t.price;
    all["size"] = t.size;
    all["side"] = static_cast<int>(t.side);
    all["id"] = t.id;
  } else if (record.kind == RecordKind::quote) {
    const auto q = read<QuoteRecord>(record);
    all["ts"] = q.ts;
    all["bid"] = q.bid;
    all["ask"] = q.ask;
    all["bid_size"] = q.bid_size;
    all["ask_size"] = q.ask_size;
  } else if (record.kind == RecordKind::bar) {
    const auto b = read<BarRecord>(record);
    all["span"] = text_of(record.payload + sizeof b, b.clock_bytes);
    all["ts"] = b.ts;
    all["open"] = b.open;
    all["high"] = b.high;
    all["low"] = b.low;
    all["close"] = b.close;
    all["volume"] = b.volume;
  } else if (record.kind == RecordKind::note) {
    all["text"] = text_of(record.payload, record.bytes);
  } else if (record.kind == RecordKind::message) {
    all["number"] = number_of(record);
    all["bytes"] = record.bytes - sizeof(std::uint64_t);
  } else if (record.kind == RecordKind::row) {
    all["number"] = number_of(record);
    all["name"] = text_of(record.payload + sizeof(std::uint64_t), record.bytes - sizeof(std::uint64_t));
  }
  return all;
}

py::dict fields_of(const JournalDamage& damage) {
  py::dict all;
  all["kind"] = "damage";
  all["segment"] = segment_name(damage.segment);
  all["offset"] = damage.offset;
  all["bytes"] = damage.bytes;
  all["first_missing"] = damage.first_missing;
  all["missing"] = damage.missing;
  all["text"] = damage.text();
  return all;
}

/// The next record or place of damage; None at the end.
py::object next(PyReader& self) {
  {
    const py::gil_scoped_release release;
    self.look();
  }
  if (self.step == JournalReader::Step::end) return py::none();
  self.waiting = false;
  return self.step == JournalReader::Step::damage ? fields_of(self.reader.damage()) : fields_of(self.reader);
}

/// Ticks up to the next record of another kind, but for names; at most so many.
py::array ticks(PyReader& self, const py::object& dtype, std::size_t most) {
  std::vector<Tick> run;
  {
    const py::gil_scoped_release release;
    while (run.size() < most && self.look() == JournalReader::Step::record) {
      const JournalRecord& record = self.reader.record();
      if (record.kind == RecordKind::tick) {
        const auto t = read<TickRecord>(record);
        run.push_back({t.ts, t.price, t.size, t.id, self.reader.subject(), t.side});
      } else if (record.kind != RecordKind::define) {
        break;
      }
      self.waiting = false;
    }
  }
  return py::array(py::dtype::from_args(dtype), std::vector<py::ssize_t>{static_cast<py::ssize_t>(run.size())},
                   run.data());
}

/// Passes over all that is no message of a ring but for noting rows' names; false at the end.
bool to_message(PyReader& self) {
  bool asked = false;  // again: at the end a reader has forgotten what it read ahead
  for (;;) {
    if (self.look() == JournalReader::Step::end) {
      if (asked) return false;
      asked = true;
      continue;
    }
    const JournalRecord& record = self.reader.record();
    if (self.step == JournalReader::Step::record && record.kind == RecordKind::message) return true;
    if (self.step == JournalReader::Step::record && record.kind == RecordKind::row)
      self.rows[number_of(record)].assign(record.payload + sizeof(std::uint64_t), record.bytes - sizeof(std::uint64_t));
    self.waiting = false;
  }
}

/// Messages of a ring whose sequences follow each other, but for those before `from`: the first one's sequence and
/// all their bytes. None at the end.
py::object messages(PyReader& self, std::uint64_t from, std::size_t bytes, std::size_t most) {
  std::string run;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  {
    const py::gil_scoped_release release;
    for (; count < most && to_message(self); self.waiting = false) {
      const JournalRecord& record = self.reader.record();
      if (record.bytes - sizeof from != bytes) {
        throw JournalError("the journal " + self.reader.folder() + " holds messages of " +
                           std::to_string(record.bytes - sizeof from) + " bytes, and the ring's have " +
                           std::to_string(bytes));
      }
      const std::uint64_t number = number_of(record);
      if (number < from) continue;
      if (count == 0) first = number;
      if (number != first + count) break;
      run.append(record.payload + sizeof from, bytes);
      ++count;
    }
  }
  return count == 0 ? py::object(py::none()) : py::make_tuple(first, py::bytes(run));
}

/// All records to the end, counted: {"records", "ticks", ...}, and the damage through `tell`.
py::dict count(PyReader& self, const py::object& tell) {
  std::uint64_t kinds[256] = {};
  std::uint64_t records = 0;
  for (;;) {
    {
      const py::gil_scoped_release release;
      constexpr int some = 100'000;  // then whoever waits for a progress bar or Ctrl-C has a turn
      for (int i = 0; i < some && self.look() == JournalReader::Step::record; ++i) {
        ++kinds[static_cast<std::uint8_t>(self.reader.record().kind)];
        ++records;
        self.waiting = false;
      }
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (self.waiting && self.step == JournalReader::Step::damage) {
      self.waiting = false;
      tell(fields_of(self.reader.damage()));
      continue;
    }
    tell(py::none());
    if (!self.waiting && self.step == JournalReader::Step::end) break;
  }
  py::dict all;
  all["records"] = records;
  py::dict by_kind;
  for (std::size_t i = 0; i < 256; ++i) {
    if (kinds[i] == 0) continue;
    const char* const name = kind_name(static_cast<RecordKind>(i));
    by_kind[py::str(name == nullptr ? std::to_string(i) : std::string(name))] = kinds[i];
  }
  all["kinds"] = by_kind;
  return all;
}

const char* state_name(HeaderState state) {
  return state == HeaderState::sound ? "sound" : state == HeaderState::blank ? "blank" : "damaged";
}

py::list segments_of(const JournalReader& reader) {
  py::list all;
  for (const SegmentInfo& one : reader.segments()) {
    py::dict row;
    row["file"] = segment_name(one.number);
    row["bytes"] = one.bytes;
    row["header"] = state_name(one.header);
    row["first"] = one.first;
    row["synced_bytes"] = one.mark.used;
    row["synced_sequence"] = one.mark.sequence;
    all.append(row);
  }
  return all;
}

}  // namespace

void bind_replay(py::module_& m) {
  py::class_<PyPlayer>(m, "JournalPlayer", "Plays a journal into an engine, piece by piece.")
      .def(py::init<const PyEngine&, const std::string&, std::uint64_t>(), py::arg("engine"), py::arg("folder"),
           py::arg("start"))
      .def("play", &play, py::arg("ts"), py::arg("sequence"), py::arg("events"),
           "Play up to a time, a record or so many ticks, quotes and bars; False at the end.")
      .def_property_readonly(
          "next_ts", [](const PyPlayer& self) { return self.player.next_ts(); },
          "Time of the event at which `play` stopped, ns; 0 where there is none.")
      .def_property_readonly(
          "ts", [](const PyPlayer& self) { return self.player.ts(); }, "Time of the last event played; 0 for none.")
      .def_property_readonly(
          "sequence", [](const PyPlayer& self) { return self.player.sequence(); }, "The last record played.")
      .def_property_readonly(
          "ticks", [](const PyPlayer& self) { return self.player.played().ticks(); }, "Ticks and quotes played.")
      .def_property_readonly(
          "bars", [](const PyPlayer& self) { return self.player.played().bars(); }, "Bars played.")
      .def_property_readonly(
          "damage", [](const PyPlayer& self) { return self.player.damage(); },
          "Sentences about the first hundred places that were passed over.")
      .def_property_readonly(
          "position", [](const PyPlayer& self) { return self.player.reader().position(); }, "Bytes read.")
      .def_property_readonly("size", [](const PyPlayer& self) { return self.player.reader().size(); }, "Bytes in all.");
  py::class_<PyReader>(m, "JournalReader", "Reads a journal, past damage and on as it grows.")
      .def(py::init<const std::string&, std::uint64_t>(), py::arg("folder"), py::arg("start"))
      .def("next", &next, "The next record or place of damage as a dict; None at the end.")
      .def("ticks", &ticks, py::arg("dtype"), py::arg("most"),
           "Ticks up to the next record of another kind, at most so many; `symbol` indexes `names`.")
      .def(
          "messages", &messages, py::arg("start"), py::arg("bytes"), py::arg("most"),
          "Messages of a ring from a sequence on, at most so many, as (sequence of the first, bytes); None at the end.")
      .def_property_readonly(
          "rows", [](const PyReader& self) { return self.rows; },
          "The names of rows of a ring's table that `messages` has come by.")
      .def("count", &count, py::arg("tell"),
           "Read to the end and count; `tell` is called with each damage, and with None now and then.")
      .def_property_readonly(
          "names", [](const PyReader& self) { return self.reader.names(); }, "Symbols named so far.")
      .def_property_readonly(
          "last", [](const PyReader& self) { return self.reader.last(); }, "The last record read or known missing.")
      .def_property_readonly(
          "torn", [](const PyReader& self) { return self.reader.torn(); },
          "Bytes that a crash cut off at the end; known at the end.")
      .def_property_readonly(
          "position", [](const PyReader& self) { return self.reader.position(); }, "Bytes read.")
      .def_property_readonly(
          "size", [](const PyReader& self) { return self.reader.size(); }, "Bytes in all.")
      .def_property_readonly(
          "segments", [](const PyReader& self) { return segments_of(self.reader); },
          "The segments: file, bytes, header, first record, what is known to be synced.");
}

}  // namespace fastcore::python
