// MA: a moving average whose kind is a parameter.
#pragma once

#include <array>

#include "fastcore/indicators/moving_average.hpp"

namespace fastcore {

struct MaParams {
  int period = 30;
  int matype = 0;
};

class Ma {
 public:
  static constexpr auto spec() {
    return describe<MaParams>("MA", "Moving average of a chosen kind; a period of 1 copies the input.")
        .formula("ma = average(x, period)")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; kinds and rows as TA-Lib's MA")
        .inputs("close")
        .outputs(line("ma"))
        .params(param("period", &MaParams::period, 1, longest_period, "period of the average; MAMA has none"),
                choice("matype", &MaParams::matype, average_names, "kind of the average; own is SMA"));
  }
  static constexpr int warmup(const MaParams& p) { return MovingAverage::warmup(kind(p), p.period); }

  Ma(const MaParams& p, Arena& arena) : average_(kind(p), p.period, arena) {}
  double operator()(double close) noexcept { return average_(close); }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    average_.run(in[0], n, out[0]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("average", average_);
  }

 private:
  static constexpr Average kind(const MaParams& p) { return average_of(p.matype, p.period, Average::sma); }

  MovingAverage average_;
};

}  // namespace fastcore
