// One indicator on its own: a kernel, its parameters and a state. What Python's fc.SMA(20) holds, and
// what C++ users have without an engine.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fastcore/check.hpp"
#include "fastcore/kernel.hpp"
#include "fastcore/memory/arena.hpp"

namespace fastcore {

class Indicator {
 public:
  /// A fresh state; throws ParameterError.
  Indicator(const Kernel& kernel, const ParamValues& params);

  /// Takes one row of inputs; the outputs are then in `value()`. NaN while warming up.
  const double* update(const double* in) noexcept {
    kernel_->step(block_.data(), in, value_.data());
    return value_.data();
  }
  /// Writes what `update` would give; the state stays.
  void peek(const double* in, double* out) const noexcept { kernel_->peek(block_.data(), in, out); }
  /// As n updates over columns; `value()` is the last row then.
  void run(const double* const* in, double* const* out, std::size_t n) noexcept;
  /// Back to a fresh state.
  void reset();
  Indicator copy() const;

  /// The last row of outputs.
  const double* value() const noexcept { return value_.data(); }
  bool ready() const noexcept { return kernel_->ready(block_.data()); }
  /// Rows until all outputs are there.
  int warmup() const;
  const Kernel& kernel() const noexcept { return *kernel_; }
  const ParamValues& params() const noexcept { return params_; }

  /// Parameters, state and last row as bytes; O(window).
  std::string snapshot() const;
  /// An indicator from such bytes; throws SnapshotError.
  static Indicator restore(std::string_view bytes);

 private:
  const Kernel* kernel_;
  ParamValues params_;
  Block block_;
  std::array<double, max_outputs> value_;
};

}  // namespace fastcore
