// The window that indicators use: direct where it is short, of three blocks where it is not. Both
// forget exactly, so the choice shows in nothing but speed.
#pragma once

#include <array>
#include <cstddef>

#include "fastcore/window/blocks.hpp"
#include "fastcore/window/direct.hpp"

namespace fastcore {

/// The last `period` values and their aggregate, for any `Aggregate` of window/aggregates.hpp.
///
/// The summary is meaningful from the `period`-th push on. A copy shares the arrays and may push
/// once (a peek): what it writes is what the next push writes.
template <class Aggregate>
class Window {
 public:
  template <class V>
  using Summary = typename Aggregate::template Summary<V>;

  /// `period` >= 1 values.
  Window(int period, Arena& arena)
      : short_(period < DirectWindow<Aggregate>::too_long),
        direct_(short_ ? period : 1, arena),
        blocks_(short_ ? 2 : period, arena) {}

  /// Takes the newest value, forgets the oldest, and summarises the window.
  [[gnu::always_inline]] Summary<double> push(double x) noexcept {
    if (short_) return direct_.push(x);
    return blocks_.push(x);
  }

  /// Pushes x[0..n) and writes what `finish(summary, x)` makes of each summary (a
  /// number, or a std::array of numbers) to out[..][0..n). The same bits as `push`, faster.
  template <std::size_t Outputs, class Finish>
  void run(const double* x, std::size_t n, const std::array<double*, Outputs>& out, const Finish& finish) noexcept {
    if (short_) {
      direct_.run(x, n, out, finish);
    } else {
      blocks_.run(x, n, out, finish);
    }
  }
  /// The same, unless one of x is not finite: then it gives false, and nothing is taken.
  template <std::size_t Outputs, class Finish>
  bool run_if_finite(const double* x, std::size_t n, const std::array<double*, Outputs>& out,
                     const Finish& finish) noexcept {
    if (!short_) return blocks_.run_if_finite(x, n, out, finish);
    if (!detail::all_finite<1>({x}, n)) return false;
    direct_.run(x, n, out, finish);
    return true;
  }
  /// For aggregates whose summary is the number itself.
  void run(const double* x, std::size_t n, double* out) noexcept {
    run(x, n, std::array<double*, 1>{out}, [](const auto& summary, const auto&) { return summary; });
  }

  std::size_t best_rows(std::size_t most) const noexcept { return short_ ? most : blocks_.best_rows(most); }

  template <class Archive>
  void state(Archive& archive) {
    if (short_) {
      archive("direct", direct_);
    } else {
      archive("blocks", blocks_);
    }
  }

 private:
  template <class>
  friend class WindowColumns;

  bool short_;
  DirectWindow<Aggregate> direct_;
  BlockWindow<Aggregate> blocks_;
};

}  // namespace fastcore
