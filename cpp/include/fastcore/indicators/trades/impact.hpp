// How far trades move the price: Kyle's lambda, Amihud's illiquidity, and the toxicity of the flow, VPIN.
#pragma once

#include <cmath>

#include "fastcore/indicators/trades/sides.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/burst_window.hpp"
#include "fastcore/window/row_parts.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct TradesParams {
  int period = 100;
};

class KyleLambda {
 public:
  static constexpr auto spec() {
    return describe<TradesParams>(
               "KYLELAMBDA",
               "Kyle's lambda: move of the price for each unit of signed volume, by least squares through 0 over the last `period` trades, or as many as there are. 0 where no volume has a sign; rows without volume are no trades.")
        .formula(
            "q = side * volume; kylelambda = sum((close - close[-1]) * q) / sum(q^2); side as given, where it is 0 by the tick rule")
        .source(
            "Kyle, Continuous Auctions and Insider Trading, Econometrica 53:6 (1985); regression as Lopez de Prado, Advances in Financial Machine Learning (2018), 19.4.1")
        .inputs("close", "volume", "side")
        .outputs(line("kylelambda"))
        .params(param("period", &TradesParams::period, 1, longest_period, "trades in the regression"));
  }
  static constexpr int warmup(const TradesParams&) { return 2; }

  KyleLambda(const TradesParams& p, Arena& arena) : products_(p.period, arena), squares_(p.period, arena) {}

  double operator()(double close, double volume, double side) noexcept {
    if (volume > 0.0) {
      const double flow = side_(close, side) * volume;
      if (begun_) {
        const double product = products_.push((close - close_) * flow);
        const double square = squares_.push(flow * flow);
        lambda_ = square > 0.0 ? product / square : 0.0;
      }
      begun_ = true;
      close_ = close;
    }
    return lambda_;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("lambda", lambda_);
    archive("side", side_);
    archive("products", products_);
    archive("squares", squares_);
  }

 private:
  Window<Sum> products_;
  Window<Sum> squares_;
  TickRuleSide side_;
  double close_ = 0.0;
  double lambda_ = 0.0;
  bool begun_ = false;
};

struct AmihudParams {
  int period = 20;
};

class Amihud {
 public:
  static constexpr auto spec() {
    return describe<AmihudParams>(
               "AMIHUD",
               "Amihud's illiquidity: mean move of the price for each unit of value traded, over the last `period` rows with volume, or as many as there are. 0 before the second.")
        .formula("amihud = mean(|close / close[-1] - 1| / (close * volume), period)")
        .source("Amihud, Illiquidity and Stock Returns, Journal of Financial Markets 5:1 (2002)")
        .inputs("close", "volume")
        .outputs(line("amihud"))
        .params(param("period", &AmihudParams::period, 1, longest_period, "rows with volume in the mean"));
  }
  static constexpr int warmup(const AmihudParams&) { return 2; }

  Amihud(const AmihudParams& p, Arena& arena) : period_(p.period), ratios_(p.period, arena) {}

  double operator()(double close, double volume) noexcept {
    if (volume > 0.0) {
      if (begun_) {
        const double sum = ratios_.push(std::fabs((close - close_) / close_) / (close * volume));
        if (rows_ < period_) ++rows_;
        mean_ = sum / rows_;
      }
      begun_ = true;
      close_ = close;
    }
    return mean_;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("mean", mean_);
    archive("rows", rows_);
    archive("ratios", ratios_);
  }

 private:
  int period_;
  int rows_ = 0;
  Window<Sum> ratios_;
  double close_ = 0.0;
  double mean_ = 0.0;
  bool begun_ = false;
};

struct VpinParams {
  double bucket = 1000.0;
  int buckets = 50;
};

class Vpin {
 public:
  static constexpr auto spec() {
    return describe<VpinParams>(
               "VPIN",
               "Volume-synchronised probability of informed trading: how one-sided the last `buckets` equal portions of volume were, or as many as are full; of the first while it fills. 0 before a trade.")
        .formula(
            "vpin = mean(|bought - sold| / bucket, last full buckets); sides as given, where 0 by the tick rule, without one half and half")
        .source(
            "Easley, Lopez de Prado, O'Hara, Flow Toxicity and Liquidity in a High-frequency World, Review of Financial Studies 25:5 (2012)")
        .inputs("close", "volume", "side")
        .outputs(line("vpin"))
        .params(param("bucket", &VpinParams::bucket, 1e-6, 1e15, "volume of a bucket"),
                param("buckets", &VpinParams::buckets, 1, longest_period, "buckets in the mean"));
  }
  static constexpr int warmup(const VpinParams&) { return 1; }

  Vpin(const VpinParams& p, Arena& arena)
      : bucket_(p.bucket), buckets_(p.buckets), full_(p.buckets, p.buckets + 1, arena) {}

  double operator()(double close, double volume, double side) noexcept {
    if (!(volume > 0.0)) return vpin_;
    const double sign = side_(close, side);
    const double room = bucket_ - filled_;
    if (volume < room) {
      filled_ += volume;
      net_ += sign * volume;
      return vpin_ = full_.count() > 0 ? vpin_ : std::fabs(net_) / filled_;
    }
    full_.push(std::fabs(net_ + sign * room));
    // Whole buckets of one trade are alike; more of them than the window holds make no difference.
    const double rest = volume - room;
    const double whole = std::floor(rest / bucket_);
    for (int i = 0; i < buckets_ && i < whole; ++i) full_.push(std::fabs(sign) * bucket_);
    filled_ = std::fmin(std::fmax(0.0, rest - whole * bucket_), bucket_);
    net_ = sign * filled_;
    return vpin_ = full_.total().sum / (static_cast<double>(full_.count()) * bucket_);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("side", side_);
    archive("filled", filled_);
    archive("net", net_);
    archive("vpin", vpin_);
    archive("full", full_);
  }

 private:
  double bucket_;
  int buckets_;
  double filled_ = 0.0;
  double net_ = 0.0;
  double vpin_ = 0.0;
  TickRuleSide side_;
  BurstWindow<SumPart> full_;
};

}  // namespace fastcore
