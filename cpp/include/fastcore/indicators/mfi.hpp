// MFI: an RSI of money, the share of the flow that came on rising prices.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct MfiParams {
  int period = 14;
};

class Mfi {
 public:
  static constexpr auto spec() {
    return describe<MfiParams>("MFI", "Money flow index, 0 to 100; 0 where no money flowed.")
        .formula(
            "tp = (high + low + close) / 3; flow = tp * volume; mfi = 100 * sum(flow where tp rose) / sum(flow where tp rose or fell)")
        .source("Quong, Soudack, Volume-Weighted RSI: Money Flow, TASC 7:3 (1989); rows as TA-Lib's MFI")
        .inputs("high", "low", "close", "volume")
        .outputs(line("mfi"))
        .params(param("period", &MfiParams::period, 2, longest_period, "bars in the window"));
  }
  static constexpr int warmup(const MfiParams& p) { return p.period + 1; }

  Mfi(const MfiParams& p, Arena& arena) : rising_(p.period, arena), falling_(p.period, arena) {}

  double operator()(double high, double low, double close, double volume) noexcept {
    const double price = typical_price(high, low, close);
    const Flow f = flow(price, begun_ ? previous_ : price, volume);
    begun_ = true;
    previous_ = price;
    const double rising = rising_.push(f.rising);
    return share(rising, falling_.push(f.falling));
  }

  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    double price[chunk_rows];
    double rising[chunk_rows];
    double falling[chunk_rows];
    double risen[chunk_rows];
    double fallen[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) price[i] = typical_price(in[0][i], in[1][i], in[2][i]);
    const auto put = [&](std::size_t i, double before) {
      const Flow f = flow(price[i], before, in[3][i]);
      rising[i] = f.rising;
      falling[i] = f.falling;
    };
    put(0, begun_ ? previous_ : price[0]);
    for (std::size_t i = 1; i < n; ++i) put(i, price[i - 1]);
    begun_ = true;
    previous_ = price[n - 1];
    rising_.run(rising, n, risen);
    falling_.run(falling, n, fallen);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = share(risen[i], fallen[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("previous", previous_);
    archive("rising", rising_);
    archive("falling", falling_);
  }

 private:
  struct Flow {
    double rising;
    double falling;
  };

  /// TA-Lib's test for a change that is nothing but rounding stands here, too.
  static Flow flow(double price, double before, double volume) noexcept {
    const double money = price * volume;
    const double change = price - before;
    const bool moved = std::fabs(change) > 1e-14 * (std::fabs(price) + std::fabs(before));
    return {moved && change > 0.0 ? money : 0.0, moved && change < 0.0 ? money : 0.0};
  }
  static double share(double rising, double falling) noexcept {
    const double all = rising + falling;
    return all > 0.0 ? 100.0 * (rising / all) : 0.0;
  }

  Window<Sum> rising_;
  Window<Sum> falling_;
  double previous_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
