// CCI: how many mean deviations the typical price stands from its mean.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/memory/ring.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/deviation.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct CciParams {
  int period = 14;
};

class Cci {
 public:
  static constexpr auto spec() {
    return describe<CciParams>(
               "CCI",
               "Commodity channel index; 0 where the price stands at its mean or has not moved. One pass over the window each tick.")
        .formula("tp = (high + low + close) / 3; cci = (tp - mean(tp)) / (0.015 * mean |tp - mean(tp)|)")
        .source("Lambert, Commodity Channel Index, Commodities Magazine (October 1980); rows as TA-Lib's CCI")
        .inputs("high", "low", "close")
        .outputs(line("cci"))
        .params(param("period", &CciParams::period, 2, longest_period, "bars in the window"));
  }
  static constexpr int warmup(const CciParams& p) { return p.period; }

  Cci(const CciParams& p, Arena& arena)
      : window_(p.period, arena), prices_(static_cast<std::size_t>(p.period), arena), inverse_(1.0 / p.period) {}

  double operator()(double high, double low, double close) noexcept {
    const double price = typical_price(high, low, close);
    const double mean = window_.push(price).mean();
    prices_.push(price);
    return index(prices_.window(), mean, price);
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double price[chunk_rows];
    double mean[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) price[i] = typical_price(in[0][i], in[1][i], in[2][i]);
    window_.run(price, n, std::array<double*, 1>{mean}, [](const auto& s, const auto&) { return s.mean(); });
    const std::size_t period = prices_.capacity();
    std::size_t i = 0;
    for (; i < n && i + 1 < period; ++i) {  // windows that reach back before this chunk
      prices_.push(price[i]);
      out[0][i] = index(prices_.window(), mean[i], price[i]);
    }
    prices_.push_many(price + i, n - i);
    for (; i < n; ++i) out[0][i] = index(price + i + 1 - period, mean[i], price[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
    archive("prices", prices_);
  }

 private:
  double index(const double* window, double mean, double price) const noexcept {
    constexpr double flat = 1e-14;  // TA-Lib's test for a difference that is nothing but rounding
    const double deviation = absolute_deviations(window, prices_.capacity(), mean) * inverse_;
    const double distance = price - mean;
    if (std::fabs(distance) <= flat * std::fabs(mean) || deviation <= flat * std::fabs(mean)) return 0.0;
    return distance / (0.015 * deviation);
  }

  Window<ShiftedSum> window_;
  Ring<double> prices_;
  double inverse_;
};

}  // namespace fastcore
