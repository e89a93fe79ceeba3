// What a tick does to a symbol.
#include "fastcore/engine/symbol.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "fastcore/check.hpp"

namespace fastcore {

Symbol::Symbol(std::string name, std::shared_ptr<const Plan> plan, const Policy& policy, std::size_t history)
    : gate_(policy.guarded() ? std::make_unique<Gate>(policy) : nullptr),
      policy_(policy),
      plan_(std::move(plan)),
      block_(std::make_shared<Block>(plan_->symbol_bytes())),
      name_(std::move(name)) {
  cells_ = reinterpret_cast<double*>(block_->data());
  inputs_ = cells_ + plan_->clocks()[0].cells;
  plan_->make(block_->data());
  ready_.resize(plan_->clocks().size());
  scratch_.resize(plan_->cell_count());
  for (std::size_t c = 0; c < plan_->clocks().size(); ++c) {
    const Clock& clock = plan_->clocks()[c];
    if (history > 0) histories_.emplace_back(history, clock.columns.size());
    if (c == 0) continue;
    bars_.emplace_back(clock.span);
    closed_.emplace_back(std::max<std::size_t>(history, 1));
  }
}

/// Checks the order of a sound tick, closes bars, runs indicators. Not counted here.
[[gnu::always_inline]] inline Outcome Symbol::take(const Tick& tick) noexcept {
  Outcome outcome = Outcome::accepted;
  if (tick.ts < last_ts_) {
    if (policy_.order == OrderRule::reject) return Outcome::rejected;
    if (policy_.order != OrderRule::accept) return Outcome::late_dropped;
    outcome = Outcome::late_accepted;
  } else {
    last_ts_ = tick.ts;
  }
  if (first_ != nullptr) {
    inputs_[0] = tick.price;
    inputs_[1] = tick.size;
    auto* const symbol = reinterpret_cast<std::byte*>(cells_);
    for (const Group* group = first_; group != last_; ++group)
      group->settled(symbol, group->nodes, group->count, cells_);
    return outcome;
  }
  if (!bars_.empty()) {
    close_bars(tick.ts);
    for (TimeBars& bars : bars_) bars.add(tick.ts, tick.price, tick.size);
  }
  inputs_[0] = tick.price;
  inputs_[1] = tick.size;
  run_clock(0, true);
  return outcome;
}

Outcome Symbol::on_tick(const Tick& tick) noexcept {
  ++ledger_.received;
  if (first_ == nullptr) {
    if (splice_ != nullptr && came_before(tick)) return refuse(Outcome::duplicate);
    if (gate_ != nullptr) return outcome_ = gate_->pass(tick, ledger_, [this](const Tick& one) { return take(one); });
  }
  if (!valid_price(tick.price) || !valid_size(tick.size) || !valid_side(tick.side)) return refuse(Outcome::invalid);
  return outcome_ = ledger_.count(take(tick));
}

void Symbol::begin_history() {
  if (splice_ == nullptr) splice_ = std::make_unique<Splice>();
  splice_->begin();
  first_ = last_ = nullptr;
}

void Symbol::go_live() noexcept {
  if (splice_ == nullptr) return;
  splice_->go_live();
  if (splice_->phase() != Splice::Phase::off) return;
  splice_.reset();
  find_short_way();
}

/// Whether a live tick was in the history; a tick of the history is noted.
bool Symbol::came_before(const Tick& tick) noexcept {
  if (splice_->phase() == Splice::Phase::history) {
    splice_->note(tick);
    return false;
  }
  if (splice_->knows(tick, policy_.lateness)) return true;
  if (splice_->phase() == Splice::Phase::off) {
    splice_.reset();
    find_short_way();
  }
  return false;
}

/// Where there is nothing but indicators to run at a tick, and all are ready, the next one goes straight to them.
void Symbol::find_short_way() noexcept {
  if (gate_ != nullptr || splice_ != nullptr || !bars_.empty() || !histories_.empty() || plan_->copies(0)) return;
  if (ready_[0] != plan_->state_count(0)) return;
  first_ = plan_->groups(0).data();
  last_ = first_ + plan_->groups(0).size();
}

Outcome Symbol::on_quote(const Quote& quote) noexcept {
  // A quote without a price to speak of goes to the invalid bucket, as NaN does.
  return on_tick({quote.ts, mid_of(quote, policy_.crossed == CrossedRule::accept), 0.0});
}

void Symbol::flush() noexcept {
  if (gate_ != nullptr) gate_->flush(ledger_, [this](const Tick& one) { return take(one); });
}

Outcome Symbol::on_bar(std::size_t clock, const Bar& bar) noexcept {
  ++ledger_.received;
  const bool numbers = valid_price(bar.open) && valid_price(bar.high) && valid_price(bar.low) &&
                       valid_price(bar.close) && valid_size(bar.volume);
  if (!numbers || bar.high < std::max({bar.open, bar.low, bar.close}) || bar.low > std::min(bar.open, bar.close)) {
    return refuse(Outcome::invalid);
  }
  TimeBars& bars = bars_[clock - 1];
  if (bars.closes(bar.ts)) run_bar(clock, bars.close());
  const std::int64_t newest = bars.newest();
  if (bar.ts == newest) return refuse(Outcome::duplicate);
  if (bar.ts < newest) return refuse(policy_.order == OrderRule::reject ? Outcome::rejected : Outcome::late_dropped);
  bars.take(bar);
  last_ts_ = std::max(last_ts_, bar.ts);
  run_bar(clock, bar);
  return outcome_ = ledger_.count(Outcome::accepted);
}

void Symbol::close_bars(std::int64_t ts) noexcept {
  for (std::size_t i = 0; i < bars_.size(); ++i) {
    if (bars_[i].closes(ts)) run_bar(i + 1, bars_[i].close());
  }
}

void Symbol::run_bar(std::size_t clock, const Bar& bar) noexcept {
  double* const inputs = cells() + plan_->clocks()[clock].cells;
  inputs[0] = bar.open;
  inputs[1] = bar.high;
  inputs[2] = bar.low;
  inputs[3] = bar.close;
  inputs[4] = bar.volume;
  run_clock(clock, std::isfinite(bar.volume));  // sizes that are each finite may add up to what is not
  closed_[clock - 1].push(bar);
}

void Symbol::run_clock(std::size_t clock, bool finite) noexcept {
  auto* const symbol = reinterpret_cast<std::byte*>(cells_);
  const bool settled = ready_[clock] == plan_->state_count(clock);
  plan_->step(clock, symbol, cells_, settled && finite);
  if (!settled && plan_->all_ready(clock, symbol, ready_[clock]) && clock == 0) find_short_way();
  if (!histories_.empty()) histories_[clock].push(cells(), plan_->clocks()[clock].columns);
}

void Symbol::peek(double price, double size, bool forming, double* row) const {
  std::copy_n(cells(), plan_->cell_count(), scratch_.begin());
  if (forming) {
    for (std::size_t i = 0; i < bars_.size(); ++i) {
      TimeBars bars = bars_[i];
      bars.add(last_ts_, price, size);
      const Bar& bar = bars.forming();
      if (bar.count == 0) continue;
      double* const inputs = scratch_.data() + plan_->clocks()[i + 1].cells;
      inputs[0] = bar.open;
      inputs[1] = bar.high;
      inputs[2] = bar.low;
      inputs[3] = bar.close;
      inputs[4] = bar.volume;
      plan_->peek(i + 1, block_->data(), scratch_.data());
    }
  }
  double* const inputs = scratch_.data() + plan_->clocks()[0].cells;
  inputs[0] = price;
  inputs[1] = size;
  plan_->peek(0, block_->data(), scratch_.data());
  std::copy_n(scratch_.begin(), plan_->columns().size(), row);
}

std::size_t Symbol::memory() const noexcept {
  std::size_t bytes = sizeof(Symbol) + block_->size() + scratch_.size() * sizeof(double);
  for (const History& history : histories_) bytes += history.block()->size();
  for (const BarHistory& bars : closed_) bytes += bars.block()->size();
  return bytes;
}

}  // namespace fastcore
