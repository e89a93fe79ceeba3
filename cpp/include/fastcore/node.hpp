// The one rule for input and warm-up, around every indicator: a row with a non-finite input gives NaN
// and leaves the state as it was; an output is NaN until its warm-up is over. Indicators write
// neither; they see finite numbers only, and what they return too early is not shown.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "fastcore/candles/pattern.hpp"
#include "fastcore/finite.hpp"
#include "fastcore/memory/arena.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

namespace detail {

template <class T, class In, class Out, class = void>
struct HasRun : std::false_type {};
template <class T, class In, class Out>
struct HasRun<T, In, Out,
              std::void_t<decltype(std::declval<T&>().run(std::declval<In>(), std::declval<Out>(), std::size_t{}))>>
    : std::true_type {};
/// Whether T looks itself for rows that are not finite: `run_if_finite` then gives false, and nothing has happened.
template <class T, class In, class Out, class = void>
struct Looks : std::false_type {};
template <class T, class In, class Out>
struct Looks<
    T, In, Out,
    std::void_t<decltype(std::declval<T&>().run_if_finite(std::declval<In>(), std::declval<Out>(), std::size_t{}))>>
    : std::true_type {};

/// What of T lies in a node: T itself, a formula with a window of its own, or a pattern with its candles.
template <class T, bool = IsWindowed<T>::value, bool = IsPattern<T>::value>
struct BodyOf {
  using type = T;
};
template <class T>
struct BodyOf<T, true, false> {
  using type = Windowed<T>;
};
template <class T>
struct BodyOf<T, false, true> {
  using type = PatternAlone<T>;
};

/// Whether T reads its inputs, and what lies behind them, as one block of cells.
template <class T, class = void>
struct ReadsBlock : std::false_type {};
template <class T>
struct ReadsBlock<T, std::void_t<decltype(T::reads_block)>> : std::true_type {};

/// How many cells a T writes: one for each output, unless it writes a block for others to read.
template <class T, class = void>
struct CellsOf : std::integral_constant<std::size_t, decltype(T::spec())::output_count> {};
template <class T>
struct CellsOf<T, std::void_t<typename T::Block>> : std::integral_constant<std::size_t, T::cells> {};

/// Rows that T takes at once. A window gains by long chunks, whose last rows make no stretch; others by staying in the
/// cache, unless they say otherwise.
template <class T, class = void>
struct BatchRows : std::integral_constant<std::size_t, IsWindowed<T>::value ? window_rows : chunk_rows / 2> {};
template <class T>
struct BatchRows<T, std::void_t<decltype(T::batch_rows)>> : std::integral_constant<std::size_t, T::batch_rows> {};
/// Whether that many are but the most, and the state T chooses.
template <class T, class = void>
struct ChoosesRows : std::false_type {};
template <class T>
struct ChoosesRows<T, std::void_t<decltype(std::declval<const T&>().best_rows(std::size_t{}))>> : std::true_type {};

/// How many of T's inputs decide whether a row counts: all, unless it says otherwise.
template <class T, class = void>
struct CheckedInputs : std::integral_constant<std::size_t, decltype(T::spec())::input_count> {};
template <class T>
struct CheckedInputs<T, std::void_t<decltype(T::checked_inputs)>>
    : std::integral_constant<std::size_t, T::checked_inputs> {};

/// T(params, arena) or T(params), whichever it has.
template <class T, class P>
T construct(const P& params, [[maybe_unused]] Arena& arena) {
  if constexpr (std::is_constructible_v<T, const P&, Arena&>) {
    return T(params, arena);
  } else {
    static_assert(std::is_constructible_v<T, const P&>, "an indicator is constructed from (params, arena) or (params)");
    return T(params);
  }
}

}  // namespace detail

/// An indicator T with its warm-up, as it lies in an arena.
template <class T>
class Node {
  using Body = typename detail::BodyOf<T>::type;

 public:
  using Params = typename decltype(T::spec())::Params;
  static constexpr std::size_t input_count = decltype(T::spec())::input_count;
  static constexpr std::size_t output_count = decltype(T::spec())::output_count;
  static constexpr std::size_t cell_count = detail::CellsOf<T>::value;
  using Inputs = std::array<const double*, input_count>;
  using Outputs = std::array<double*, output_count>;

  static_assert(input_count >= 1, "an indicator has inputs: add .inputs(...) to its spec");
  static_assert(output_count >= 1, "an indicator has outputs: add .outputs(...) to its spec");
  static_assert(std::is_trivially_copyable_v<Body>,
                "a state is copied byte by byte for peek: keep arrays in the arena");

  Node(const Params& params, Arena& arena) : body_(detail::construct<Body>(params, arena)), warmup_(warmup(params)) {
    for (const int rows : warmup_) settled_ = rows > settled_ ? rows : settled_;
  }

  /// Rows until each output's first value, that row included.
  static std::array<int, output_count> warmup(const Params& params) noexcept {
    using Result = decltype(T::warmup(params));
    if constexpr (std::is_same_v<Result, int>) {
      std::array<int, output_count> all{};
      all.fill(T::warmup(params));
      return all;
    } else {
      static_assert(std::is_same_v<Result, std::array<int, output_count>>,
                    "warmup gives one int, or one for each output");
      return T::warmup(params);
    }
  }

  /// Takes one row of inputs and writes one row of outputs.
  void step(const double* in, double* out) noexcept {
    if (finite_row(in, std::make_index_sequence<input_count>())) {
      step_settled(in, out);
      if (rows_ != settled_) hide(out);
    } else {
      for (std::size_t k = 0; k < cell_count; ++k) out[k] = quiet_nan;
    }
  }

  /// The same, when it is known that the inputs are finite and the node is ready.
  void step_settled(const double* in, double* out) noexcept {
    put_row(in, out, std::make_index_sequence<input_count>());
  }

  /// What `step` would write; the state stays.
  void peek(const double* in, double* out) const noexcept {
    Node copy = *this;
    copy.step(in, out);
  }

  /// As n steps over columns, faster.
  void run(Inputs in, Outputs out, std::size_t n) noexcept {
    const std::size_t most = batch_rows();
    for (std::size_t done = 0; done < n; done += most) {
      const std::size_t rows = n - done < most ? n - done : most;
      if (!run_finite(in, out, rows)) run_by_rows(in, out, rows);
      for (const double*& column : in) column += rows;
      for (double*& column : out) column += rows;
    }
  }

  bool ready() const noexcept { return rows_ == settled_; }
  /// The indicator's own numbers, which go on elsewhere for a while where it says how.
  Body& body() noexcept { return body_; }
  const Body& body() const noexcept { return body_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("finite_rows", rows_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > settled_) archive.fail("finite_rows");
    }
    body_.state(archive);
  }

 private:
  std::size_t batch_rows() const noexcept {
    constexpr std::size_t most = detail::BatchRows<T>::value;
    if constexpr (detail::ChoosesRows<Body>::value) {
      return body_.best_rows(most);
    } else {
      return most;
    }
  }

  template <std::size_t... I>
  static bool finite_row(const double* in, std::index_sequence<I...>) noexcept {
    return ((I >= detail::CheckedInputs<T>::value || std::isfinite(in[I])) && ...);
  }

  template <std::size_t... I>
  void put_row(const double* in, double* out, std::index_sequence<I...>) noexcept {
    const auto result = call(in, std::index_sequence<I...>());
    using Result = std::remove_const_t<decltype(result)>;
    if constexpr (std::is_same_v<Result, double>) {
      static_assert(cell_count == 1, "an indicator with several outputs returns std::array<double, outputs>");
      out[0] = result;
    } else {
      static_assert(std::is_same_v<Result, std::array<double, cell_count>>,
                    "operator() returns one double for each output of the spec");
      write(result, out, std::make_index_sequence<cell_count>());
    }
  }

  template <std::size_t... I>
  auto call(const double* in, std::index_sequence<I...>) noexcept {
    if constexpr (detail::ReadsBlock<T>::value) {
      return body_(in);
    } else {
      return body_(in[I]...);
    }
  }

  template <class Result, std::size_t... K>
  static void write(const Result& result, double* out, std::index_sequence<K...>) noexcept {
    ((out[K] = result[K]), ...);
  }

  /// A row of the warm-up: outputs that are not there yet are NaN.
  [[gnu::cold, gnu::noinline]] void hide(double* out) noexcept {
    ++rows_;
    for (std::size_t k = 0; k < output_count; ++k) {
      if (rows_ < warmup_[k]) out[k] = quiet_nan;
    }
  }

  /// As `run_by_rows`, unless a row is not finite or there is no faster way: then nothing has happened, and it says so.
  bool run_finite(const Inputs& in, const Outputs& out, std::size_t n) noexcept {
    constexpr bool looks = detail::Looks<Body, const Inputs&, const Outputs&>::value;
    if constexpr (!looks && !detail::HasRun<Body, const Inputs&, const Outputs&>::value) {
      return false;
    } else {
      if constexpr (looks) {
        if (!body_.run_if_finite(in, out, n)) return false;
      } else {
        if (!detail::all_finite(in, n)) return false;
        body_.run(in, out, n);
      }
      for (std::size_t k = 0; k < output_count; ++k) {
        for (std::size_t i = 0; i < n && rows_ + static_cast<int>(i) + 1 < warmup_[k]; ++i) out[k][i] = quiet_nan;
      }
      const auto missing = static_cast<std::size_t>(settled_ - rows_);
      rows_ = n < missing ? rows_ + static_cast<int>(n) : settled_;
      return true;
    }
  }

  void run_by_rows(const Inputs& in, const Outputs& out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
      double row[input_count];
      double results[cell_count];
      for (std::size_t k = 0; k < input_count; ++k) row[k] = in[k][i];
      step(row, results);
      for (std::size_t k = 0; k < output_count; ++k) out[k][i] = results[k];
    }
  }

  Body body_;
  int rows_ = 0;     // finite rows so far, counted up to `settled_`
  int settled_ = 1;  // from this row on all outputs are there
  std::array<int, output_count> warmup_;
};

}  // namespace fastcore
