// C++ exceptions that become the Python exceptions of fastcore.errors.
#pragma once

#include <pybind11/pybind11.h>

#include <stdexcept>

namespace fastcore::python {

/// Values of the wrong shape or unit.
class InputError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};
/// Values of a kind that is never right: Python's TypeError.
class WrongType : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};
/// A tick, quote or bar that was refused, and counted, where the policy asks for an error.
class TickError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};
/// Another thread is inside.
class BusyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// No such column, symbol or indicator.
class UnknownName : public std::out_of_range {
 public:
  using std::out_of_range::out_of_range;
};

/// Python's class for an error raised by a fastcall method, such as "TickError".
PyObject* error_class(const char* name) noexcept;

void bind_errors();

}  // namespace fastcore::python
