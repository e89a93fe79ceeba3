// Where the volume of the last bars was traded: the price with the most, and the area around it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/memory/ring.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

struct VolumeProfileParams {
  int period = 100;
  int bins = 24;
  double area = 0.7;
};

class VolumeProfile {
 public:
  static constexpr int most_bins = 256;

  static constexpr auto spec() {
    using P = VolumeProfileParams;
    return describe<P>(
               "VOLUMEPROFILE",
               "Volume profile of the last `period` bars: the price at which most was traded, and the area around it that holds `area` of all volume. The bins move with the range of prices, so each tick is one pass over the window, 1.5 ns a bar.")
        .formula(
            "tp = (high + low + close) / 3, with its volume in one of `bins` equal bins from the lowest tp to the highest; poc = middle of the fullest bin; upper, lower = ends of the area, which grows from there to the fuller neighbour")
        .source("Steidlmayer, Koy, Markets and Market Logic (1986); value area as in Dalton, Mind over Markets (1990)")
        .inputs("high", "low", "close", "volume")
        .outputs(band("upper"), line("poc"), band("lower"))
        .params(param("period", &P::period, 1, longest_period, "bars in the window"),
                param("bins", &P::bins, 1, most_bins, "bins of price"),
                param("area", &P::area, 0.0, 1.0, "share of the volume in the area"));
  }
  static constexpr int warmup(const VolumeProfileParams& p) { return p.period; }

  VolumeProfile(const VolumeProfileParams& p, Arena& arena)
      : bins_(static_cast<std::size_t>(p.bins)),
        area_(p.area),
        prices_(static_cast<std::size_t>(p.period), arena),
        volumes_(static_cast<std::size_t>(p.period), arena) {}

  std::array<double, 3> operator()(double high, double low, double close, double volume) noexcept {
    prices_.push(typical_price(high, low, close));
    volumes_.push(volume);
    const std::size_t n = prices_.capacity();
    const double* const prices = prices_.window();
    const double* const volumes = volumes_.window();
    const auto [lowest, highest] = ends(prices, n);
    const double range = highest - lowest;
    const double divisor = range > 0.0 ? range : 1.0;  // without a range all places are 0
    const auto bins = static_cast<double>(bins_);
    const double last = bins - 1.0;
    std::array<double, most_bins> traded;
    std::fill_n(traded.data(), bins_, 0.0);
    double all = 0.0;
    // Four places at once; the volumes one after the other, as their sums round.
    const auto add = [&](std::int32_t place, double traded_there) {
      traded[static_cast<std::size_t>(place)] += traded_there;
      all += traded_there;
    };
    std::size_t i = 0;
    for (; i + lane_count <= n; i += lane_count) {
      const Lanes places = (load<Lanes>(prices + i) - lowest) * bins / divisor;
      const auto at = __builtin_convertvector(smaller(places, broadcast<Lanes>(last)), Places);
      for (unsigned k = 0; k < lane_count; ++k) add(at[k], volumes[i + k]);
    }
    for (; i < n; ++i) add(static_cast<std::int32_t>(smaller((prices[i] - lowest) * bins / divisor, last)), volumes[i]);
    const Area area = grow(traded, all);
    const double bottom = lowest;
    const auto edge = [=](std::size_t bin) { return bottom + static_cast<double>(bin) * range / bins; };
    return {edge(area.end), 0.5 * (edge(area.fullest) + edge(area.fullest + 1)), edge(area.begin)};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("prices", prices_);
    archive("volumes", volumes_);
  }

 private:
  using Places = std::int32_t __attribute__((vector_size(16)));

  /// The lowest and the highest price.
  static std::array<double, 2> ends(const double* prices, std::size_t n) noexcept {
    Lanes low[2] = {broadcast<Lanes>(prices[0]), broadcast<Lanes>(prices[0])};
    Lanes high[2] = {low[0], low[0]};
    std::size_t i = 0;
    for (; i + 2 * lane_count <= n; i += 2 * lane_count) {
      for (std::size_t k = 0; k < 2; ++k) {
        const Lanes x = load<Lanes>(prices + i + k * lane_count);
        low[k] = smaller(x, low[k]);
        high[k] = larger(x, high[k]);
      }
    }
    low[0] = smaller(low[0], low[1]);
    high[0] = larger(high[0], high[1]);
    double lowest = low[0][0];
    double highest = high[0][0];
    for (unsigned k = 1; k < lane_count; ++k) {
      lowest = smaller(low[0][k], lowest);
      highest = larger(high[0][k], highest);
    }
    for (; i < n; ++i) {
      lowest = smaller(prices[i], lowest);
      highest = larger(prices[i], highest);
    }
    return {lowest, highest};
  }

  struct Area {
    std::size_t fullest;
    std::size_t begin;
    std::size_t end;
  };

  /// From the fullest bin, the lowest of equal ones, to the fuller neighbour, of equal ones the upper.
  Area grow(const std::array<double, most_bins>& traded, double all) const noexcept {
    const auto* const first = traded.data();
    Area area{};
    area.fullest = static_cast<std::size_t>(std::max_element(first, first + bins_) - first);
    area.begin = area.fullest;
    area.end = area.fullest + 1;
    for (double held = traded[area.fullest]; held < area_ * all && (area.begin > 0 || area.end < bins_);) {
      const bool up = area.begin == 0 || (area.end < bins_ && traded[area.end] >= traded[area.begin - 1]);
      held += up ? traded[area.end++] : traded[--area.begin];
    }
    return area;
  }

  std::size_t bins_;
  double area_;
  Ring<double> prices_;
  Ring<double> volumes_;
};

}  // namespace fastcore
