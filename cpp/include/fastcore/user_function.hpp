// Indicators that users write without a compiler of C++: one function of the inputs and of some numbers of state, as a
// pointer to machine code or as whatever the binding calls. Each gets a kernel of its own, so plans, snapshots and
// replay treat it like all others.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "fastcore/kernel.hpp"

namespace fastcore {

/// A function that cannot be defined.
class FunctionError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// What it takes: as many finite inputs, its state, which it may change; what it gives is NaN when it is no number.
struct UserFunction {
  using Call = double (*)(void* context, const double* in, double* state);

  std::string name;
  std::size_t inputs = 1;  ///< from 1 to max_inputs
  std::size_t state = 0;   ///< numbers that it keeps, at first 0; most_function_state at most
  int warmup = 1;          ///< rows until its first value
  Call call = nullptr;
  void* context = nullptr;
};

inline constexpr std::size_t most_functions = 128;
inline constexpr std::size_t most_function_state = 1024;

/// The kernel of a function. One of a name that is known replaces it wherever it runs, and must be of the same shape.
const Kernel& define(const UserFunction& function);

/// The kernel of a defined function, or null.
const Kernel* find_function(std::string_view name) noexcept;

}  // namespace fastcore
