// A reader of a segment of shared memory, as fastcore.shm builds on it.
#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "arrays.hpp"
#include "bind.hpp"
#include "bind_message.hpp"
#include "bind_shm.hpp"
#include "errors.hpp"
#include "fastcall.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/ipc/broadcast_ring.hpp"
#include "fastcore/ipc/shm_file.hpp"
#include "fastcore/ipc/wait.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// A 0-d array as NumPy's scalar.
py::object scalar_of(const py::object& array) {
  auto scalar = py::reinterpret_steal<py::object>(PyObject_GetItem(array.ptr(), py::tuple().ptr()));
  if (!scalar) throw py::error_already_set();
  return scalar;
}

/// A reader and the memory that it looks at.
class PyRingReader {
 public:
  PyRingReader(std::string folder, std::string name)
      : folder_(std::move(folder)),
        name_(std::move(name)),
        segment_(attach_segment(folder_, name_)),
        ring_(segment_.mapping->base(), segment_.spec) {}

  void become(const py::dtype& dtype) {
    if (static_cast<std::uint32_t>(dtype.itemsize()) != segment_.spec.message_bytes) {
      throw ShmError("the segment '" + name_ + "' has messages of " + std::to_string(segment_.spec.message_bytes) +
                     " bytes, and its fields make " + std::to_string(dtype.itemsize()));
    }
    dtype_ = dtype;
    form_.emplace(dtype);
  }

  /// What was missed and comes from elsewhere goes first, from this sequence on; none where nothing is left.
  void hold(std::optional<std::uint64_t> next) noexcept { held_ = next; }
  bool held() const noexcept { return held_.has_value(); }
  std::uint64_t next() const noexcept { return held_.value_or(ring_.next()); }

  /// Messages as an array of their own, empty when there are none; null, and which were missed, when some were.
  py::object read(std::uint64_t most, Got& missed) {
    const Got there = ring_.look(most);
    const auto count = static_cast<py::ssize_t>(there.count);
    if (there.kind != Got::Kind::lapped) {
      py::object out = fresh_array(dtype_, 1, &count);
      if (count == 0) return out;
      const Got got = ring_.read(data_of(out), there.count);
      if (got.kind == Got::Kind::data) return out;
      missed = got;
    } else {
      missed = there;
    }
    return {};
  }

  /// The next message as plain values, as NumPy makes them where its form is not plain; None when there is none;
  /// null, and which were missed, when some were.
  py::object take(Got& missed) {
    if (!form_ || !form_->plain()) {
      const py::object one = read(1, missed);
      if (!one) return {};
      return py::len(one) == 0 ? py::none() : py::object(one.attr("item")());
    }
    while (true) {
      if (PyObject* const values = take_now()) return py::reinterpret_steal<py::object>(values);
      const Got there = ring_.look(1);
      if (there.kind == Got::Kind::empty) return py::none();
      if (there.kind == Got::Kind::data) continue;  // it has just come
      missed = there;
      return {};
    }
  }

  /// The same where there is one, it is plain and nothing comes before it: most calls end here. Null for all else, and
  /// then nothing has been taken; `take` says what it is. Where it is not inlined a publish and a take take 78 ns and
  /// not 70 (bench `processes.handover`).
  [[gnu::always_inline]] PyObject* take_now() {
    if (held_ || !form_ || !form_->plain()) return nullptr;
    std::uint64_t message[MessageForm::most_words];
    if (!ring_.take(message)) return nullptr;
    PyObject* const values = form_->unpack(message);
    if (values == nullptr) throw py::error_already_set();
    return values;
  }

  /// Messages where they lie, as far as they lie side by side; None when there are none, (first, count) when
  /// they are gone.
  py::object view(std::uint64_t most) {
    const Got got = ring_.look(most, true);
    if (got.kind == Got::Kind::empty) return py::none();
    if (got.kind == Got::Kind::lapped) return py::make_tuple(got.first, got.count);
    ring_.seek(got.first + got.count);
    const auto stride = static_cast<py::ssize_t>(ring_.layout().ring.slot_bytes());
    return live_view(dtype_, {static_cast<py::ssize_t>(got.count)}, {stride}, ring_.slot(got.first), segment_.mapping);
  }

  py::object newest() const {
    const py::object out = fresh_array(dtype_, 0, nullptr);
    return ring_.newest(data_of(out)) ? scalar_of(out) : py::none();
  }
  py::object newest_of(PyObject* row) const {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(row, &overflow);
    if (overflow != 0 || number < 0 || number >= static_cast<long long>(ring_.rows())) {
      throw UnknownName("the segment '" + name_ + "' has a table of " + std::to_string(ring_.rows()) +
                        " rows, and none is " + shown(py::handle(row)));
    }
    const py::object out = fresh_array(dtype_, 0, nullptr);
    return ring_.newest_of(static_cast<std::uint32_t>(number), data_of(out)) ? scalar_of(out) : py::none();
  }

  bool wait(int how, std::uint64_t ns) {
    if (ring_.end() > ring_.next()) return true;
    const auto waiting = static_cast<Waiting>(how);
    if (waiting == Waiting::sleep && !asked_for_bell_) {
      asked_for_bell_ = true;
      bell_ = map_bell(folder_, name_, *segment_.mapping);
    }
    auto* const bell = bell_ ? reinterpret_cast<SegmentBell*>(bell_->base()) : nullptr;
    const py::gil_scoped_release release;
    return wait_for(ring_.live(), bell, ring_.next(), waiting, ns);
  }

  py::list names() const {
    py::list all;
    for (std::uint32_t i = 0; i < ring_.names(); ++i) all.append(py::str(ring_.name(i)));
    return all;
  }

  RingReader<>& ring() noexcept { return ring_; }
  const RingReader<>& ring() const noexcept { return ring_; }
  const OwnedSegment& segment() const noexcept { return segment_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& folder() const noexcept { return folder_; }
  const py::object& dtype() const noexcept { return dtype_; }

 private:
  std::string folder_;
  std::string name_;
  OwnedSegment segment_;
  RingReader<> ring_;
  py::dtype dtype_;
  std::optional<MessageForm> form_;
  std::optional<std::uint64_t> held_;
  std::shared_ptr<Mapping> bell_;
  bool asked_for_bell_ = false;
};

/// What `once` finds in memory. What was missed comes before that, as an array from Python's `_from_behind`, and
/// goes through `convert`; when messages were missed, Python's `_missed` hears of it and says whether to go on.
template <class Once, class Convert>
PyObject* persist(PyObject* self, PyRingReader& reader, std::uint64_t most, Once once, Convert convert) {
  while (true) {
    while (reader.held()) {
      const py::object rows = py::handle(self).attr("_from_behind")(most);
      if (!rows.is_none()) return convert(rows).release().ptr();
    }
    Got missed{};
    py::object found = once(missed);
    if (found) return found.release().ptr();
    py::handle(self).attr("_missed")(missed.first, missed.count);
  }
}

/// How many messages a limit allows.
std::uint64_t most_of(PyObject* limit) {
  constexpr std::uint64_t everything = std::uint64_t{1} << 62;
  if (limit == nullptr || limit == Py_None) return everything;
  if (PyBool_Check(limit) != 0 || PyIndex_Check(limit) == 0)
    throw WrongType("read: limit must be a whole number, not " + shown(py::handle(limit)));
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(limit));
  if (!number) throw py::error_already_set();
  int overflow = 0;
  const long long most = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow < 0 || (overflow == 0 && most < 1))
    throw InputError("read: limit must be 1 or more, not " + shown(py::handle(limit)));
  return overflow > 0 ? everything : std::min(static_cast<std::uint64_t>(most), everything);
}

PyObject* read(PyObject* self, PyObject* const* args, Py_ssize_t given, PyObject* keywords) {
  static constexpr Signature<1> signature{"read", 0, 1, {"limit"}};
  PyObject* limit[1] = {};
  auto* const reader = self_of<PyRingReader>(self);
  if (reader == nullptr || !signature.read(args, given, keywords, limit)) return nullptr;
  const std::uint64_t most = most_of(limit[0]);
  return persist(
      self, *reader, most, [&](Got& missed) { return reader->read(most, missed); },
      [](const py::object& rows) { return rows; });
}

PyObject* take(PyObject* self, PyObject* const*, Py_ssize_t given, PyObject* keywords) {
  auto* const reader = self_of<PyRingReader>(self);
  if (reader == nullptr) return nullptr;
  if (given > 0 || keywords != nullptr) throw WrongType("take takes no arguments");
  if (PyObject* const values = reader->take_now()) return values;
  return persist(
      self, *reader, 1, [&](Got& missed) { return reader->take(missed); },
      [](const py::object& rows) { return py::object(rows.attr("item")()); });
}

PyObject* latest(PyObject* self, PyObject* const* args, Py_ssize_t given, PyObject* keywords) {
  static constexpr Signature<1> signature{"latest", 0, 1, {"key"}};
  PyObject* key[1] = {};
  auto* const reader = self_of<PyRingReader>(self);
  if (reader == nullptr || !signature.read(args, given, keywords, key)) return nullptr;
  if (key[0] == nullptr || key[0] == Py_None) return reader->newest().release().ptr();
  const py::handle row(key[0]);
  if (PyUnicode_Check(row.ptr()) != 0) {
    const py::object number = py::handle(self).attr("_row_of")(row);
    return reader->newest_of(number.ptr()).release().ptr();
  }
  if (PyIndex_Check(row.ptr()) == 0)
    throw WrongType("latest: key must be the number or the name of a row, not " + shown(row));
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(row.ptr()));
  if (!number) throw py::error_already_set();
  return reader->newest_of(number.ptr()).release().ptr();
}

PyMethodDef reader_methods[] = {
    fast_keywords("read", translated<read>,
                  "read($self, limit=None)\n--\n\n"
                  "The messages that are there, as an array of its own, in order; empty when there are none.\n\n"
                  "limit: at most so many; by default all that are there. The first has the sequence that `next` was.\n"
                  "Raises LappedError if messages were missed that nobody kept; reading goes on behind them."),
    fast_keywords("take", translated<take>,
                  "take($self)\n--\n\n"
                  "The next message as plain values, a tuple of its fields or a number; None when there is none.\n\n"
                  "The fastest way to one message: what `read(1)` gives, as `item()` of that, with the same errors."),
    fast_keywords("latest", translated<latest>,
                  "latest($self, key=None)\n--\n\n"
                  "The newest message, or the newest of a row of the table; None when there is none.\n\n"
                  "key: number or name of a row. Raises UnknownNameError if the table has no such row."),
};

}  // namespace

void bind_ring_reader(py::module_& m) {
  auto type =
      py::class_<PyRingReader>(m, "RingReader", "One reader of a segment of shared memory; it only loads.")
          .def(py::init<std::string, std::string>(), py::arg("folder"), py::arg("name"))
          .def("_become", &PyRingReader::become)
          .def("_hold", &PyRingReader::hold)
          .def("_view", &PyRingReader::view)
          .def("_wait", &PyRingReader::wait)
          .def("_seek", [](PyRingReader& self, std::uint64_t to) { self.ring().seek(to); })
          .def("_intact", [](const PyRingReader& self, std::uint64_t first) { return self.ring().intact(first); })
          .def_property_readonly("_schema", [](const PyRingReader& self) { return self.segment().spec.schema; })
          .def_property_readonly("_state",
                                 [](const PyRingReader& self) { return static_cast<int>(self.ring().state()); })
          .def_property_readonly("_heartbeat",
                                 [](const PyRingReader& self) { return self.ring().live().heartbeat.load(); })
          .def_property_readonly("_created", [](const PyRingReader& self) { return self.ring().live().created.load(); })
          .def_property_readonly("_has_name",
                                 [](const PyRingReader& self) { return has_name(*self.segment().mapping); })
          .def_property_readonly("name", &PyRingReader::name)
          .def_property_readonly("folder", &PyRingReader::folder)
          .def_property_readonly("dtype", &PyRingReader::dtype)
          .def_property_readonly("next", &PyRingReader::next, "Sequence of the message that is read next.")
          .def_property_readonly("end", [](const PyRingReader& self) { return self.ring().end(); })
          .def_property_readonly("oldest", [](const PyRingReader& self) { return self.ring().oldest(); })
          .def_property_readonly("capacity", [](const PyRingReader& self) { return self.segment().spec.capacity; })
          .def_property_readonly("rows", [](const PyRingReader& self) { return self.ring().rows(); })
          .def_property_readonly("names", &PyRingReader::names)
          .def_property_readonly("bytes", [](const PyRingReader& self) { return self.ring().layout().bytes; })
          .def_property_readonly("epoch", [](const PyRingReader& self) { return self.ring().live().epoch.load(); })
          .def_property_readonly("writer_pid",
                                 [](const PyRingReader& self) { return self.ring().live().writer.load(); })
          .def_property_readonly("writer_alive",
                                 [](const PyRingReader& self) { return has_writer(*self.segment().mapping); });
  for (PyMethodDef& method : reader_methods) put_method(type, method);
}

}  // namespace fastcore::python
