// Writer and reader of a segment of shared memory, as fastcore.shm builds on them.
#include <sys/types.h>

#include <cstring>
#include <memory>
#include <string>

#include "arrays.hpp"
#include "bind.hpp"
#include "errors.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/ipc/broadcast_ring.hpp"
#include "fastcore/ipc/shm_file.hpp"
#include "fastcore/ipc/wait.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

/// A writer, the file that it owns, and the layout of its messages in NumPy's words.
class PyRingWriter {
 public:
  PyRingWriter(std::string folder, std::string name, py::dtype dtype, const SegmentSpec& spec, unsigned mode)
      : folder_(std::move(folder)),
        name_(std::move(name)),
        dtype_(std::move(dtype)),
        segment_(create_segment(folder_, name_, spec, mode)),
        ring_(segment_.mapping->base(), segment_.spec) {}
  ~PyRingWriter() { close(false); }
  PyRingWriter(const PyRingWriter&) = delete;
  PyRingWriter& operator=(const PyRingWriter&) = delete;

  /// The ring, to be written to. Throws ShmError where that may not be.
  RingWriter<>& ring() {
    if (ready()) return ring_;
    if (closed_) throw ShmError("the ring '" + name_ + "' is closed");
    throw ShmError("the ring '" + name_ +
                   "' belongs to the process that made it: a forked child cannot write to it, make another there");
  }

  std::uint64_t publish(const void* messages, std::size_t count) {
    RingWriter<>& open = fit(messages, count);
    const std::uint64_t first = open.next();
    open.publish(messages, count);
    return first;
  }

  std::uint64_t publish_many(const py::array& messages) {
    return publish(row_of(messages), static_cast<std::size_t>(messages.size()));
  }

  /// Throws what publish_many would.
  void check(const py::array& messages) { fit(row_of(messages), static_cast<std::size_t>(messages.size())); }

  void skip(std::uint64_t to) {
    if (to < ring().next()) {
      throw InputError("the ring '" + name_ + "' is at sequence " + std::to_string(ring_.next()) +
                       " and cannot go back to " + std::to_string(to));
    }
    ring_.skip(to);
  }

  std::uint32_t name_row(const std::string& text) {
    if (ring().names() >= segment_.spec.rows) {
      throw CapacityError("the ring '" + name_ + "': its table has " + std::to_string(segment_.spec.rows) +
                          " rows, and all have names");
    }
    if (text.empty() || text.size() >= SegmentLayout::name_bytes || text.find('\0') != std::string::npos)
      throw InputError("the name of a row has 1 to 63 bytes and no zero, not '" + text + "'");
    return ring_.name_row(text);
  }

  void close(bool keep) {
    if (!ready()) return;
    ring_.finish(SegmentState::closed);
    if (!keep) unlink_segment(folder_, name_, *segment_.mapping);
    segment_.mapping->close_file();
    closed_ = true;
  }

  bool ready() const noexcept { return !closed_ && segment_.mapping->fd() >= 0; }
  bool closed() const noexcept { return closed_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& folder() const noexcept { return folder_; }
  const py::dtype& dtype() const noexcept { return dtype_; }
  const OwnedSegment& segment() const noexcept { return segment_; }
  std::uint64_t next() const noexcept { return ring_.next(); }
  std::uint64_t names() const noexcept { return ring_.names(); }

 private:
  /// The ring, for messages whose rows it has.
  RingWriter<>& fit(const void* messages, std::size_t count) {
    RingWriter<>& open = ring();
    if (!open.keys_fit(messages, count)) {
      throw InputError("the ring '" + name_ + "': a message's key is outside the table of latest rows, which has " +
                       std::to_string(segment_.spec.rows) + " rows");
    }
    return open;
  }
  const void* row_of(const py::array& messages) const {
    if (!messages.dtype().equal(dtype_) || messages.ndim() != 1 || (messages.flags() & py::array::c_style) == 0)
      throw InputError("the ring '" + name_ + "' takes a contiguous array of its dtype with one dimension");
    return messages.data();
  }

  std::string folder_;
  std::string name_;
  py::dtype dtype_;
  OwnedSegment segment_;
  RingWriter<> ring_;
  bool closed_ = false;
};

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
  }

  /// Messages as an array of their own; None when there are none, (first, count) when they are gone.
  py::object read(std::uint64_t most) {
    const Got there = ring_.look(most);
    if (there.kind != Got::Kind::data) return other(there);
    py::array out(dtype_, std::vector<py::ssize_t>{static_cast<py::ssize_t>(there.count)});
    const Got got = ring_.read(out.mutable_data(), there.count);
    return got.kind == Got::Kind::data ? std::move(out) : other(got);
  }

  /// Messages where they lie, as far as they lie side by side.
  py::object view(std::uint64_t most) {
    const Got got = ring_.look(most, true);
    if (got.kind != Got::Kind::data) return other(got);
    ring_.seek(got.first + got.count);
    const auto stride = static_cast<py::ssize_t>(ring_.layout().ring.slot_bytes());
    return live_view(dtype_, {static_cast<py::ssize_t>(got.count)}, {stride}, ring_.slot(got.first), segment_.mapping);
  }

  py::object newest() const {
    py::array out(dtype_, std::vector<py::ssize_t>{});
    return ring_.newest(out.mutable_data()) ? py::object(std::move(out)) : py::none();
  }
  py::object newest_of(std::uint32_t row) const {
    if (row >= ring_.rows()) {
      throw UnknownName("the segment '" + name_ + "' has a table of " + std::to_string(ring_.rows()) +
                        " rows, and none is " + std::to_string(row));
    }
    py::array out(dtype_, std::vector<py::ssize_t>{});
    return ring_.newest_of(row, out.mutable_data()) ? py::object(std::move(out)) : py::none();
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
  static py::object other(const Got& got) {
    if (got.kind == Got::Kind::empty) return py::none();
    return py::make_tuple(got.first, got.count);
  }

  std::string folder_;
  std::string name_;
  OwnedSegment segment_;
  RingReader<> ring_;
  py::dtype dtype_;
  std::shared_ptr<Mapping> bell_;
  bool asked_for_bell_ = false;
};

/// Whether an object is one message of a dtype in memory; then where it lies.
const void* message_in(PyObject* object, const py::dtype& dtype) {
  if (!py::isinstance<py::array>(object)) return nullptr;
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (array.size() != 1) return nullptr;
  const py::dtype given = array.dtype();
  return given.is(dtype) || given.equal(dtype) ? array.data() : nullptr;
}

/// publish(message): an array of one message is copied as it lies; anything else goes through `_packed`.
PyObject* publish_one(PyObject* self, PyObject* message) {
  auto* const writer = self_of<PyRingWriter>(self);
  if (writer == nullptr) return nullptr;
  try {
    py::object packed;
    const void* bytes = message_in(message, writer->dtype());
    if (bytes == nullptr) {
      packed = py::handle(self).attr("_packed")(py::handle(message));
      bytes = message_in(packed.ptr(), writer->dtype());
      if (bytes == nullptr) throw InputError("the ring '" + writer->name() + "': this is not one message of its dtype");
    }
    return PyLong_FromUnsignedLongLong(writer->publish(bytes, 1));
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const InputError& error) {
    PyErr_SetString(error_class("InputError"), error.what());
  } catch (const ShmError& error) {
    PyErr_SetString(error_class("ShmError"), error.what());
  }
  return nullptr;
}

PyMethodDef publish_def = {"publish", publish_one, METH_O,
                           "publish($self, message, /)\n--\n\n"
                           "Publish one message and return its sequence: an array of one, a record, a tuple or a\n"
                           "mapping of the fields."};

SegmentSpec spec_from(std::uint64_t capacity, const py::dtype& dtype, std::uint32_t rows, const py::object& key_at,
                      std::string schema) {
  SegmentSpec spec;
  spec.capacity = capacity;
  spec.message_bytes = static_cast<std::uint32_t>(dtype.itemsize());
  spec.rows = rows;
  spec.key_at = key_at.is_none() ? SegmentSpec::no_key : py::cast<std::uint32_t>(key_at);
  spec.schema = std::move(schema);
  return spec;
}

void bind_writer(py::module_& m) {
  auto type =
      py::class_<PyRingWriter>(m, "RingWriter", "The one writer of a segment of shared memory.")
          .def(py::init([](std::string folder, std::string name, const py::dtype& dtype, std::uint64_t capacity,
                           std::uint32_t rows, const py::object& key_at, std::string schema, unsigned mode) {
                 return std::make_unique<PyRingWriter>(std::move(folder), std::move(name), dtype,
                                                       spec_from(capacity, dtype, rows, key_at, std::move(schema)),
                                                       mode);
               }),
               py::arg("folder"), py::arg("name"), py::arg("dtype"), py::arg("capacity"), py::arg("rows"),
               py::arg("key_at"), py::arg("schema"), py::arg("mode"))
          .def("_publish_many", &PyRingWriter::publish_many)
          .def("_check", &PyRingWriter::check)
          .def_property_readonly("_names", &PyRingWriter::names)
          .def("_name_row", &PyRingWriter::name_row)
          .def("skip", &PyRingWriter::skip, py::arg("to"), py::pos_only(),
               "Leave out the sequences up to this one: readers are told that they missed them.")
          .def(
              "beat", [](PyRingWriter& self) { self.ring().beat(); },
              "Say that the writer lives, when there is nothing to publish.")
          .def("close", &PyRingWriter::close, py::arg("keep") = false,
               "Say that nothing more comes, and remove the segment unless it is kept.")
          .def_property_readonly("name", &PyRingWriter::name)
          .def_property_readonly("folder", &PyRingWriter::folder)
          .def_property_readonly("dtype", &PyRingWriter::dtype)
          .def_property_readonly("closed", &PyRingWriter::closed)
          .def_property_readonly("next", &PyRingWriter::next)
          .def_property_readonly("capacity", [](const PyRingWriter& self) { return self.segment().spec.capacity; })
          .def_property_readonly("rows", [](const PyRingWriter& self) { return self.segment().spec.rows; })
          .def_property_readonly("taken_over", [](const PyRingWriter& self) { return self.segment().taken_over; });
  put_method(type, publish_def);
}

void bind_reader(py::module_& m) {
  py::class_<PyRingReader>(m, "RingReader", "One reader of a segment of shared memory; it only loads.")
      .def(py::init<std::string, std::string>(), py::arg("folder"), py::arg("name"))
      .def("_become", &PyRingReader::become)
      .def("_read", &PyRingReader::read)
      .def("_view", &PyRingReader::view)
      .def("_newest", &PyRingReader::newest)
      .def("_newest_of", &PyRingReader::newest_of)
      .def("_wait", &PyRingReader::wait)
      .def("_seek", [](PyRingReader& self, std::uint64_t to) { self.ring().seek(to); })
      .def("_intact", [](const PyRingReader& self, std::uint64_t first) { return self.ring().intact(first); })
      .def_property_readonly("_schema", [](const PyRingReader& self) { return self.segment().spec.schema; })
      .def_property_readonly("_state", [](const PyRingReader& self) { return static_cast<int>(self.ring().state()); })
      .def_property_readonly("_heartbeat", [](const PyRingReader& self) { return self.ring().live().heartbeat.load(); })
      .def_property_readonly("_created", [](const PyRingReader& self) { return self.ring().live().created.load(); })
      .def_property_readonly("_has_name", [](const PyRingReader& self) { return has_name(*self.segment().mapping); })
      .def_property_readonly("name", &PyRingReader::name)
      .def_property_readonly("folder", &PyRingReader::folder)
      .def_property_readonly("dtype", &PyRingReader::dtype)
      .def_property_readonly("next", [](const PyRingReader& self) { return self.ring().next(); })
      .def_property_readonly("end", [](const PyRingReader& self) { return self.ring().end(); })
      .def_property_readonly("oldest", [](const PyRingReader& self) { return self.ring().oldest(); })
      .def_property_readonly("capacity", [](const PyRingReader& self) { return self.segment().spec.capacity; })
      .def_property_readonly("rows", [](const PyRingReader& self) { return self.ring().rows(); })
      .def_property_readonly("names", &PyRingReader::names)
      .def_property_readonly("bytes", [](const PyRingReader& self) { return self.ring().layout().bytes; })
      .def_property_readonly("epoch", [](const PyRingReader& self) { return self.ring().live().epoch.load(); })
      .def_property_readonly("writer_pid", [](const PyRingReader& self) { return self.ring().live().writer.load(); })
      .def_property_readonly("writer_alive",
                             [](const PyRingReader& self) { return has_writer(*self.segment().mapping); });
}

}  // namespace

void bind_shm(py::module_& m) {
  bind_writer(m);
  bind_reader(m);
  m.def("shm_names", &segment_names, "The names of the segments in a folder.");
  m.def("shm_remove", &remove_segment, "Remove a segment that has no writer; False when it has one.");
}

}  // namespace fastcore::python
