// EFI, MARKETFI, NVI, PVI, PVT, RVOL and AVWAP: prices and volumes together.
#pragma once

#include <array>

#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/near_zero.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

struct EfiParams {
  int period = 13;
};

class Efi {
 public:
  static constexpr auto spec() {
    return describe<EfiParams>("EFI", "Elder's force index: an average of the change of the close times the volume.")
        .formula("efi = ema((close[t] - close[t-1]) * volume[t], period)")
        .source("Elder, Trading for a Living (1993), section 42; rows as TA-Lib's EFI")
        .inputs("close", "volume")
        .outputs(bar("efi"))
        .params(param("period", &EfiParams::period, 1, longest_period, "span of the average; 1 is the bare force"));
  }
  static constexpr int warmup(const EfiParams& p) { return p.period + 1; }

  explicit Efi(const EfiParams& p) noexcept : average_({p.period}), bare_(p.period == 1) {}
  double operator()(double close, double volume) noexcept {
    const double force = (close - close_) * volume;
    close_ = close;
    if (!begun_) {
      begun_ = true;
      return quiet_nan;
    }
    const double average = average_(force);
    return bare_ ? force : average;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("average", average_);
  }

 private:
  Ema average_;
  double close_ = 0.0;
  bool bare_;
  bool begun_ = false;
};

class Marketfi {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "MARKETFI",
               "Market facilitation index: the range of a bar for each unit of its volume; 0 without volume.")
        .formula("marketfi = (high - low) / volume")
        .source("Williams, Trading Chaos (1995), ch. 5; rows as TA-Lib's MARKETFI")
        .inputs("high", "low", "volume")
        .outputs(line("marketfi"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit Marketfi(const NoParams& = {}) noexcept {}
  double operator()(double high, double low, double volume) const noexcept {
    return volume != 0.0 ? (high - low) / volume : 0.0;
  }
  template <class Archive>
  void state(Archive&) {}
};

/// An index, 1000 at first, that goes with the price on some bars only.
template <bool Rising>
class VolumeIndex {
 public:
  double operator()(double close, double volume) noexcept {
    if (begun_ && (Rising ? volume > volume_ : volume < volume_) && close_ != 0.0)
      index_ += index_ * ((close - close_) / close_);
    begun_ = true;
    close_ = close;
    volume_ = volume;
    return index_;
  }
  /// Which bars count cannot be guessed: none is jumped over.
  void run(const double* close, const double* volume, std::size_t n, double* out) noexcept {
    if (n == 0) return;
    out[0] = (*this)(close[0], volume[0]);
    double moves[chunk_rows];  // NaN where the bar does not count
    for (std::size_t i = 1; i < n; ++i) {
      const bool counts = (Rising ? volume[i] > volume[i - 1] : volume[i] < volume[i - 1]) && close[i - 1] != 0.0;
      const double move = (close[i] - close[i - 1]) / close[i - 1];
      moves[i] = counts ? move : quiet_nan;
    }
    double index = index_;
    for (std::size_t i = 1; i < n; ++i) {
      const double moved = index + index * moves[i];
      out[i] = index = moves[i] == moves[i] ? moved : index;
    }
    index_ = index;
    close_ = close[n - 1];
    volume_ = volume[n - 1];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("volume", volume_);
    archive("index", index_);
  }

 private:
  double index_ = 1000.0;
  double close_ = 0.0;
  double volume_ = 0.0;
  bool begun_ = false;
};

class Nvi {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("NVI",
                              "Negative volume index: goes with the price on bars of less volume than the one before.")
        .formula(
            "nvi[t] = nvi[t-1] * close[t] / close[t-1] where volume[t] < volume[t-1], else nvi[t-1]; nvi[0] = 1000")
        .source("Fosback, Stock Market Logic (1976), ch. 23; begun as TA-Lib's NVI")
        .inputs("close", "volume")
        .outputs(line("nvi"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit Nvi(const NoParams& = {}) noexcept {}
  double operator()(double close, double volume) noexcept { return index_(close, volume); }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    index_.run(in[0], in[1], n, out[0]);
  }
  template <class Archive>
  void state(Archive& archive) {
    index_.state(archive);
  }

 private:
  VolumeIndex<false> index_;
};

class Pvi {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("PVI",
                              "Positive volume index: goes with the price on bars of more volume than the one before.")
        .formula(
            "pvi[t] = pvi[t-1] * close[t] / close[t-1] where volume[t] > volume[t-1], else pvi[t-1]; pvi[0] = 1000")
        .source("Fosback, Stock Market Logic (1976), ch. 23; begun as TA-Lib's PVI")
        .inputs("close", "volume")
        .outputs(line("pvi"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit Pvi(const NoParams& = {}) noexcept {}
  double operator()(double close, double volume) noexcept { return index_(close, volume); }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    index_.run(in[0], in[1], n, out[0]);
  }
  template <class Archive>
  void state(Archive& archive) {
    index_.state(archive);
  }

 private:
  VolumeIndex<true> index_;
};

class Pvt {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("PVT",
                              "Price volume trend. A running total of all that came: it has no window to forget by.")
        .formula("pvt[t] = pvt[t-1] + volume[t] * (close[t] - close[t-1]) / close[t-1]; pvt[0] = 0")
        .source("Achelis, Technical Analysis from A to Z (2000), Price and Volume Trend; rows as TA-Lib's PVT")
        .inputs("close", "volume")
        .outputs(line("pvt"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit Pvt(const NoParams& = {}) noexcept {}
  double operator()(double close, double volume) noexcept {
    if (begun_) total_ += flow(close_, close, volume);
    begun_ = true;
    close_ = close;
    return total_;
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    double* const pvt = out[0];
    pvt[0] = begun_ ? flow(close_, in[0][0], in[1][0]) : 0.0;
    for (std::size_t i = 1; i < n; ++i) pvt[i] = flow(in[0][i - 1], in[0][i], in[1][i]);
    begun_ = true;
    close_ = in[0][n - 1];
    double total = total_;
    for (std::size_t i = 0; i < n; ++i) pvt[i] = total += pvt[i];
    total_ = total;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("total", total_);
  }

 private:
  static double flow(double before, double close, double volume) noexcept {
    const double part = (close - before) / before * volume;
    return before != 0.0 ? part : 0.0;
  }

  double total_ = 0.0;
  double close_ = 0.0;
  bool begun_ = false;
};

struct RvolParams {
  int period = 20;
};

class Rvol {
 public:
  static constexpr auto spec() {
    return describe<RvolParams>(
               "RVOL",
               "Relative volume: volume in parts of the mean of the bars before; infinite or NaN where that is 0.")
        .formula("rvol[t] = volume[t] / sma(volume, period)[t-1]")
        .source("Bandy, Quantitative Trading Systems (2011), ch. 5; rows as TA-Lib's RVOL")
        .inputs("volume")
        .outputs(line("rvol"))
        .params(param("period", &RvolParams::period, 1, longest_period, "bars in the mean"));
  }
  static constexpr int warmup(const RvolParams& p) { return p.period + 1; }

  Rvol(const RvolParams& p, Arena& arena) : mean_({p.period}, arena) {}
  double operator()(double volume) noexcept {
    const double usual = usual_;
    usual_ = mean_(volume);
    return volume / usual;
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    double mean[chunk_rows];
    mean_.run(in, {mean}, n);
    out[0][0] = in[0][0] / usual_;
    for (std::size_t i = 1; i < n; ++i) out[0][i] = in[0][i] / mean[i - 1];
    usual_ = mean[n - 1];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("mean", mean_);
    archive("usual", usual_);
  }

 private:
  Windowed<Sma> mean_;
  double usual_ = 0.0;
};

class Avwap {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "AVWAP", "Volume-weighted average price of all bars since the first; 0 while nothing has been traded.")
        .formula("avwap = sum(volume * (high + low + close) / 3) / sum(volume), over all bars so far")
        .source(
            "Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE, Journal of Finance 43:1 (1988); rows as TA-Lib's VWAP")
        .inputs("high", "low", "close", "volume")
        .outputs(line("avwap"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }
  explicit Avwap(const NoParams& = {}) noexcept {}
  double operator()(double high, double low, double close, double volume) noexcept {
    values_ += typical_price(high, low, close) * volume;
    volumes_ += volume;
    return volumes_ != 0.0 ? values_ / volumes_ : 0.0;
  }
  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double values[chunk_rows];
    double volumes[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) values[i] = typical_price(in[0][i], in[1][i], in[2][i]) * in[3][i];
    double value = values_;
    double volume = volumes_;
    for (std::size_t i = 0; i < n; ++i) {
      values[i] = value += values[i];
      volumes[i] = volume += in[3][i];
    }
    values_ = value;
    volumes_ = volume;
    for (std::size_t i = 0; i < n; ++i) {
      const double mean = values[i] / volumes[i];
      out[0][i] = volumes[i] != 0.0 ? mean : 0.0;
    }
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("values", values_);
    archive("volumes", volumes_);
  }

 private:
  double values_ = 0.0;
  double volumes_ = 0.0;
};

}  // namespace fastcore
