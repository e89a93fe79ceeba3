// Journals in Python: the writer, an engine's use of it, and the way back.
#include "bind_journal.hpp"

#include <pybind11/numpy.h>

#include "bind.hpp"
#include "errors.hpp"
#include "fastcore/engine/log.hpp"
#include "fastcore/engine/recovery.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// A journal as Python holds it, and the engine that writes to it.
struct PyJournal {
  std::shared_ptr<JournalWriter> writer;
  std::weak_ptr<EngineHandle> engine;

  /// Does something with the writer while nobody else does, without the GIL.
  template <class Work>
  auto apart(const Work& work) {
    const auto handle = engine.lock();
    if (handle == nullptr) {
      const py::gil_scoped_release release;
      return work(*writer);
    }
    enter(*handle);
    const Busy busy(*handle);
    return work(*writer);
  }
};

void require(bool done, const JournalWriter& writer) {
  if (!done) throw JournalError(writer.failure());
}

Durability durability_of(const std::string& name) {
  if (name == "always") return Durability::always;
  if (name == "interval") return Durability::interval;
  if (name == "os") return Durability::os;
  throw InputError("Journal: fsync must be one of 'always', 'interval', 'os', not '" + name + "'");
}
const char* name_of(Durability durability) {
  static constexpr const char* names[] = {"always", "interval", "os"};
  return names[static_cast<std::size_t>(durability)];
}

/// Segments, bytes and records kept; 0 for all.
using Kept = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
/// Records, bytes and milliseconds between two checkpoints, 0 for none; with history or not; how many are kept.
using Checkpoints = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, bool, std::size_t>;

std::unique_ptr<PyJournal> open(const std::string& folder, const std::string& fsync, std::int64_t interval_ns,
                                std::size_t segment_bytes, const Kept& kept, const Checkpoints& checkpoints) {
  JournalOptions options;
  options.durability = durability_of(fsync);
  options.interval = std::chrono::milliseconds(interval_ns / 1'000'000);
  options.segment_bytes = segment_bytes;
  options.retention = {std::get<0>(kept), std::get<1>(kept), std::get<2>(kept)};
  options.snapshots = {std::get<0>(checkpoints), std::get<1>(checkpoints),
                       std::chrono::milliseconds(std::get<2>(checkpoints)), std::get<3>(checkpoints),
                       std::get<4>(checkpoints)};
  auto self = std::make_unique<PyJournal>();
  const py::gil_scoped_release release;
  self->writer = std::make_shared<JournalWriter>(folder, options);
  return self;
}

/// The journal of that object, which no engine may have yet.
PyJournal& free_journal(const py::object& journal) {
  auto& found = py::cast<PyJournal&>(journal);
  if (!found.engine.expired()) {
    throw JournalError("the journal " + found.writer->folder() + " belongs to another engine: one engine, one journal");
  }
  return found;
}

void attach(PyEngine& self, const py::object& journal) {
  Engine& engine = self.engine();
  PyJournal& with = free_journal(journal);
  {
    const Busy busy(*self.handle);
    begin_journal(engine, with.writer);
  }
  with.engine = self.handle;
  self.handle->journal = journal;
}

std::string checkpoint_of(PyEngine& self, bool history) {
  Engine& engine = self.engine();
  const Busy busy(*self.handle);
  return checkpoint(engine, history);
}

std::unique_ptr<PyEngine> recovered(const py::object& journal, bool skip, bool copy_rows) {
  PyJournal& with = free_journal(journal);
  Recovery found;
  {
    const py::gil_scoped_release release;
    found = recover(with.writer, skip ? OnDamage::skip : OnDamage::refuse);
  }
  auto self = wrap(std::move(found.engine), copy_rows);
  with.engine = self->handle;
  self->handle->journal = journal;
  py::dict recovery;
  recovery["snapshot"] = found.snapshot;
  recovery["sequence"] = found.last;
  recovery["ticks"] = found.ticks;
  recovery["bars"] = found.bars;
  recovery["notes"] = found.notes;
  self->handle->recovery = std::move(recovery);
  return self;
}

py::dict checkpoints_of(const PyJournal& self) {
  const SnapshotCount count = self.writer->snapshots();
  py::dict all;
  all["written"] = count.written;
  all["failed"] = count.failed;
  all["sequence"] = count.sequence;
  all["bytes"] = count.bytes;
  all["longest_pause_ns"] = count.longest_pause.count();
  all["failure"] = count.failure;
  return all;
}

/// Writes messages of a ring that lie side by side, all or none; the first has that sequence.
void log_messages(PyJournal& self, std::uint64_t first, const py::array& messages) {
  if (messages.ndim() != 1 || (messages.flags() & py::array::c_style) == 0)
    throw InputError("a journal takes messages as a contiguous array with one dimension");
  const auto bytes = static_cast<std::size_t>(messages.itemsize());
  const auto count = static_cast<std::size_t>(messages.size());
  const char* const data = static_cast<const char*>(messages.data());
  const auto put = [&](JournalWriter& writer) {
    if (!writer.reserve({count, sizeof first + bytes, 0, 0})) return false;
    for (std::size_t i = 0; i < count; ++i)
      if (!writer.remark(RecordKind::message, first + i, {data + i * bytes, bytes})) return false;
    return writer.commit();
  };
  require(self.apart(put), *self.writer);
}

}  // namespace

void bind_journal(py::module_& m) {
  py::class_<PyJournal>(m, "Journal", "What an engine is given, on the disk before it is taken.")
      .def(py::init(&open), py::arg("folder"), py::arg("fsync"), py::arg("interval_ns"), py::arg("segment_bytes"),
           py::arg("kept"), py::arg("checkpoints"))
      .def_property_readonly(
          "folder", [](const PyJournal& self) { return self.writer->folder(); }, "The folder of its segments.")
      .def_property_readonly(
          "fsync", [](const PyJournal& self) { return name_of(self.writer->options().durability); },
          "When records are brought to the disk: always, interval or os.")
      .def_property_readonly(
          "sequence", [](const PyJournal& self) { return self.writer->sequence(); }, "Number of the last record.")
      .def_property_readonly(
          "checkpoints", &checkpoints_of,
          "Of the snapshots since it was opened: how many were written and how many failed, sequence and bytes of the last, the longest pause of the engine in ns, and why the last attempt failed, if it did.")
      .def_property_readonly(
          "closed", [](const PyJournal& self) { return self.writer->closed(); }, "Whether it has been closed.")
      .def(
          "note",
          [](PyJournal& self, const std::string& text) {
            require(self.apart([&](JournalWriter& w) { return w.note(text) && w.commit(); }), *self.writer);
          },
          py::arg("text"), "Write a line for people, of at most 16,384 bytes; it changes nothing.")
      .def("_log_messages", &log_messages, py::arg("first"), py::arg("messages"))
      .def(
          "_log_row",
          [](PyJournal& self, std::uint64_t number, const std::string& name) {
            const auto put = [&](JournalWriter& w) { return w.remark(RecordKind::row, number, name) && w.commit(); };
            require(self.apart(put), *self.writer);
          },
          py::arg("number"), py::arg("name"))
      .def(
          "sync", [](PyJournal& self) { require(self.apart([](JournalWriter& w) { return w.sync(); }), *self.writer); },
          "Bring all records to the disk, and return when they are there.")
      .def(
          "close",
          [](PyJournal& self) { require(self.apart([](JournalWriter& w) { return w.close(); }), *self.writer); },
          "Sync and let go of the folder. An engine with this journal takes nothing from then on.");
}

void bind_engine_journal(py::class_<PyEngine>& type) {
  type.def(py::init(&recovered), py::arg("journal"), py::arg("skip"), py::arg("copy_rows"))
      .def("_attach", &attach)
      .def("checkpoint", &checkpoint_of, py::kw_only(), py::arg("history") = false,
           "Write the state beside the journal, where a recovery begins, and let go of what is not needed any more. "
           "With history=True its rows and bars, too. Returns the file's path.")
      .def_property_readonly(
          "journal", [](const PyEngine& self) { return self.handle->journal; },
          "The journal that was attached; None without one.")
      .def_property_readonly(
          "recovery", [](const PyEngine& self) { return self.handle->recovery; },
          "What `recover` found: sequence of the snapshot, of the last record, ticks and bars taken, notes; else None.");
}

}  // namespace fastcore::python
