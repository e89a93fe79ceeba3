// What a tick must pass where the policy asks for more than its numbers and its time: clamping, times far ahead,
// waiting for its order, duplicates, jumps. A symbol without such a policy has no gate and pays nothing for it.
#pragma once

#include <cstdint>
#include <utility>

#include "fastcore/engine/ahead.hpp"
#include "fastcore/engine/duplicates.hpp"
#include "fastcore/engine/jumps.hpp"
#include "fastcore/engine/ledger.hpp"
#include "fastcore/engine/policy.hpp"
#include "fastcore/engine/reorder.hpp"
#include "fastcore/engine/tick.hpp"

namespace fastcore {

class Gate {
 public:
  explicit Gate(const Policy& policy);

  /// Passes one tick that has been counted as received. `take(tick)` is called for each tick that comes
  /// through, this one or one that was held; it checks the order, runs, and gives the outcome, which is
  /// counted here. Returns this tick's outcome.
  template <class Take>
  Outcome pass(Tick tick, Ledger& ledger, const Take& take) noexcept {
    if (!sound(tick) && !clamp(tick)) return ledger.count(Outcome::invalid);
    if (policy_.ahead > 0) {
      if (ahead_.holds()) settle_ahead(ahead_.confirms(tick.ts), ledger, take);
      if (ahead_.far(tick.ts)) {
        ahead_.hold(tick);
        return ledger.count(Outcome::held);
      }
      ahead_.pass(tick.ts);
    }
    return place(tick, ledger, take);
  }

  /// Releases all that is held: the stream has ended. What nothing confirmed is invalid.
  template <class Take>
  void flush(Ledger& ledger, const Take& take) noexcept {
    while (reorder_.size() > 0) release(ledger, take);
    refute(ledger);
    if (!ahead_.holds()) return;
    ahead_.release();
    ledger.release();
    ledger.count(Outcome::invalid);
  }

  /// Event time has come to `ts`: releases what has waited long enough, and gives the time up to which nothing
  /// will come any more.
  template <class Take>
  std::int64_t advance(std::int64_t ts, Ledger& ledger, const Take& take) noexcept {
    if (policy_.ahead > 0) {
      ahead_.pass(ts);
      if (ahead_.holds() && ahead_.caught_up()) settle_ahead(true, ledger, take);
    }
    if (policy_.order != OrderRule::buffer) return ts;
    reorder_.advance(ts);
    while (reorder_.due()) release(ledger, take);
    return reorder_.released();
  }

  /// Ticks that wait: what the ledger's bucket `held` says.
  std::uint64_t held() const noexcept { return reorder_.size() + (suspected_ ? 1U : 0U) + (ahead_.holds() ? 1U : 0U); }

  template <class Archive>
  void state(Archive& archive) {
    if (policy_.ahead > 0) archive("ahead", ahead_);
    if (policy_.order == OrderRule::buffer) archive("reorder", reorder_);
    if (policy_.duplicates != DuplicateRule::keep) archive("seen", seen_);
    if (policy_.jumps > 0.0) {
      archive("jumps", jumps_);
      archive("suspected", suspected_);
      tick_state(archive, suspect_);
    }
    archive("last_price", last_price_);
    if constexpr (Archive::loading) {
      if (const char* const what = unsound()) archive.fail(what);
    }
  }

 private:
  /// What of a loaded state cannot be; null where all can.
  const char* unsound() const noexcept;
  bool clamp(Tick& tick) const noexcept;
  /// The key by which a tick is a duplicate; false for a tick that has none.
  bool key_of(const Tick& tick, TickKey& key) const noexcept;

  /// A tick that was held as far ahead goes on, where it is confirmed.
  template <class Take>
  void settle_ahead(bool confirmed, Ledger& ledger, const Take& take) noexcept {
    const Tick tick = ahead_.release();
    ledger.release();
    if (confirmed) {
      ahead_.pass(tick.ts);
      place(tick, ledger, take);
    } else {
      ledger.count(Outcome::invalid);
    }
  }

  /// Puts a tick where its time belongs, which is at once unless the policy waits.
  template <class Take>
  Outcome place(const Tick& tick, Ledger& ledger, const Take& take) noexcept {
    if (policy_.order != OrderRule::buffer) return judge(tick, ledger, take);
    if (tick.ts < reorder_.released()) return ledger.count(Outcome::late_dropped);
    const std::uint64_t arrival = reorder_.push(tick);
    Outcome own = ledger.count(Outcome::held);
    while (reorder_.due()) {
      const auto [outcome, of] = release(ledger, take);
      if (of == arrival) own = outcome;
    }
    return own;
  }

  template <class Take>
  std::pair<Outcome, std::uint64_t> release(Ledger& ledger, const Take& take) noexcept {
    const auto oldest = reorder_.pop();
    ledger.release();
    return {judge(oldest.tick, ledger, take), oldest.arrival};
  }

  /// Duplicates and jumps; then the tick is taken.
  template <class Take>
  Outcome judge(const Tick& tick, Ledger& ledger, const Take& take) noexcept {
    TickKey key{};
    const bool keyed = key_of(tick, key);
    if (keyed && seen_.holds(key)) return ledger.count(Outcome::duplicate);
    if (keyed) seen_.add(key);
    if (suspected_) {
      if (jumps_.confirms(tick.price, suspect_.price)) {
        jumps_.clear();
        const Tick confirmed = suspect_;
        suspect_ = {};
        suspected_ = false;
        ledger.release();
        admit(confirmed, ledger, take);
      } else {
        refute(ledger);
      }
    }
    if (policy_.jumps > 0.0 && jumps_.far(tick.price)) {
      suspect_ = tick;
      suspected_ = true;
      return ledger.count(Outcome::held);
    }
    return admit(tick, ledger, take);
  }

  template <class Take>
  Outcome admit(const Tick& tick, Ledger& ledger, const Take& take) noexcept {
    const Outcome outcome = take(tick);
    if (taken(outcome)) {
      last_price_ = tick.price;
      if (policy_.jumps > 0.0) jumps_.add(tick.price);
    }
    return ledger.count(outcome);
  }

  void refute(Ledger& ledger) noexcept;

  Policy policy_;
  AheadFilter ahead_;
  ReorderBuffer reorder_;
  DuplicateWindow seen_;
  JumpFilter jumps_;
  Tick suspect_{};
  bool suspected_ = false;
  double last_price_ = 0.0;
};

}  // namespace fastcore
