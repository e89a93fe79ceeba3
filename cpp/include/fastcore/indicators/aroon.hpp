// AROON and AROONOSC: how long ago the highest high and the lowest low were.
#pragma once

#include <array>
#include <cstddef>
#include <variant>

#include "fastcore/spec.hpp"
#include "fastcore/window/places.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

inline constexpr const char* tie_names[] = {"newest", "oldest"};
inline constexpr const char* tie_doc =
    "which of several equal extremes counts: the newest, so that a price that comes back is new (TA-Lib), or the oldest, so that it must be exceeded (Skender)";

struct AroonParams {
  int period = 14;
  int ties = 0;
};

/// Places of the highest high and the lowest low in the last `period` + 1 bars, in percent of the period.
template <bool Newest>
class AroonPlaces {
 public:
  AroonPlaces(int period, Arena& arena)
      : highest_(period + 1, arena), lowest_(period + 1, arena), factor_(100.0 / period) {}

  /// Down, up.
  [[gnu::always_inline]] std::array<double, 2> operator()(double high, double low) noexcept {
    const double up = highest_.push(high).place - 1.0;
    return {factor_ * (lowest_.push(low).place - 1.0), factor_ * up};
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    const auto percent = [this](const auto& top, const auto&) { return factor_ * (top.place - 1.0); };
    highest_.run(in[0], n, std::array<double*, 1>{out[1]}, percent);
    lowest_.run(in[1], n, std::array<double*, 1>{out[0]}, percent);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("highest", highest_);
    archive("lowest", lowest_);
  }

 private:
  Window<ExtremumPlace<true, Newest>> highest_;
  Window<ExtremumPlace<false, Newest>> lowest_;
  double factor_;
};

/// The same by the kind of ties, which is asked once for a row or a batch.
class AroonRows {
 public:
  AroonRows(const AroonParams& p, Arena& arena)
      : places_(p.ties == 0 ? Places(AroonPlaces<true>(p.period, arena))
                            : Places(AroonPlaces<false>(p.period, arena))) {}

  [[gnu::always_inline]] std::array<double, 2> operator()(double high, double low) noexcept {
    if (auto* const newest = std::get_if<0>(&places_)) return (*newest)(high, low);
    return (*std::get_if<1>(&places_))(high, low);
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    if (auto* const newest = std::get_if<0>(&places_)) {
      newest->run(in, out, n);
    } else {
      std::get_if<1>(&places_)->run(in, out, n);
    }
  }
  template <class Archive>
  void state(Archive& archive) {
    if (auto* const newest = std::get_if<0>(&places_)) {
      newest->state(archive);
    } else {
      std::get_if<1>(&places_)->state(archive);
    }
  }

 private:
  using Places = std::variant<AroonPlaces<true>, AroonPlaces<false>>;
  Places places_;
};

class Aroon {
 public:
  static constexpr auto spec() {
    return describe<AroonParams>(
               "AROON",
               "Aroon down and up, 0 to 100: 100 where the extreme is this bar, 0 where it is `period` bars old.")
        .formula(
            "down = 100 * (period - rows since lowest(low, period + 1)) / period; up = 100 * (period - rows since highest(high, period + 1)) / period")
        .source("Chande, The Time Price Oscillator, TASC 13:9 (1995); rows and ties as TA-Lib's AROON")
        .inputs("high", "low")
        .outputs(line("down"), line("up"))
        .params(param("period", &AroonParams::period, 2, longest_period, "bars that an extreme may be old"),
                convention("ties", &AroonParams::ties, tie_names, tie_doc));
  }
  static constexpr int warmup(const AroonParams& p) { return p.period + 1; }

  Aroon(const AroonParams& p, Arena& arena) : places_(p, arena) {}
  std::array<double, 2> operator()(double high, double low) noexcept { return places_(high, low); }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    places_.run(in, out, n);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("places", places_);
  }

 private:
  AroonRows places_;
};

class Aroonosc {
 public:
  static constexpr auto spec() {
    return describe<AroonParams>("AROONOSC", "Aroon oscillator, -100 to 100: Aroon up less Aroon down.")
        .formula("aroonosc = aroon up - aroon down")
        .source("Chande, The Time Price Oscillator, TASC 13:9 (1995); rows and ties as TA-Lib's AROONOSC")
        .inputs("high", "low")
        .outputs(line("aroonosc"))
        .params(param("period", &AroonParams::period, 2, longest_period, "bars that an extreme may be old"),
                convention("ties", &AroonParams::ties, tie_names, tie_doc));
  }
  static constexpr int warmup(const AroonParams& p) { return p.period + 1; }

  Aroonosc(const AroonParams& p, Arena& arena) : places_(p, arena) {}
  double operator()(double high, double low) noexcept {
    const auto row = places_(high, low);
    return row[1] - row[0];
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double down[chunk_rows];
    places_.run(in, {down, out[0]}, n);
    for (std::size_t i = 0; i < n; ++i) out[0][i] -= down[i];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("places", places_);
  }

 private:
  AroonRows places_;
};

}  // namespace fastcore
