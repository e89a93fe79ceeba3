// AD, ADOSC, CMF and WAD: volume, or the way of the price, by where bars close.
#pragma once

#include <array>

#include "fastcore/indicators/sma.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

/// The volume of a bar with the sign and the size of where it closed: all of it at the high, less all at the low.
template <class V>
V money_flow(const V& high, const V& low, const V& close, const V& volume) noexcept {
  const V range = high - low;
  return either(range > 0.0, ((close - low) - (high - close)) / range * volume, broadcast<V>(0.0));
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

inline constexpr const char* adosc_seed_names[] = {"first", "mean"};

struct AdoscParams {
  int fast = 3;
  int slow = 10;
  int seed = 0;
};

class Adosc {
 public:
  static constexpr auto spec() {
    return describe<AdoscParams>(
               "ADOSC", "Chaikin oscillator: a fast average of the accumulation/distribution line less a slow one.")
        .formula("adosc = ema(ad, fast) - ema(ad, slow), both begun with the first value")
        .source("Achelis, Technical Analysis from A to Z (2000), Chaikin Oscillator; rows as TA-Lib's ADOSC")
        .inputs("high", "low", "close", "volume")
        .outputs(line("adosc"))
        .params(
            param("fast", &AdoscParams::fast, 2, longest_period, "span of the fast average"),
            param("slow", &AdoscParams::slow, 2, longest_period, "span of the slow average"),
            convention(
                "seed", &AdoscParams::seed, adosc_seed_names,
                "how the averages begin: with the first value of the line (TA-Lib), or each with the mean of its own first values (Skender)"));
  }
  static constexpr int warmup(const AdoscParams& p) { return p.fast > p.slow ? p.fast : p.slow; }

  explicit Adosc(const AdoscParams& p) noexcept
      : fast_factor_(2.0 / (p.fast + 1.0)),
        slow_factor_(2.0 / (p.slow + 1.0)),
        fast_period_(p.fast),
        slow_period_(p.slow),
        seed_rows_(p.seed == 0 ? 1 : warmup(p)) {}
  // The averages are of the line, which has no bound, less its newest value, which has: e - ad falls by each flow.
  double operator()(double high, double low, double close, double volume) noexcept {
    const double flow = money_flow(high, low, close, volume);
    return __builtin_expect(rows_ < seed_rows_, 0) ? begin(flow) : follow(flow);
  }
  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && rows_ < seed_rows_; ++i) out[0][i] = (*this)(in[0][i], in[1][i], in[2][i], in[3][i]);
    Adosc now = *this;
    const auto flows = [&](std::size_t at) {
      return money_flow(load<Lanes>(in[0] + at), load<Lanes>(in[1] + at), load<Lanes>(in[2] + at),
                        load<Lanes>(in[3] + at));
    };
    // The next four flows while the averages wait for their own products.
    Lanes next = i + lane_count <= n ? flows(i) : Lanes{};
    for (; i + 2 * lane_count <= n; i += lane_count) {
      const Lanes flow = next;
      next = flows(i + lane_count);
#pragma GCC unroll 4
      for (std::size_t k = 0; k < lane_count; ++k) out[0][i + k] = now.follow(flow[k]);
    }
    for (; i < n; ++i) out[0][i] = now.follow(money_flow(in[0][i], in[1][i], in[2][i], in[3][i]));
    *this = now;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("rows", rows_);
    archive("fast", fast_);
    archive("slow", slow_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > seed_rows_) archive.fail("rows");
      if (begun_ && rows_ == 0) rows_ = 1;  // saved when the first value was the only seed, and rows were not counted
    }
  }

 private:
  /// The first row, of which no flow counts, or one of the means that the averages begin with. As all the line's
  /// values are told from the newest, their sum falls by the flow once for each of those before.
  [[gnu::cold, gnu::noinline]] double begin(double flow) noexcept {
    const int before = rows_++;
    begun_ = true;
    if (before == 0) return 0.0;
    const auto take = [&](double& average, double factor, int period) {
      if (before >= period) {
        average = (1.0 - factor) * (average - flow);
      } else {
        average -= before * flow;
        if (rows_ == period) average /= period;
      }
    };
    take(fast_, fast_factor_, fast_period_);
    take(slow_, slow_factor_, slow_period_);
    return fast_ - slow_;
  }
  double follow(double flow) noexcept {
    fast_ = (1.0 - fast_factor_) * (fast_ - flow);
    slow_ = (1.0 - slow_factor_) * (slow_ - flow);
    return fast_ - slow_;
  }

  double fast_factor_;
  double slow_factor_;
  double fast_ = 0.0;  // average less line
  double slow_ = 0.0;
  int fast_period_;
  int slow_period_;
  int seed_rows_;  // until the averages have begun: 1 where the first value is the seed
  int rows_ = 0;  // counted up to `seed_rows_`
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
  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    const double* const close = in[2];
    double* const wad = out[0];
    double total = wad[0] = (*this)(in[0][0], in[1][0], close[0]);
    for (std::size_t i = 1; i < n; ++i) {
      const double before = close[i - 1];
      const double bottom = in[1][i] < before ? in[1][i] : before;
      const double top = in[0][i] > before ? in[0][i] : before;
      const double rise = close[i] > before ? close[i] - bottom : 0.0;
      wad[i] = close[i] < before ? close[i] - top : rise;
    }
    for (std::size_t i = 1; i < n; ++i) wad[i] = total += wad[i];
    total_ = total;
    close_ = close[n - 1];
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
