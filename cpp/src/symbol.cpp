// What a tick does to a symbol.
#include "fastcore/engine/symbol.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

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
  std::fill_n(inputs_ + Clock::quote_input, 4, quiet_nan);
  plan_->show_quote(block_->data(), cells_);
  ready_.resize(plan_->clocks().size());
  rows_.resize(plan_->clocks().size());
  scratch_.resize(plan_->cell_count());
  for (std::size_t c = 0; c < plan_->clocks().size(); ++c) {
    const Clock& clock = plan_->clocks()[c];
    if (history > 0) histories_.emplace_back(history, clock.columns.size());
    const std::size_t remade = policy.order == OrderRule::revise ? policy.revise_bars : 1;
    if (c != 0) closed_.emplace_back(std::max(history, remade));
  }
  make_builders();
  make_reviser();
}

/// Checks the order of a sound tick, closes bars, runs indicators. Not counted here.
[[gnu::always_inline]] inline Outcome Symbol::take(const Tick& tick) noexcept {
  Outcome outcome = Outcome::accepted;
  if (tick.ts < last_ts_) {
    if (policy_.order == OrderRule::reject) return Outcome::rejected;
    if (reviser_ != nullptr) return revise(tick);
    if (policy_.order != OrderRule::accept) return Outcome::late_dropped;
    outcome = Outcome::late_accepted;
  } else {
    last_ts_ = tick.ts;
    last_id_ = std::max(last_id_, tick.id);
  }
  const std::uint64_t before = reviser_ == nullptr ? 0 : bars_made();
  run(tick);
  if (reviser_ != nullptr) keep({Event::Kind::tick, Gap::sequence, tick}, before);
  return outcome;
}

/// A tick that is taken goes through bars and indicators.
void Symbol::run(const Tick& tick) noexcept {
  if (policy_.watches()) watch(tick);
  gaps_.open = 0;
  if (!bars_.empty()) {
    const StagePart part(probe_, Stage::bars);
    for (std::size_t i = 0; i < bars_.size(); ++i) {
      if (bars_[i].of_ticks) bars_[i].builder.on_tick(tick, emit_to(i + 1));
    }
  }
  put(tick.ts, tick.price, tick.size, tick.side);
  run_clock(0, true);
}

/// The long way, which any tick can go.
Outcome Symbol::on_any_tick(const Tick& tick) noexcept {
  come_home();
  ++ledger_.received;
  if (splice_ != nullptr && came_before(tick)) return refuse(Outcome::duplicate);
  if (gate_ != nullptr) return outcome_ = gate_->pass(tick, ledger_, [this](const Tick& one) { return take(one); });
  if (!sound(tick)) return refuse(Outcome::invalid);
  return outcome_ = ledger_.count(take(tick));
}

Outcome Symbol::on_tick(const Tick& tick, StageProbe& probe) noexcept {
  probe_ = &probe;
  const Outcome outcome = on_any_tick(tick);
  probe_ = nullptr;
  probe.stop();
  return outcome;
}

void Symbol::begin_history() {
  come_home();
  if (splice_ == nullptr) splice_ = std::make_unique<Splice>();
  splice_->begin(last_ts_, last_id_);
  first_ = last_ = nullptr;
}

void Symbol::go_live() noexcept {
  if (splice_ == nullptr) return;
  splice_->go_live();
  if (splice_->phase() != Splice::Phase::off) return;
  splice_.reset();
  find_short_way();
}

/// Whether a live tick was in the history, or one of the history had come before; else that one is noted.
bool Symbol::came_before(const Tick& tick) noexcept {
  if (splice_->phase() == Splice::Phase::history) {
    if (splice_->had(tick)) return true;
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
  if (policy_.watches() || reviser_ != nullptr || gaps_.open != 0 || ready_[0] != plan_->state_count(0)) return;
  first_ = plan_->groups(0).data();
  last_ = first_ + plan_->groups(0).size();
}

Outcome Symbol::on_quote(const Quote& quote) noexcept {
  // A quote without a price to speak of goes to the invalid bucket, as NaN does.
  const double middle = mid_of(quote, policy_.crossed == CrossedRule::accept);
  double* const numbers = inputs_ + Clock::quote_input;
  if (!std::isnan(middle)) {
    numbers[0] = quote.bid;
    numbers[1] = quote.ask;
    numbers[2] = quote.bid_size;
    numbers[3] = quote.ask_size;
  }
  const Outcome outcome = on_tick({quote.ts, middle, 0.0});
  std::fill_n(numbers, 4, quiet_nan);
  return outcome;
}

/// Notes what lies between the last tick and this one.
void Symbol::watch(const Tick& tick) noexcept {
  if (gaps_.silent(tick.ts, policy_)) run_gap(Gap::silence);
  if (gaps_.skips(tick, policy_)) run_gap(Gap::sequence);
  gaps_.hear(tick);
}

void Symbol::on_time(std::int64_t ts) noexcept {
  come_home();
  if (gate_ != nullptr) ts = gate_->advance(ts, ledger_, [this](const Tick& one) { return take(one); });
  if (ts <= last_ts_) return;
  last_ts_ = ts;
  const std::uint64_t before = reviser_ == nullptr ? 0 : bars_made();
  run_time(ts);
  if (reviser_ != nullptr) keep({Event::Kind::time, Gap::sequence, {ts, 0.0, 0.0}}, before);
}

void Symbol::run_time(std::int64_t ts) noexcept {
  if (gaps_.silent(ts, policy_)) run_gap(Gap::silence);
  for (std::size_t i = 0; i < bars_.size(); ++i) bars_[i].builder.on_time(ts, emit_to(i + 1));
}

void Symbol::on_gap(Gap gap) noexcept {
  come_home();
  const std::uint64_t before = reviser_ == nullptr ? 0 : bars_made();
  run_gap(gap);
  if (reviser_ != nullptr) keep({Event::Kind::gap, gap, {last_ts_, 0.0, 0.0}}, before);
}

void Symbol::run_gap(Gap gap) noexcept {
  gaps_.note(gap);
  for (std::size_t i = 0; i < bars_.size(); ++i) bars_[i].builder.mark(gap, emit_to(i + 1));
  first_ = last_ = nullptr;  // the next tick must see that the gap is over
  ready_[0] = 0;
}

bool Symbol::ready() const noexcept {
  if (gaps_.open != 0) return false;
  for (std::size_t clock = 0; clock < ready_.size(); ++clock) {
    std::size_t known = ready_[clock];
    if (!plan_->all_ready(clock, block_->data(), known)) return false;
  }
  return true;
}

void Symbol::flush() noexcept {
  come_home();
  if (gate_ != nullptr) gate_->flush(ledger_, [this](const Tick& one) { return take(one); });
}

void Symbol::run_clock(std::size_t clock, bool finite) noexcept {
  const StagePart part(probe_, Stage::indicators);
  auto* const symbol = reinterpret_cast<std::byte*>(cells_);
  plan_->step(clock, symbol, cells_, ready_[clock] == plan_->state_count(clock) && finite);
  after_step(clock);
}

/// The nodes of a clock have run.
void Symbol::after_step(std::size_t clock) noexcept {
  if (ready_[clock] != plan_->state_count(clock) && plan_->all_ready(clock, block_->data(), ready_[clock]) &&
      clock == 0)
    find_short_way();
  if (histories_.empty()) return;
  histories_[clock].push(cells(), plan_->clocks()[clock].columns);
  ++rows_[clock];
}

void Symbol::peek(double price, double size, bool forming, double* row) const {
  come_home();
  std::copy_n(cells(), plan_->cell_count(), scratch_.begin());
  for (std::size_t clock = 1; forming && clock <= bars_.size(); ++clock) {
    const Bar bar = forming_with(clock, {last_ts_, price, size});
    if (bar.empty()) continue;
    put_bar(bar, scratch_.data() + plan_->clocks()[clock].cells);
    plan_->peek(clock, block_->data(), scratch_.data());
  }
  double* const inputs = scratch_.data() + plan_->clocks()[0].cells;
  inputs[0] = price;
  inputs[1] = size;
  inputs[3] = 0.0;
  plan_->peek(0, block_->data(), scratch_.data());
  std::copy_n(scratch_.begin(), plan_->columns().size(), row);
}

std::size_t Symbol::memory() const noexcept {
  std::size_t bytes = sizeof(Symbol) + block_->size() + scratch_.size() * sizeof(double);
  for (const History& history : histories_) bytes += history.block()->size();
  for (const BarHistory& bars : closed_) bytes += bars.memory();
  for (const BarHistory& bars : revisions_) bytes += bars.memory();
  if (reviser_ != nullptr) bytes += reviser_->memory();
  return bytes;
}

}  // namespace fastcore
