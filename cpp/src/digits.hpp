// Whole numbers of Python, read from their digits. Python's own function for it is a call of 60 instructions, 2 ns of a
// tick (bench `one_call`). Both readers are for exact ints, and take only what they are made for: where they say no,
// and for a Python whose digits lie in another way, that function is still there to be asked.
#pragma once

#include <Python.h>

#include <cstdint>

namespace fastcore::python {

#if PYLONG_BITS_IN_DIGIT == 30 && PY_VERSION_HEX < 0x030e0000
inline constexpr bool known_digits = true;
#else
inline constexpr bool known_digits = false;
#endif

#if PY_VERSION_HEX >= 0x030c0000
/// How many digits an int has that is above 0; -1 for others.
inline Py_ssize_t digit_count(const PyLongObject& number) noexcept {
  const auto tag = number.long_value.lv_tag;  // its lowest two bits: 0 above 0, 1 for 0, 2 below; then the count
  return (tag & 3) == 0 ? static_cast<Py_ssize_t>(tag >> 3) : -1;
}
inline const digit* digits_of(const PyLongObject& number) noexcept { return number.long_value.ob_digit; }
#else
inline Py_ssize_t digit_count(const PyLongObject& number) noexcept { return Py_SIZE(&number); }
inline const digit* digits_of(const PyLongObject& number) noexcept { return number.ob_digit; }
#endif

/// An int from 2^60 on that fits in 64 bits, as nanoseconds since 1970 have been from 2006 on.
inline bool long_whole(PyObject* value, std::int64_t& out) noexcept {
  const auto& number = *reinterpret_cast<const PyLongObject*>(value);
  if (!known_digits || digit_count(number) != 3) return false;
  const digit* const digits = digits_of(number);
  if (digits[2] > 7) return false;
  out = static_cast<std::int64_t>(digits[2]) << 60 | static_cast<std::int64_t>(digits[1]) << 30 | digits[0];
  return true;
}

/// An int from 1 to 2^30 - 1.
inline bool short_whole(PyObject* value, Py_ssize_t& out) noexcept {
  const auto& number = *reinterpret_cast<const PyLongObject*>(value);
  if (!known_digits || digit_count(number) != 1) return false;
  out = digits_of(number)[0];
  return true;
}

/// A Python int. By way of a long where that holds it: Python makes those of up to 30 bits in half the instructions.
inline PyObject* whole_of(std::int64_t value) noexcept {
  if constexpr (sizeof(long) == sizeof value) return PyLong_FromLong(static_cast<long>(value));
  return PyLong_FromLongLong(value);
}

}  // namespace fastcore::python
