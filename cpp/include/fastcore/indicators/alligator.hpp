// ALLIGATOR: three smoothed means of the bars' middles, each drawn some bars ahead.
#pragma once

#include <array>

#include "fastcore/indicators/rma.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct AlligatorParams {
  int jaw = 13;
  int jaw_shift = 8;
  int teeth = 8;
  int teeth_shift = 5;
  int lips = 5;
  int lips_shift = 3;
};

class Alligator {
 public:
  static constexpr auto spec() {
    return describe<AlligatorParams>(
               "ALLIGATOR",
               "Williams' alligator: jaw, teeth and lips as they stand at this bar, each drawn ahead before.")
        .formula("jaw[t] = rma((high + low) / 2, jaw)[t-jaw_shift]; teeth and lips likewise")
        .source("Williams, Trading Chaos (1995), ch. 8; Trading Chaos, second edition (2004)")
        .inputs("high", "low")
        .outputs(line("jaw"), line("teeth"), line("lips"))
        .params(param("jaw", &AlligatorParams::jaw, 1, longest_period, "period of the slowest average"),
                param("jaw_shift", &AlligatorParams::jaw_shift, 1, longest_period, "bars that it is drawn ahead"),
                param("teeth", &AlligatorParams::teeth, 1, longest_period, "period of the middle average"),
                param("teeth_shift", &AlligatorParams::teeth_shift, 1, longest_period, "bars that it is drawn ahead"),
                param("lips", &AlligatorParams::lips, 1, longest_period, "period of the fastest average"),
                param("lips_shift", &AlligatorParams::lips_shift, 1, longest_period, "bars that it is drawn ahead"));
  }
  static constexpr std::array<int, 3> warmup(const AlligatorParams& p) {
    return {p.jaw + p.jaw_shift, p.teeth + p.teeth_shift, p.lips + p.lips_shift};
  }

  Alligator(const AlligatorParams& p, Arena& arena)
      : jaw_({p.jaw}),
        teeth_({p.teeth}),
        lips_({p.lips}),
        jaws_(p.jaw_shift, arena),
        teeths_(p.teeth_shift, arena),
        lipses_(p.lips_shift, arena) {}

  std::array<double, 3> operator()(double high, double low) noexcept {
    const double middle = (high + low) * 0.5;
    return {jaws_(jaw_(middle)), teeths_(teeth_(middle)), lipses_(lips_(middle))};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("jaw", jaw_);
    archive("teeth", teeth_);
    archive("lips", lips_);
    archive("jaws", jaws_);
    archive("teeths", teeths_);
    archive("lipses", lipses_);
  }

 private:
  Rma jaw_;
  Rma teeth_;
  Rma lips_;
  Lag jaws_;
  Lag teeths_;
  Lag lipses_;
};

}  // namespace fastcore
