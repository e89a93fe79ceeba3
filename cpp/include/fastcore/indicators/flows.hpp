// AD, ADOSC, CMF and WAD: volume, or the way of the price, by where bars close.
#pragma once

#include <array>

#include "fastcore/indicators/sma.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

/// The volume of a bar with the sign and the size of where it closed: all of it at the high, less all at the low.
inline double money_flow(double high, double low, double close, double volume) noexcept {
  const double range = high - low;
  const double flow = ((close - low) - (high - close)) / range * volume;
  return range > 0.0 ? flow : 0.0;
}

class Ad {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "AD", "Accumulation/distribution line. A running total of all that came: it has no window to forget by.")
        .formula("ad[t] = ad[t-1] + volume * ((close - low) - (high - close)) / (high - low)")
        .source("Achelis, Technical Analysis from A to Z (2000), Accumulation/Distribution; rows as TA-Lib's AD")
        .inputs("high", "low", "close", "volume")
        .outputs(line("ad"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit Ad(const NoParams& = {}) noexcept {}
  double operator()(double high, double low, double close, double volume) noexcept {
    return total_ += money_flow(high, low, close, volume);
  }
  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    for (std::size_t i = 0; i < n; ++i) out[0][i] = money_flow(in[0][i], in[1][i], in[2][i], in[3][i]);
    double total = total_;
    for (std::size_t i = 0; i < n; ++i) out[0][i] = total += out[0][i];
    total_ = total;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("total", total_);
  }

 private:
  double total_ = 0.0;
};

struct AdoscParams {
  int fast = 3;
  int slow = 10;
};

class Adosc {
 public:
  static constexpr auto spec() {
    return describe<AdoscParams>(
               "ADOSC", "Chaikin oscillator: a fast average of the accumulation/distribution line less a slow one.")
        .formula("adosc = e(ad, fast) - e(ad, slow), e exponential averages begun with the first value")
        .source("Achelis, Technical Analysis from A to Z (2000), Chaikin Oscillator; rows as TA-Lib's ADOSC")
        .inputs("high", "low", "close", "volume")
        .outputs(line("adosc"))
        .params(param("fast", &AdoscParams::fast, 2, longest_period, "span of the fast average"),
                param("slow", &AdoscParams::slow, 2, longest_period, "span of the slow average"));
  }
  static constexpr int warmup(const AdoscParams& p) { return p.fast > p.slow ? p.fast : p.slow; }

  explicit Adosc(const AdoscParams& p) noexcept
      : fast_factor_(2.0 / (p.fast + 1.0)), slow_factor_(2.0 / (p.slow + 1.0)) {}
  // The averages are of the line, which has no bound, less its newest value, which has: e - ad falls by each flow.
  double operator()(double high, double low, double close, double volume) noexcept {
    const double flow = begun_ ? money_flow(high, low, close, volume) : 0.0;
    begun_ = true;
    fast_ = (1.0 - fast_factor_) * (fast_ - flow);
    slow_ = (1.0 - slow_factor_) * (slow_ - flow);
    return fast_ - slow_;
  }
  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double* const flow = out[0];
    for (std::size_t i = 0; i < n; ++i) flow[i] = money_flow(in[0][i], in[1][i], in[2][i], in[3][i]);
    if (n > 0 && !begun_) flow[0] = 0.0;
    begun_ = begun_ || n > 0;
    double fast = fast_;
    double slow = slow_;
    for (std::size_t i = 0; i < n; ++i) {
      fast = (1.0 - fast_factor_) * (fast - flow[i]);
      slow = (1.0 - slow_factor_) * (slow - flow[i]);
      flow[i] = fast - slow;
    }
    fast_ = fast;
    slow_ = slow;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("fast", fast_);
    archive("slow", slow_);
  }

 private:
  double fast_factor_;
  double slow_factor_;
  double fast_ = 0.0;  // average less line
  double slow_ = 0.0;
  bool begun_ = false;
};

struct CmfParams {
  int period = 20;
};

class Cmf {
 public:
  static constexpr auto spec() {
    return describe<CmfParams>("CMF", "Chaikin money flow, -1 to 1; 0 where nothing was traded.")
        .formula("cmf = sum(volume * ((close - low) - (high - close)) / (high - low), period) / sum(volume, period)")
        .source("Achelis, Technical Analysis from A to Z (2000), Chaikin Money Flow; rows as TA-Lib's CMF")
        .inputs("high", "low", "close", "volume")
        .outputs(line("cmf"))
        .params(param("period", &CmfParams::period, 2, longest_period, "bars in the sums"));
  }
  static constexpr int warmup(const CmfParams& p) { return p.period; }

  Cmf(const CmfParams& p, Arena& arena) : flows_(p.period, arena), volumes_(p.period, arena) {}
  double operator()(double high, double low, double close, double volume) noexcept {
    const double flows = flows_.push(money_flow(high, low, close, volume));
    return share(flows, volumes_.push(volume));
  }
  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double flow[chunk_rows];
    double volumes[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) flow[i] = money_flow(in[0][i], in[1][i], in[2][i], in[3][i]);
    flows_.run(flow, n, out[0]);
    volumes_.run(in[3], n, volumes);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = share(out[0][i], volumes[i]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("flows", flows_);
    archive("volumes", volumes_);
  }

 private:
  static double share(double flow, double volume) noexcept { return volume > 0.0 ? flow / volume : 0.0; }

  Window<Sum> flows_;
  Window<Sum> volumes_;
};

class Wad {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("WAD",
                              "Williams' accumulation/distribution, without volume. A running total of all that came.")
        .formula(
            "wad[t] = wad[t-1] + close - min(low, close[t-1]) if the close rose, + close - max(high, close[t-1]) if it fell; wad[0] = 0")
        .source(
            "Achelis, Technical Analysis from A to Z (2000), Williams' Accumulation/Distribution; rows as TA-Lib's WAD")
        .inputs("high", "low", "close")
        .outputs(line("wad"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit Wad(const NoParams& = {}) noexcept {}
  double operator()(double high, double low, double close) noexcept {
    const double before = begun_ ? close_ : close;
    begun_ = true;
    close_ = close;
    if (close > before) total_ += close - smaller(low, before);
    if (close < before) total_ += close - larger(high, before);
    return total_;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("total", total_);
  }

 private:
  double total_ = 0.0;
  double close_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
