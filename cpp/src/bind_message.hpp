// One message of shared memory as Python values: a tuple of its fields or a single number, in and out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fastcore::python {

/// The layout of messages whose fields are all plain numbers, for going around NumPy: through it a tuple costs
/// 1 us on its way into a message (bench `processes.handover`). It takes what it turns into the same bits as
/// NumPy would, and leaves all else, and all complaints, to NumPy.
///
/// A message is worked on as words of 8 bytes, as it lies in its slot. Fields need not begin at words: one that is
/// written by itself and then read as a part of two words, or the other way round, waits for the cache. A publish and a
/// take in one process: 87 ns before, 82 in words, 68 with digits read here and tuples used again (bench
/// `processes.handover`). Fields that overlap or go back are left to NumPy.
class MessageForm {
 public:
  /// Messages of up to so many words; a caller has room for one on its stack.
  static constexpr std::size_t most_words = 64;

  explicit MessageForm(const pybind11::dtype& dtype);

  /// Whether messages of this dtype are taken at all.
  bool plain() const noexcept { return !fields_.empty(); }

  /// Puts a tuple, a dict of the fields or a number into a message; false, without a Python error, for what is
  /// left to NumPy. `out` has room for most_words.
  bool pack(PyObject* message, std::uint64_t* out) const noexcept;

  /// A message as `item()` of its array gives it. A new reference; null with a Python error set. Fills one of the last
  /// two tuples anew where nobody else holds it, as zip() does: a loop that keeps the last message needs two.
  PyObject* unpack(const std::uint64_t* message);

 private:
  enum class Kind : std::uint8_t { truth, i1, i2, i4, i8, u1, u2, u4, u8, f4, f8, none };
  struct Field {
    std::int64_t most;   // of whole numbers, as far as digits are read; 0 for other kinds
    std::uint16_t word;  // its first
    Kind kind;
    std::uint8_t shift;  // bits of its first word that come before it
    std::uint8_t bits;   // of it
  };
  class Words;

  bool add(const pybind11::dtype& dtype, std::size_t at);
  bool bits_of(const Field& field, PyObject* value, std::uint64_t& bits) const noexcept;
  bool other_bits(const Field& field, PyObject* value, std::uint64_t& bits) const noexcept;
  static Kind kind_of(const pybind11::dtype& dtype);
  static PyObject* get(const Field& field, const std::uint64_t* message) noexcept;
  PyObject* tuple();

  std::vector<Field> fields_;
  std::vector<pybind11::object> names_;  // of the fields
  pybind11::object tuples_[2];
  unsigned turn_ = 0;  // of them
  std::size_t words_;
  bool named_;
  pybind11::object float64_;  // NumPy's type of a double: what reading a row gives
};

}  // namespace fastcore::python
