// Indicators that are a formula over one window. They declare which aggregate they need of how many
// values, and a formula over its summary; who keeps the window is decided elsewhere. On its own an
// indicator has one to itself; in an engine all that ask for the same window share it.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "fastcore/spec.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

/// Whether T is a formula over one window.
template <class T, class = void>
struct IsWindowed : std::false_type {};
template <class T>
struct IsWindowed<T, std::void_t<typename T::Aggregate>> : std::true_type {};

/// A formula T with a window of its own.
template <class T>
class Windowed {
 public:
  using Params = typename decltype(T::spec())::Params;
  static constexpr std::size_t outputs = decltype(T::spec())::output_count;

  Windowed(const Params& params, Arena& arena) : window_(T::window(params), arena), formula_(params) {}

  auto operator()(double x) noexcept { return formula_(window_.push(x), x); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, outputs>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, formula_);
  }
  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, outputs>& out,
                     std::size_t n) noexcept {
    return window_.run_if_finite(in[0], n, out, formula_);
  }

  std::size_t best_rows(std::size_t most) const noexcept { return window_.best_rows(most); }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  Window<typename T::Aggregate> window_;
  T formula_;
};

/// A window that others read: its outputs are the numbers of the summary.
struct WindowParams {
  int period = 1;
};
template <class Aggregate>
class SharedWindow {
 public:
  static constexpr std::size_t numbers = Aggregate::gives.size();

  static constexpr auto spec() {
    Spec<WindowParams, 1, numbers, 1> s{
        Aggregate::name, "A window that several indicators read.", "", "", {"close"}, {}, {}};
    s.params_[0] = param("period", &WindowParams::period, 1, longest_period, "values in the window");
    return s;
  }
  static constexpr int warmup(const WindowParams&) { return 1; }

  SharedWindow(const WindowParams& p, Arena& arena) : window_(p.period, arena) {}

  std::array<double, numbers> operator()(double x) noexcept { return window_.push(x).numbers(); }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static std::array<V, numbers> across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    return walk(self.window_, close).numbers();
  }

 private:
  Window<Aggregate> window_;
};

template <class T>
class Reader;
/// Whether T is nothing but a formula, and can be asked for four symbols at once.
template <class T>
struct IsLaneFormula : std::false_type {};
template <class T>
struct IsLaneFormula<Reader<T>>
    : std::is_invocable<const T&, const typename T::Aggregate::template Summary<Lanes>&, const Lanes&> {};

/// A formula T that reads a shared window: inputs are the value and the numbers of the summary.
template <class T>
class Reader {
 public:
  using Params = typename decltype(T::spec())::Params;
  using Summary = typename T::Aggregate::template Summary<double>;
  static constexpr std::size_t numbers = T::Aggregate::gives.size();
  /// A summary that has overflowed is the formula's business; only the value decides whether a row counts.
  static constexpr std::size_t checked_inputs = 1;

  static constexpr auto spec() {
    constexpr auto own = T::spec();
    return Spec<Params, 1 + numbers, outputs, decltype(own)::param_count>{own.name_, own.doc_,     "",         "",
                                                                          {},        own.outputs_, own.params_};
  }
  static constexpr int warmup(const Params& p) { return T::warmup(p); }

  explicit Reader(const Params& params) : formula_(params) {}

  template <class... Numbers>
  auto operator()(double x, Numbers... summary) noexcept -> decltype(std::declval<T&>()(Summary{summary...}, x)) {
    return formula_(Summary{summary...}, x);
  }
  /// The same for four symbols at once, which have their parameters in common.
  template <class... Numbers>
  auto lanes(const Lanes& x, const Numbers&... summary) const noexcept {
    return formula_(typename T::Aggregate::template Summary<Lanes>{summary...}, x);
  }

  template <class Archive>
  void state(Archive&) {}

 private:
  static constexpr std::size_t outputs = decltype(T::spec())::output_count;
  T formula_;
};

}  // namespace fastcore
