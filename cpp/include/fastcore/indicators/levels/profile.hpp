// Where the volume of the last bars was traded: the price with the most, and the area around it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "fastcore/indicators/typical_price.hpp"
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
               "Volume profile of the last `period` bars: the price at which most was traded, and the area around it that holds `area` of all volume. The bins move with the range of prices, so each tick is one pass over the window, 3 ns a bar.")
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
    const auto [lowest, highest] = std::minmax_element(prices_.window(), prices_.window() + n);
    std::array<double, most_bins> traded{};
    const double range = *highest - *lowest;
    const auto bins = static_cast<double>(bins_);
    double all = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double place = range > 0.0 ? (prices_.window()[i] - *lowest) * bins / range : 0.0;
      traded[std::min(bins_ - 1, static_cast<std::size_t>(place))] += volumes_.window()[i];
      all += volumes_.window()[i];
    }
    const Area area = grow(traded, all);
    const double bottom = *lowest;
    const auto edge = [=](std::size_t bin) { return bottom + static_cast<double>(bin) * range / bins; };
    return {edge(area.end), 0.5 * (edge(area.fullest) + edge(area.fullest + 1)), edge(area.begin)};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("prices", prices_);
    archive("volumes", volumes_);
  }

 private:
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
