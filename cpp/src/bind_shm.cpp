// The writer of a segment of shared memory, as fastcore.shm builds on it.
#include "bind_shm.hpp"

#include <sys/types.h>

#include <memory>
#include <string>

#include "bind.hpp"
#include "bind_message.hpp"
#include "digits.hpp"
#include "errors.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/ipc/broadcast_ring.hpp"
#include "fastcore/ipc/shm_file.hpp"

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
        form_(dtype_),
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

  /// The same of one message, as the words of a slot, of a writer that is `ready` and has its row.
  std::uint64_t publish_words(const std::uint64_t* words) noexcept {
    const std::uint64_t sequence = ring_.next();
    ring_.publish_words(words);
    return sequence;
  }
  bool fits(const std::uint64_t* words) const noexcept { return ring_.keys_fit(words, 1); }

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
  const MessageForm& form() const noexcept { return form_; }
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
  MessageForm form_;
  OwnedSegment segment_;
  RingWriter<> ring_;
  bool closed_ = false;
};

/// Whether an object is one message of a dtype in memory; then where it lies.
const void* message_in(PyObject* object, const py::dtype& dtype) {
  if (!py::isinstance<py::array>(object)) return nullptr;
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (array.size() != 1) return nullptr;
  const py::dtype given = array.dtype();
  return given.is(dtype) || given.equal(dtype) ? array.data() : nullptr;
}

/// publish(message) of what is no plain values, or cannot be published: an array of one message is copied as it lies,
/// and anything else goes through `_packed`.
[[gnu::noinline]] PyObject* publish_other(PyRingWriter& writer, PyObject* self, PyObject* message) {
  try {
    std::uint64_t plain[MessageForm::most_words];
    if (writer.form().pack(message, plain)) return PyLong_FromUnsignedLongLong(writer.publish(plain, 1));
    py::object packed;
    const void* bytes = message_in(message, writer.dtype());
    if (bytes == nullptr) {
      packed = py::handle(self).attr("_packed")(py::handle(message));
      bytes = message_in(packed.ptr(), writer.dtype());
      if (bytes == nullptr) throw InputError("the ring '" + writer.name() + "': this is not one message of its dtype");
    }
    return PyLong_FromUnsignedLongLong(writer.publish(bytes, 1));
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const InputError& error) {
    PyErr_SetString(error_class("InputError"), error.what());
  } catch (const ShmError& error) {
    PyErr_SetString(error_class("ShmError"), error.what());
  }
  return nullptr;
}

PyObject* publish_one(PyObject* self, PyObject* message) {
  auto* const writer = self_of<PyRingWriter>(self);
  if (writer == nullptr) return nullptr;
  std::uint64_t plain[MessageForm::most_words];
  // In this order: keys of a dict may be objects that compare themselves, and close the ring meanwhile.
  if (writer->form().pack(message, plain) && writer->ready() && writer->fits(plain))
    return whole_of(static_cast<std::int64_t>(writer->publish_words(plain)));  // 2^63 is 9,000 years at 30 M/s
  return publish_other(*writer, self, message);
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

}  // namespace

void bind_shm(py::module_& m) {
  bind_writer(m);
  bind_ring_reader(m);
  m.def("shm_names", &segment_names, "The names of the segments in a folder.");
  m.def("shm_remove", &remove_segment, "Remove a segment that has no writer; False when it has one.");
}

}  // namespace fastcore::python
