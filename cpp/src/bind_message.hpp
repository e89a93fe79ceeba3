// One message of shared memory as Python values: a tuple of its fields or a single number, in and out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <vector>

namespace fastcore::python {

/// The layout of messages whose fields are all plain numbers, for going around NumPy: through it a tuple costs
/// 1 us on its way into a message (bench `processes.handover`). It takes what it turns into the same bits as
/// NumPy would, and leaves all else, and all complaints, to NumPy.
class MessageForm {
 public:
  /// Messages of up to so many bytes; a caller has room for one on its stack.
  static constexpr std::size_t most_bytes = 512;

  explicit MessageForm(const pybind11::dtype& dtype);

  /// Whether messages of this dtype are taken at all.
  bool plain() const noexcept { return !fields_.empty(); }

  /// Puts a tuple, a dict of the fields or a number into a message; false, without a Python error, for what is
  /// left to NumPy. `out` has room for most_bytes.
  bool pack(PyObject* message, unsigned char* out) const noexcept;

  /// A message as `item()` of its array gives it. A new reference; null with a Python error set.
  PyObject* unpack(const unsigned char* message) const noexcept;

 private:
  enum class Kind { truth, i1, i2, i4, i8, u1, u2, u4, u8, f4, f8, none };
  struct Field {
    Kind kind;
    std::size_t at;
    pybind11::object name;  // none where the message is a single number
  };

  void add(const pybind11::dtype& dtype, std::size_t at, const pybind11::object& name);
  bool put(const Field& field, PyObject* value, unsigned char* out) const noexcept;
  static Kind kind_of(const pybind11::dtype& dtype);
  static bool put_whole(Kind kind, PyObject* value, unsigned char* out) noexcept;
  static bool put_double(Kind kind, double value, unsigned char* out) noexcept;
  static PyObject* get(const Field& field, const unsigned char* message) noexcept;

  std::vector<Field> fields_;
  std::size_t bytes_;
  bool named_;
  bool gaps_ = false;  // whether some bytes are of no field
  pybind11::object float64_;  // NumPy's type of a double: what reading a row gives
};

}  // namespace fastcore::python
