// Taking a late tick as if it had come in time: back to a copy of the state before it, and everything since once more.
#include <algorithm>
#include <cstring>

#include "fastcore/engine/symbol.hpp"

namespace fastcore {

void Symbol::make_reviser() {
  revisions_.clear();
  was_.clear();
  if (policy_.order != OrderRule::revise) {
    reviser_ = nullptr;
    return;
  }
  Checkpoint like;
  like.block.resize(block_->size());
  like.bars = bars_;
  like.ready = ready_;
  like.rows = rows_;
  reviser_ = std::make_unique<Reviser>(policy_, like);
  copy_to(reviser_->restart());
  for (const BarHistory& closed : closed_) {
    revisions_.emplace_back(closed.capacity());
    was_.emplace_back();
    was_.back().bars.reserve(closed.capacity());
  }
}

void Symbol::copy_to(Checkpoint& point) const noexcept {
  std::memcpy(point.block.data(), block_->data(), point.block.size());
  std::copy(bars_.begin(), bars_.end(), point.bars.begin());
  std::copy(ready_.begin(), ready_.end(), point.ready.begin());
  std::copy(rows_.begin(), rows_.end(), point.rows.begin());
  point.gaps = gaps_;
  point.last_ts = last_ts_;
}

void Symbol::copy_from(const Checkpoint& point) noexcept {
  std::memcpy(block_->data(), point.block.data(), point.block.size());
  std::copy(point.bars.begin(), point.bars.end(), bars_.begin());
  std::copy(point.ready.begin(), point.ready.end(), ready_.begin());
  std::copy(point.rows.begin(), point.rows.end(), rows_.begin());
  gaps_ = point.gaps;
  last_ts_ = point.last_ts;
}

void Symbol::keep(const Event& event, std::uint64_t before) noexcept {
  reviser_->make_room();
  reviser_->insert(reviser_->size(), event);
  if (bars_made() != before || reviser_->due(reviser_->size())) copy_to(reviser_->push(reviser_->size()));
}

void Symbol::redo(const Event& event) noexcept {
  last_ts_ = std::max(last_ts_, event.tick.ts);
  switch (event.kind) {
    case Event::Kind::tick: run(event.tick); break;
    case Event::Kind::time: run_time(event.tick.ts); break;
    case Event::Kind::gap: run_gap(event.gap); break;
  }
}

/// What was remembered in a snapshot happens once more.
void Symbol::redo_all() {
  std::vector<Event> events(reviser_->size());
  for (std::size_t i = 0; i < events.size(); ++i) events[i] = reviser_->event(i);
  copy_to(reviser_->restart());
  for (const Event& event : events) {
    const bool sound = valid_price(event.tick.price) && valid_size(event.tick.size) && valid_side(event.tick.side);
    if (event.tick.ts < last_ts_ || (event.kind == Event::Kind::tick && !sound))
      throw SnapshotError("the snapshot remembers a tick that cannot be");
    const std::uint64_t before = bars_made();
    redo(event);
    keep(event, before);
  }
}

Outcome Symbol::revise(const Tick& tick) noexcept {
  reviser_->make_room();
  if (tick.ts < reviser_->base().last_ts) return Outcome::late_dropped;
  const std::size_t place = reviser_->place_of(tick.ts);
  const Checkpoint& from = reviser_->back_to(place);
  std::size_t next = from.at;
  rewind(from);
  reviser_->insert(place, {Event::Kind::tick, Gap::sequence, tick});
  revising_ = true;
  while (next < reviser_->size()) {
    const std::uint64_t before = bars_made();
    redo(reviser_->event(next++));
    if (bars_made() == before && !reviser_->due(next)) continue;
    const std::size_t known = reviser_->size();
    copy_to(reviser_->push(next));
    next -= known - reviser_->size();  // the oldest events may have been forgotten for it
  }
  revising_ = false;
  return Outcome::late_accepted;
}

/// Back to a copy; the bars since are kept aside.
void Symbol::rewind(const Checkpoint& to) noexcept {
  for (std::size_t i = 0; i < bars_.size(); ++i) {
    const std::uint64_t count = bars_[i].made - to.bars[i].made;
    const std::size_t kept = std::min<std::size_t>(closed_[i].size(), static_cast<std::size_t>(count));
    was_[i].bars.assign(closed_[i].last(kept), closed_[i].last(kept) + kept);
    was_[i].first = bars_[i].made - kept;
    closed_[i].rewind(count);
  }
  for (std::size_t clock = 0; clock < histories_.size(); ++clock)
    histories_[clock].rewind(rows_[clock] - to.rows[clock]);
  copy_from(to);
}

bool Symbol::by_time(std::size_t clock) const noexcept {
  while (plan_->clocks()[clock].bars.kind == BarKind::heikin_ashi) clock = plan_->clocks()[clock].source;
  return plan_->clocks()[clock].bars.kind == BarKind::time;
}

/// A bar that is made anew, with the number of its revision; one that differs from what it was is a revision.
Bar Symbol::revised(std::size_t clock, const Bar& bar) noexcept {
  const Was& was = was_[clock - 1];
  const std::uint64_t number = bars_[clock - 1].made;
  const Bar* old = nullptr;
  bool past = false;  // it was not there, though later ones were
  if (by_time(clock)) {
    const auto found = std::lower_bound(was.bars.begin(), was.bars.end(), bar.ts,
                                        [](const Bar& one, std::int64_t ts) { return one.ts < ts; });
    if (found != was.bars.end() && found->ts == bar.ts) old = &*found;
    past = old == nullptr && found != was.bars.end();
  } else {
    if (number >= was.first && number - was.first < was.bars.size()) old = &was.bars[number - was.first];
    past = number < was.first;
  }
  Bar made = bar;
  made.revision = old != nullptr ? old->revision : past ? 1 : 0;
  if (old != nullptr && std::memcmp(&made, old, sizeof made) != 0) {
    ++made.revision;
    past = true;
  }
  if (past) revisions_[clock - 1].push(made, ledger_.received);
  return made;
}

}  // namespace fastcore
