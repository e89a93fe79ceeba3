// What a closed bar does to a symbol: indicators, history, and the bars that are made from it.
#include <algorithm>
#include <cmath>

#include "fastcore/engine/state_columns.hpp"
#include "fastcore/engine/symbol.hpp"

namespace fastcore {

void Symbol::make_builders() {
  bars_.clear();
  const BarRules rules{policy_.large_trades == LargeTradeRule::split, policy_.fill == FillRule::flat};
  for (std::size_t c = 1; c < plan_->clocks().size(); ++c) {
    const Clock& clock = plan_->clocks()[c];
    bars_.push_back({BarBuilder(clock.bars, clock.grid, rules), clock.source == 0});
  }
}

Outcome Symbol::on_bar(std::size_t clock, Bar bar) noexcept {
  if (!begin_bar(clock, plan_->clocks()[clock].grid.at(bar.ts), bar)) return outcome_;
  const bool settled = ready_[clock] == plan_->state_count(clock);
  plan_->step(clock, block_->data(), cells_, settled);
  end_bar(clock, bar, ledger_.received);
  return outcome_;
}

bool Symbol::begin_bar(std::size_t clock, const Span& span, Bar& bar) noexcept {
  come_home();
  ++ledger_.received;
  const bool numbers = valid_price(bar.open) && valid_price(bar.high) && valid_price(bar.low) &&
                       valid_price(bar.close) && valid_size(bar.volume);
  if (!numbers || bar.high < std::max({bar.open, bar.low, bar.close}) || bar.low > std::min(bar.open, bar.close)) {
    refuse(Outcome::invalid);
    return false;
  }
  TimeBars& bars = *bars_[clock - 1].builder.time();
  bar.ts = span.first;
  if (bar.ts > bars.last()) bars.on_session_end(emit_to(clock));
  const std::int64_t newest = bars.newest();
  if (bar.ts <= newest) {
    refuse(bar.ts == newest                     ? Outcome::duplicate
           : policy_.order == OrderRule::reject ? Outcome::rejected
                                                : Outcome::late_dropped);
    return false;
  }
  bars.take(bar, span);
  last_ts_ = std::max(last_ts_, bar.ts);
  ++bars_[clock - 1].made;
  put_bar(bar, cells() + plan_->clocks()[clock].cells);
  outcome_ = ledger_.count(Outcome::accepted);
  return true;
}

void Symbol::end_bar(std::size_t clock, const Bar& bar, std::uint64_t received) noexcept {
  after_step(clock);
  after_bar(clock, bar, received);
  if (reviser_ != nullptr) copy_to(reviser_->restart());  // what was made elsewhere is not made anew
}

void Symbol::run_bar(std::size_t clock, const Bar& closed) noexcept {
  const Bar bar = revising_ ? revised(clock, closed) : closed;
  ++bars_[clock - 1].made;
  put_bar(bar, cells() + plan_->clocks()[clock].cells);
  run_clock(clock, std::isfinite(bar.volume));  // sizes that are each finite may add up to what is not
  after_bar(clock, bar, ledger_.received);
}

/// The bar into its history, and into those that are made from it.
void Symbol::after_bar(std::size_t clock, const Bar& bar, std::uint64_t received) noexcept {
  closed_[clock - 1].push(bar, received);
  const auto& parts_of = plan_->clocks()[clock].parts_of;
  if (parts_of.empty()) return;
  std::size_t timed = clock;  // a view of bars ends when they end
  while (plan_->clocks()[timed].bars.kind == BarKind::heikin_ashi) timed = plan_->clocks()[timed].source;
  const std::int64_t end = bars_[timed - 1].builder.end_of(bar);
  for (const std::size_t other : parts_of) bars_[other - 1].builder.on_part(bar, end, emit_to(other));
}

bool Symbol::may_leave(std::size_t clock, const Symbol& other) const noexcept {
  const TimeBars& bars = *bars_[clock - 1].builder.time();
  return columns_ == nullptr && reviser_ == nullptr && histories_.empty() && closed_[clock - 1].capacity() == 1 &&
         plan_->clocks()[clock].parts_of.empty() && ready_[clock] == plan_->state_count(clock) &&
         bars.forming().empty() && bars.newest() == other.bars_[clock - 1].builder.time()->newest();
}

void Symbol::catch_up(std::size_t clock, const Bar& bar, const Span& span, std::uint64_t bars) noexcept {
  ledger_.received += bars;
  ledger_.buckets[static_cast<std::size_t>(outcome_ = Outcome::accepted)] += bars;
  bars_[clock - 1].builder.time()->take(bar, span);
  bars_[clock - 1].made += bars;
  last_ts_ = std::max(last_ts_, bar.ts);
  put_bar(bar, cells_ + plan_->clocks()[clock].cells);
  closed_[clock - 1].pass(bars - 1);
  closed_[clock - 1].push(bar, ledger_.received);
}

void Symbol::fetch() const noexcept { columns_->home(column_); }

Bar Symbol::forming(std::size_t clock) const noexcept {
  come_home();
  const std::size_t source = plan_->clocks()[clock].source;
  return bars_[clock - 1].builder.forming(source == 0 ? Bar{} : forming(source));
}

Bar Symbol::forming_with(std::size_t clock, const Tick& tick) const noexcept {
  const std::size_t source = plan_->clocks()[clock].source;
  const BarBuilder& builder = bars_[clock - 1].builder;
  return source == 0 ? builder.forming_with(tick) : builder.forming(forming_with(source, tick));
}

}  // namespace fastcore
