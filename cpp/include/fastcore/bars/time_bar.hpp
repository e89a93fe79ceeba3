// Time bars by event time: a tick of a later span closes the bar, or the word that such a time has come; never
// a clock on the wall, so that live, replay and batch make the same bars. A span without ticks makes no bar,
// unless it is asked for.
#pragma once

#include <cstdint>
#include <limits>

#include "fastcore/bars/bar.hpp"
#include "fastcore/bars/time_grid.hpp"

namespace fastcore {

class TimeBars {
 public:
  /// `fill`: spans without a tick make bars at the last close.
  TimeBars(const TimeGrid& grid, bool fill) noexcept : grid_(&grid), fill_(fill) {}

  template <class Emit>
  void on_tick(const Tick& tick, const Emit& emit) noexcept {
    if (tick.ts > last_) {
      close_until(tick.ts, emit);
      open(tick.ts, tick);
    } else if (!forming_.empty()) {
      forming_.extend(tick);
    }  // else its span is closed already, and bars do not open twice
  }

  /// Adds a closed bar of another clock, which ended at `end`; the last of a span closes its bar.
  template <class Emit>
  void on_part(const Bar& part, std::int64_t end, const Emit& emit) noexcept {
    if (part.ts > last_) {
      close_until(part.ts, emit);
      open(part.ts, part);
    } else if (!forming_.empty()) {
      forming_.extend(part);
    }
    if (end >= last_ && !forming_.empty()) emit(close());
  }

  /// Event time has come to `ts`: what ended before is over.
  template <class Emit>
  void on_time(std::int64_t ts, const Emit& emit) noexcept {
    if (ts > last_) close_until(ts, emit);
  }

  /// The session is over, and the bar with it.
  template <class Emit>
  void on_session_end(const Emit& emit) noexcept {
    if (!forming_.empty()) emit(close());
  }

  /// A bar closed elsewhere takes the place of the one that forms from the same span.
  void take(const Bar& closed, const Span& span) noexcept {
    if (!forming_.empty() && forming_.bar().ts <= span.last) forming_.clear();
    if (forming_.empty()) last_ = span.last;
    newest_ = closed.ts;
    close_ = closed.close;
    close_ts_ = closed.last_ts;
  }

  /// Start of the newest closed bar; 0 for none.
  std::int64_t newest() const noexcept { return newest_; }
  /// The last nanosecond of the span that forms, or of the newest closed one.
  std::int64_t last() const noexcept { return last_; }
  /// The last nanosecond of the span of one of its bars.
  std::int64_t end_of(const Bar& bar) const noexcept { return grid_->at(bar.ts).last; }
  /// Start of the bar that a part would begin.
  std::int64_t start_of(std::int64_t ts) const noexcept { return grid_->at(ts).first; }
  Forming& forming() noexcept { return forming_; }
  const Forming& forming() const noexcept { return forming_; }

  template <class Archive>
  void state(Archive& archive) {
    forming_.state(archive);
    archive("newest", newest_);
    archive("close", close_);
    archive("close_ts", close_ts_);
    if constexpr (Archive::loading) {
      last_ = !forming_.empty() ? grid_->at(forming_.bar().ts).last
              : newest_ != 0    ? grid_->at(newest_).last
                                : std::numeric_limits<std::int64_t>::min();
    }
  }

 private:
  template <class Part>
  void open(std::int64_t ts, const Part& part) noexcept {
    const Span span = grid_->at(ts);
    forming_.open(span.first, part);
    last_ = span.last;
  }

  Bar close() noexcept {
    const Bar closed = forming_.close();
    newest_ = closed.ts;
    close_ = closed.close;
    close_ts_ = closed.last_ts;
    return closed;
  }

  /// Closes what ended before `ts`, which lies after the span that forms.
  template <class Emit>
  void close_until(std::int64_t ts, const Emit& emit) noexcept {
    if (!forming_.empty()) emit(close());
    if (fill_ && newest_ != 0 && !forming_.interrupted()) fill(ts, emit);
    if (newest_ != 0 && !grid_->one_session(last_, ts)) forming_.mark(Gap::session);
  }

  /// The spans before `ts` that had no tick; of many, or beyond the session, only the first.
  template <class Emit>
  void fill(std::int64_t ts, const Emit& emit) noexcept {
    Bar before{};
    before.close = close_;
    before.last_ts = close_ts_;
    for (int i = 0; i < most_bars_at_once; ++i) {
      const Span next = grid_->at(last_ + 1);
      if (next.last >= ts || !grid_->one_session(last_, next.first)) return;
      last_ = next.last;
      newest_ = next.first;
      emit(flat_bar(next.first, before));
    }
    forming_.mark(Gap::silence);
  }

  std::int64_t last_ = std::numeric_limits<std::int64_t>::min();
  Forming forming_{true};
  const TimeGrid* grid_;
  std::int64_t newest_ = 0;
  double close_ = 0.0;         // of the newest closed bar
  std::int64_t close_ts_ = 0;  // of the last tick in it
  bool fill_;
};

}  // namespace fastcore
