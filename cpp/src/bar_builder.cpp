// The parts of builders that no tick waits for.
#include "fastcore/bars/builder.hpp"

namespace fastcore {

BarBuilder::Kind BarBuilder::make(const BarSpec& spec, const TimeGrid& grid, const BarRules& rules) {
  switch (spec.kind) {
    case BarKind::time: return TimeBars(grid, rules.fill);
    case BarKind::count: return CountBars(static_cast<std::int64_t>(spec.threshold));
    case BarKind::amount: return AmountBars(spec.measure, spec.threshold, rules.split);
    case BarKind::range: return RangeBars(spec.threshold);
    case BarKind::renko: return RenkoBars(spec.threshold);
    case BarKind::imbalance:
    case BarKind::runs: return FlowBars(spec);
    case BarKind::heikin_ashi: break;
  }
  return HeikinAshi();
}

Forming BarBuilder::own_forming() const noexcept {
  Forming own;
  visit_one<0>(kind_, [&](const auto& one) {
    if constexpr (of_ticks<decltype(one)>) own = one.forming();
  });
  return own;
}

Bar BarBuilder::forming(const Bar& source) const noexcept {
  if (const auto* const view = std::get_if<HeikinAshi>(&kind_)) return source.empty() ? Bar{} : view->seen(source);
  Forming all = own_forming();
  if (!source.empty()) {
    const TimeBars* const bars = time();
    if (bars != nullptr && source.ts > bars->last()) all.clear();
    if (all.empty()) {
      all.open(bars != nullptr ? bars->start_of(source.ts) : source.ts, source);
    } else {
      all.extend(source);
    }
  }
  return all.empty() ? Bar{} : all.close();
}

Bar BarBuilder::forming_with(const Tick& tick) const noexcept {
  Forming all = own_forming();
  const TimeBars* const bars = time();
  if (bars == nullptr) {
    all.add(tick);
  } else if (!all.empty()) {
    all.extend(tick);
  } else if (tick.ts > bars->last()) {
    all.open(bars->start_of(tick.ts), tick);
  }
  return all.empty() ? Bar{} : all.close();
}

}  // namespace fastcore
