// Indicators that are a pattern of the last candles. A pattern is a declaration and one function of as many
// candles as it looks at, oldest first, judged for a tick, or four of each for four rows of a batch. Who keeps
// them is decided elsewhere: on its own a pattern has them to itself; in an engine all patterns of the same bars
// share them.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "fastcore/candles/columns.hpp"
#include "fastcore/candles/window.hpp"
#include "fastcore/memory/arena.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

namespace candle {

/// The most candles that a pattern looks at.
inline constexpr int most_bars = 7;

/// How far into the body of an earlier candle the last one must reach.
struct PenetrationParams {
  double penetration = 0.3;
};
/// The same, to the middle of it.
struct MiddleParams {
  double penetration = 0.5;
};

/// The declaration of a pattern: `output` is the name in small letters, `formula` when it gives what.
template <class P = NoParams>
constexpr auto pattern(const char* name, const char* output, const char* doc, const char* formula) {
  constexpr auto common =
      describe<P>("", "")
          .source(
              "Nison, Japanese Candlestick Charting Techniques (1991), and Morris, Candlestick Charting Explained (1992); "
              "sizes and rows as TA-Lib's")
          .inputs("open", "high", "low", "close");
  auto named = common.formula(formula).outputs(signal(output));
  named.name_ = name;
  named.doc_ = doc;
  if constexpr (std::is_same_v<P, NoParams>) {
    return named;
  } else {
    return named.params(
        param("penetration", &P::penetration, 0.0, 3e37, "share of the first body that the last close reaches into"));
  }
}

}  // namespace candle

namespace detail {
template <class F>
struct PatternCall : std::false_type {};
template <class T, class First, class... Rest>
struct PatternCall<double (T::*)(First, Rest...) const noexcept> : std::is_same<First, const candle::Candle&> {
  static constexpr int bars = 1 + static_cast<int>(sizeof...(Rest));
};
}  // namespace detail

/// Whether T is a pattern of candles.
template <class T, class = void>
struct IsPattern : std::false_type {};
template <class T>
struct IsPattern<T, std::void_t<decltype(&T::template operator()<candle::Candle>)>>
    : detail::PatternCall<decltype(&T::template operator()<candle::Candle>)> {};

namespace detail {

/// What a pattern T finds in candles that are side by side, the newest first.
template <class T, std::size_t... I>
double find_pattern(const T& pattern, const candle::Candle* newest, std::index_sequence<I...>) noexcept {
  return pattern(newest[sizeof...(I) - 1 - I]...);
}
template <class T>
double find_pattern(const T& pattern, const candle::Candle* newest) noexcept {
  return find_pattern(pattern, newest, std::make_index_sequence<IsPattern<T>::bars>());
}

/// What it finds in candles that end in four rows of a batch.
template <class T, std::size_t... I>
Lanes find_pattern(const T& pattern, CandleColumns& columns, std::size_t row, std::index_sequence<I...>) noexcept {
  return pattern(candle::FourCandles(columns, row - (sizeof...(I) - 1 - I))...);
}

template <class T>
T make_pattern([[maybe_unused]] const typename decltype(T::spec())::Params& params) {
  if constexpr (std::is_empty_v<T>) {
    return T{};
  } else {
    return T(params);
  }
}

}  // namespace detail

/// A pattern T with candles of its own.
template <class T>
class PatternAlone {
 public:
  using Params = typename decltype(T::spec())::Params;

  explicit PatternAlone(const Params& params) : pattern_(detail::make_pattern<T>(params)) {}

  double operator()(double open, double high, double low, double close) noexcept {
    return detail::find_pattern(pattern_, candles_.push(open, high, low, close).data());
  }

  /// n <= CandleColumns::most rows.
  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double* const found = out[0];
    const bool few = n < few_rows;
    const auto before = candles_.sizes();
    const std::size_t head = few ? n : bars - 1;  // these look back beyond the columns
    for (std::size_t i = 0; i < head; ++i) found[i] = (*this)(in[0][i], in[1][i], in[2][i], in[3][i]);
    if (few) return;
    CandleColumns columns(in, n, before);
    for (std::size_t i = head; i < n; i += lane_count) {
      if (i + lane_count > n) i = n - lane_count;
      store(found + i, detail::find_pattern(pattern_, columns, i, std::make_index_sequence<bars>()));
    }
    candles_.leave(in, n);
  }

  template <class Archive>
  void state(Archive& archive) {
    candles_.state(archive);
  }

 private:
  static constexpr std::size_t bars = IsPattern<T>::bars;
  static constexpr std::size_t few_rows = 32;
  static_assert(bars + candle::reach <= few_rows, "candles_.leave() looks so many rows back");

  CandleWindow<static_cast<int>(bars)> candles_;
  T pattern_;
};

/// Candles that patterns read: what it writes is not one number for each output, but a block of cells, the
/// newest candle first.
class SharedCandles {
 public:
  static constexpr std::size_t cells = static_cast<std::size_t>(candle::most_bars) * candle::candle_numbers;
  using Block = std::array<double, cells>;

  static constexpr auto spec() {
    return describe<NoParams>("candles", "Candles that several patterns read.")
        .inputs("open", "high", "low", "close")
        .outputs(line("candles"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit SharedCandles(const NoParams& = {}) noexcept {}

  Block operator()(double open, double high, double low, double close) noexcept {
    Block block;
    std::memcpy(block.data(), candles_.push(open, high, low, close).data(), sizeof block);
    return block;
  }

  template <class Archive>
  void state(Archive& archive) {
    candles_.state(archive);
  }

 private:
  CandleWindow<candle::most_bars> candles_;
};

/// A pattern T that reads shared candles: its input is the first cell of their block, NaN for a bar that does
/// not count.
template <class T>
class PatternReader {
 public:
  using Params = typename decltype(T::spec())::Params;
  static constexpr bool reads_block = true;

  static constexpr auto spec() {
    constexpr auto own = T::spec();
    return Spec<Params, 1, 1, decltype(own)::param_count>{own.name_, own.doc_, "", "", {}, own.outputs_, own.params_};
  }
  static constexpr int warmup(const Params& p) { return T::warmup(p); }

  explicit PatternReader(const Params& params) : pattern_(detail::make_pattern<T>(params)) {}

  double operator()(const double* block) noexcept {
    return detail::find_pattern(pattern_, reinterpret_cast<const candle::Candle*>(block));
  }

  template <class Archive>
  void state(Archive&) {}

 private:
  T pattern_;
};

}  // namespace fastcore
