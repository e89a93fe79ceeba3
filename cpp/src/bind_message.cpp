#include "bind_message.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "digits.hpp"

namespace py = pybind11;

namespace fastcore::python {

namespace {

template <class T>
std::uint64_t bits_in(T value) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <class T>
T value_of(std::uint64_t bits) noexcept {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// A whole number in the bits of a field of type T; false where it does not fit.
template <class T>
bool whole_bits(PyObject* value, std::uint64_t& bits) noexcept {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0 || number < static_cast<long long>(std::numeric_limits<T>::min()) ||
      number > static_cast<long long>(std::numeric_limits<T>::max()))
    return false;
  bits = static_cast<std::make_unsigned_t<T>>(number);
  return true;
}
bool unsigned_bits(PyObject* value, std::uint64_t& bits) noexcept {
  bits = PyLong_AsUnsignedLongLong(value);
  if (bits != static_cast<std::uint64_t>(-1) || PyErr_Occurred() == nullptr) return true;
  PyErr_Clear();
  return false;
}

bool float_bits(double value, std::uint64_t& bits) noexcept {
  const auto narrow = static_cast<float>(value);
  bits = bits_in(narrow);
  return !std::isinf(narrow) || std::isinf(value);  // NumPy warns
}

}  // namespace

/// Puts fields together, word by word: a word is stored once, when it is whole.
class MessageForm::Words {
 public:
  explicit Words(std::uint64_t* out) noexcept : out_(out) {}

  /// The next field. What lies between fields is nobody's, and 0.
  void put(const Field& field, std::uint64_t bits) noexcept {
    while (at_ < field.word) next(0);
    word_ |= bits << field.shift;
    if (field.shift + field.bits > 64) next(bits >> (64 - field.shift));
  }
  void finish(std::size_t count) noexcept {
    while (at_ < count) next(0);
  }

 private:
  void next(std::uint64_t word) noexcept {
    out_[at_++] = word_;
    word_ = word;
  }

  std::uint64_t* out_;
  std::size_t at_ = 0;
  std::uint64_t word_ = 0;
};

MessageForm::MessageForm(const py::dtype& dtype)
    : words_((static_cast<std::size_t>(dtype.itemsize()) + 7) / 8),
      named_(!py::object(dtype.attr("names")).is_none()),
      float64_(py::dtype::of<double>().attr("type")) {
  if (words_ > most_words) return;
  if (!named_) {
    add(dtype, 0);
    return;
  }
  const py::object parts = dtype.attr("fields");
  std::size_t end = 0;
  for (const py::handle name : py::object(dtype.attr("names"))) {
    const auto part = py::reinterpret_borrow<py::tuple>(parts[name]);
    const auto kind = py::reinterpret_borrow<py::dtype>(part[0]);
    const auto at = py::cast<std::size_t>(part[1]);
    if (at < end || !add(kind, at)) {
      fields_.clear();
      return;
    }
    names_.push_back(py::reinterpret_borrow<py::object>(name));
    end = at + static_cast<std::size_t>(kind.itemsize());
  }
}

/// Whether it is of a kind that is known.
bool MessageForm::add(const py::dtype& dtype, std::size_t at) {
  const Kind kind = kind_of(dtype);
  if (kind == Kind::none) return false;
  const auto bits = static_cast<unsigned>(dtype.itemsize() * 8);
  const char type = dtype.kind();
  const std::uint64_t all = ~std::uint64_t{0} >> (64 - bits);
  const std::uint64_t most = type == 'i' ? all >> 1 : type == 'u' ? std::min<std::uint64_t>(all, INT64_MAX) : 0;
  fields_.push_back({static_cast<std::int64_t>(most), static_cast<std::uint16_t>(at / 8), kind,
                     static_cast<std::uint8_t>(at % 8 * 8), static_cast<std::uint8_t>(bits)});
  return true;
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

bool MessageForm::pack(PyObject* message, std::uint64_t* out) const noexcept {
  if (!plain()) return false;
  Words words(out);
  const auto put = [&](const Field& field, PyObject* value) {
    std::uint64_t bits = 0;
    if (value == nullptr || !bits_of(field, value, bits)) return false;
    words.put(field, bits);
    return true;
  };
  const auto count = static_cast<Py_ssize_t>(fields_.size());
  if (!named_) {
    if (!put(fields_[0], message)) return false;
  } else if (PyTuple_CheckExact(message)) {
    if (PyTuple_GET_SIZE(message) != count) return false;
    for (Py_ssize_t i = 0; i < count; ++i)
      if (!put(fields_[static_cast<std::size_t>(i)], PyTuple_GET_ITEM(message, i))) return false;
  } else {
    if (!PyDict_CheckExact(message) || PyDict_GET_SIZE(message) != count) return false;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      PyObject* const value = PyDict_GetItemWithError(message, names_[i].ptr());
      if (value == nullptr) PyErr_Clear();
      if (!put(fields_[i], value)) return false;
    }
  }
  words.finish(words_);
  return true;
}

inline bool MessageForm::bits_of(const Field& field, PyObject* value, std::uint64_t& bits) const noexcept {
  if (PyFloat_CheckExact(value) && field.kind == Kind::f8) {
    bits = bits_in(PyFloat_AS_DOUBLE(value));
    return true;
  }
  if (PyLong_CheckExact(value)) {
    Py_ssize_t few = 0;
    std::int64_t many = 0;
    if (short_whole(value, few) ? few <= field.most : long_whole(value, many) && many <= field.most) {
      bits = static_cast<std::uint64_t>(few) | static_cast<std::uint64_t>(many);
      return true;
    }
  }
  return other_bits(field, value, bits);
}

bool MessageForm::other_bits(const Field& field, PyObject* value, std::uint64_t& bits) const noexcept {
  if (PyFloat_CheckExact(value) || Py_TYPE(value) == reinterpret_cast<PyTypeObject*>(float64_.ptr())) {
    const double number = PyFloat_AS_DOUBLE(value);
    bits = bits_in(number);
    return field.kind == Kind::f8 || (field.kind == Kind::f4 && float_bits(number, bits));
  }
  if (!PyLong_CheckExact(value)) {
    bits = value == Py_True ? 1 : 0;
    return field.kind == Kind::truth && PyBool_Check(value) != 0;
  }
  switch (field.kind) {
    case Kind::i1: return whole_bits<std::int8_t>(value, bits);
    case Kind::i2: return whole_bits<std::int16_t>(value, bits);
    case Kind::i4: return whole_bits<std::int32_t>(value, bits);
    case Kind::i8: return whole_bits<std::int64_t>(value, bits);
    case Kind::u1: return whole_bits<std::uint8_t>(value, bits);
    case Kind::u2: return whole_bits<std::uint16_t>(value, bits);
    case Kind::u4: return whole_bits<std::uint32_t>(value, bits);
    case Kind::u8: return unsigned_bits(value, bits);
    case Kind::f4:
    case Kind::f8: {
      const double number = PyLong_AsDouble(value);
      if (number == -1.0 && PyErr_Occurred() != nullptr) {
        PyErr_Clear();
        return false;
      }
      bits = bits_in(number);
      return field.kind == Kind::f8 || float_bits(number, bits);
    }
    default: return false;
  }
}

inline PyObject* MessageForm::get(const Field& field, const std::uint64_t* message) noexcept {
  std::uint64_t bits = message[field.word] >> field.shift;
  if (field.shift + field.bits > 64) bits |= message[field.word + 1] << (64 - field.shift);
  switch (field.kind) {
    case Kind::truth: return PyBool_FromLong(value_of<std::uint8_t>(bits));
    case Kind::i1: return PyLong_FromLong(value_of<std::int8_t>(bits));
    case Kind::i2: return PyLong_FromLong(value_of<std::int16_t>(bits));
    case Kind::i4: return PyLong_FromLong(value_of<std::int32_t>(bits));
    case Kind::i8: return whole_of(value_of<std::int64_t>(bits));
    case Kind::u1: return PyLong_FromLong(value_of<std::uint8_t>(bits));
    case Kind::u2: return PyLong_FromLong(value_of<std::uint16_t>(bits));
    case Kind::u4: return whole_of(value_of<std::uint32_t>(bits));
    case Kind::u8: return PyLong_FromUnsignedLongLong(bits);
    case Kind::f4: return PyFloat_FromDouble(static_cast<double>(value_of<float>(bits)));
    default: return PyFloat_FromDouble(value_of<double>(bits));
  }
}

/// One that nobody else has, whose items are those of an earlier message, or none yet. Not for Pythons that keep the
/// hash of a tuple in it.
PyObject* MessageForm::tuple() {
  py::object& last = tuples_[turn_ ^= 1];
#if PY_VERSION_HEX < 0x030e0000
  if (last && Py_REFCNT(last.ptr()) == 1) return last.inc_ref().ptr();
#endif
  PyObject* const fresh = PyTuple_New(static_cast<Py_ssize_t>(fields_.size()));
  last = py::reinterpret_borrow<py::object>(fresh);
  return fresh;
}

PyObject* MessageForm::unpack(const std::uint64_t* message) {
  if (!named_) return get(fields_[0], message);
  PyObject* const values = tuple();
  if (values == nullptr) return nullptr;
  PyObject** item = &PyTuple_GET_ITEM(values, 0);
  for (const Field& field : fields_) {
    PyObject* const value = get(field, message);
    if (value == nullptr) {
      Py_DECREF(values);
      return nullptr;
    }
    PyObject* const before = *item;
    *item++ = value;
    Py_XDECREF(before);
  }
  return values;
}

}  // namespace fastcore::python
