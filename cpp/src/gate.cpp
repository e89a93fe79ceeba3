// The parts of the gate that need not know what takes a tick.
#include "fastcore/engine/gate.hpp"

namespace fastcore {

Gate::Gate(const Policy& policy)
    : policy_(policy),
      ahead_(policy.ahead),
      reorder_(policy.lateness, policy.order == OrderRule::buffer ? policy.buffer_size : 0),
      seen_(policy.duplicates == DuplicateRule::keep ? 0 : policy.duplicate_window),
      jumps_(policy.jumps, policy.jumps > 0.0 ? policy.jump_window : 1) {}

bool Gate::clamp(Tick& tick) const noexcept {
  if (policy_.invalid != InvalidRule::clamp) return false;
  if (!valid_price(tick.price)) tick.price = last_price_;
  if (!valid_size(tick.size)) tick.size = 0.0;
  if (!valid_side(tick.side)) tick.side = 0;
  return tick.price > 0.0;  // before the first price there is nothing to clamp to
}

const char* Gate::unsound() const noexcept {
  if (!seen_.sound(policy_.duplicates == DuplicateRule::id)) return "a remembered tick";
  if (suspected_ && !(jumps_.full() && sound(suspect_) && suspect_.ts >= 0)) return "a price held as a jump";
  return last_price_ == 0.0 || valid_price(last_price_) ? nullptr : "the last price";
}

bool Gate::key_of(const Tick& tick, TickKey& key) const noexcept {
  if (policy_.duplicates == DuplicateRule::keep) return false;
  if (policy_.duplicates == DuplicateRule::value) {
    key = {tick.ts, tick.price, tick.size};
    return true;
  }
  key = {tick.id, 0.0, 0.0};
  return tick.id != 0;
}

void Gate::refute(Ledger& ledger) noexcept {
  if (!suspected_) return;
  suspect_ = {};
  suspected_ = false;
  ledger.release();
  ledger.count(Outcome::invalid);
}

}  // namespace fastcore
