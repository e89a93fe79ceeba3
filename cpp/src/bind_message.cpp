#include "bind_message.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace py = pybind11;

namespace fastcore::python {

namespace {

template <class T>
void store(unsigned char* out, T value) noexcept {
  std::memcpy(out, &value, sizeof value);
}
template <class T>
T load(const unsigned char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Stores a whole number in a field of type T; false where it does not fit.
template <class T>
bool store_whole(PyObject* value, unsigned char* out) noexcept {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0 || number < static_cast<long long>(std::numeric_limits<T>::min()) ||
      number > static_cast<long long>(std::numeric_limits<T>::max()))
    return false;
  store(out, static_cast<T>(number));
  return true;
}
bool store_unsigned(PyObject* value, unsigned char* out) noexcept {
  const unsigned long long number = PyLong_AsUnsignedLongLong(value);
  if (number == static_cast<unsigned long long>(-1) && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    return false;
  }
  store(out, static_cast<std::uint64_t>(number));
  return true;
}

}  // namespace

MessageForm::MessageForm(const py::dtype& dtype)
    : bytes_(static_cast<std::size_t>(dtype.itemsize())),
      named_(!py::object(dtype.attr("names")).is_none()),
      float64_(py::dtype::of<double>().attr("type")) {
  if (bytes_ > most_bytes) return;
  if (!named_) {
    add(dtype, 0, py::none());
    return;
  }
  const py::object parts = dtype.attr("fields");
  std::size_t covered = 0;
  for (const py::handle name : py::object(dtype.attr("names"))) {
    const auto part = py::reinterpret_borrow<py::tuple>(parts[name]);
    add(py::reinterpret_borrow<py::dtype>(part[0]), py::cast<std::size_t>(part[1]),
        py::reinterpret_borrow<py::object>(name));
    if (fields_.empty()) return;
    covered += static_cast<std::size_t>(py::reinterpret_borrow<py::dtype>(part[0]).itemsize());
  }
  gaps_ = covered != bytes_;
}

void MessageForm::add(const py::dtype& dtype, std::size_t at, const py::object& name) {
  const Kind kind = kind_of(dtype);
  if (kind == Kind::none) {
    fields_.clear();
  } else {
    fields_.push_back({kind, at, name});
  }
}

MessageForm::Kind MessageForm::kind_of(const py::dtype& dtype) {
  if (!py::cast<bool>(dtype.attr("isnative"))) return Kind::none;
  const auto size = dtype.itemsize();
  const auto of_size = [size](Kind one, Kind two, Kind four, Kind eight) {
    return size == 1 ? one : size == 2 ? two : size == 4 ? four : size == 8 ? eight : Kind::none;
  };
  switch (dtype.kind()) {
    case 'b': return Kind::truth;
    case 'i': return of_size(Kind::i1, Kind::i2, Kind::i4, Kind::i8);
    case 'u': return of_size(Kind::u1, Kind::u2, Kind::u4, Kind::u8);
    case 'f': return of_size(Kind::none, Kind::none, Kind::f4, Kind::f8);
    default: return Kind::none;
  }
}

bool MessageForm::pack(PyObject* message, unsigned char* out) const noexcept {
  if (!plain()) return false;
  if (gaps_) std::memset(out, 0, bytes_);  // what lies between the fields is nobody's
  if (!named_) return put(fields_[0], message, out);
  const auto count = static_cast<Py_ssize_t>(fields_.size());
  if (PyTuple_CheckExact(message)) {
    if (PyTuple_GET_SIZE(message) != count) return false;
    for (Py_ssize_t i = 0; i < count; ++i)
      if (!put(fields_[static_cast<std::size_t>(i)], PyTuple_GET_ITEM(message, i), out)) return false;
    return true;
  }
  if (!PyDict_CheckExact(message) || PyDict_GET_SIZE(message) != count) return false;
  for (const Field& field : fields_) {
    PyObject* const value = PyDict_GetItemWithError(message, field.name.ptr());
    if (value == nullptr) PyErr_Clear();
    if (value == nullptr || !put(field, value, out)) return false;
  }
  return true;
}

bool MessageForm::put(const Field& field, PyObject* value, unsigned char* out) const noexcept {
  unsigned char* const to = out + field.at;
  if (PyFloat_CheckExact(value) || Py_TYPE(value) == reinterpret_cast<PyTypeObject*>(float64_.ptr()))
    return put_double(field.kind, PyFloat_AS_DOUBLE(value), to);
  if (PyLong_CheckExact(value)) return put_whole(field.kind, value, to);
  if (field.kind != Kind::truth || PyBool_Check(value) == 0) return false;
  store<std::uint8_t>(to, value == Py_True ? 1 : 0);
  return true;
}

bool MessageForm::put_double(Kind kind, double value, unsigned char* out) noexcept {
  if (kind == Kind::f8) {
    store(out, value);
    return true;
  }
  if (kind != Kind::f4) return false;
  const auto narrow = static_cast<float>(value);
  if (std::isinf(narrow) && !std::isinf(value)) return false;  // NumPy warns
  store(out, narrow);
  return true;
}

bool MessageForm::put_whole(Kind kind, PyObject* value, unsigned char* out) noexcept {
  switch (kind) {
    case Kind::i1: return store_whole<std::int8_t>(value, out);
    case Kind::i2: return store_whole<std::int16_t>(value, out);
    case Kind::i4: return store_whole<std::int32_t>(value, out);
    case Kind::i8: return store_whole<std::int64_t>(value, out);
    case Kind::u1: return store_whole<std::uint8_t>(value, out);
    case Kind::u2: return store_whole<std::uint16_t>(value, out);
    case Kind::u4: return store_whole<std::uint32_t>(value, out);
    case Kind::u8: return store_unsigned(value, out);
    case Kind::f4:
    case Kind::f8: {
      const double number = PyLong_AsDouble(value);
      if (number != -1.0 || PyErr_Occurred() == nullptr) return put_double(kind, number, out);
      PyErr_Clear();
      return false;
    }
    default: return false;
  }
}

PyObject* MessageForm::get(const Field& field, const unsigned char* message) noexcept {
  const unsigned char* const from = message + field.at;
  switch (field.kind) {
    case Kind::truth: return PyBool_FromLong(load<std::uint8_t>(from));
    case Kind::i1: return PyLong_FromLong(load<std::int8_t>(from));
    case Kind::i2: return PyLong_FromLong(load<std::int16_t>(from));
    case Kind::i4: return PyLong_FromLong(load<std::int32_t>(from));
    case Kind::i8: return PyLong_FromLongLong(load<std::int64_t>(from));
    case Kind::u1: return PyLong_FromLong(load<std::uint8_t>(from));
    case Kind::u2: return PyLong_FromLong(load<std::uint16_t>(from));
    case Kind::u4: return PyLong_FromLongLong(load<std::uint32_t>(from));
    case Kind::u8: return PyLong_FromUnsignedLongLong(load<std::uint64_t>(from));
    case Kind::f4: return PyFloat_FromDouble(static_cast<double>(load<float>(from)));
    default: return PyFloat_FromDouble(load<double>(from));
  }
}

PyObject* MessageForm::unpack(const unsigned char* message) const noexcept {
  if (!named_) return get(fields_[0], message);
  PyObject* const values = PyTuple_New(static_cast<Py_ssize_t>(fields_.size()));
  if (values == nullptr) return nullptr;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    PyObject* const value = get(fields_[i], message);
    if (value == nullptr) {
      Py_DECREF(values);
      return nullptr;
    }
    PyTuple_SET_ITEM(values, static_cast<Py_ssize_t>(i), value);
  }
  return values;
}

}  // namespace fastcore::python
