// Time bars by event time: a tick of a later span closes the bar, never a clock on the wall, so that
// live, replay and batch make the same bars. A span without ticks makes no bar.
#pragma once

#include <cstdint>

#include "fastcore/lanes.hpp"

namespace fastcore {

/// One bar, closed or forming, laid out as NumPy's fc.BAR.
struct Bar {
  std::int64_t ts;  ///< start of the span, nanoseconds since 1970 UTC
  double open;
  double high;
  double low;
  double close;
  double volume;
  std::int64_t count;  ///< ticks in it

  template <class Archive>
  void state(Archive& archive) {
    archive("ts", ts);
    archive("open", open);
    archive("high", high);
    archive("low", low);
    archive("close", close);
    archive("volume", volume);
    archive("count", count);
  }
};
static_assert(sizeof(Bar) == 56, "fc.BAR says 56 bytes");

/// Builds the bars of one span.
class TimeBars {
 public:
  explicit TimeBars(std::int64_t span) noexcept : span_(span) {}

  /// Whether a tick at `ts` belongs to a later span than the forming bar: then `closed` comes first.
  bool closes(std::int64_t ts) const noexcept { return bar_.count > 0 && ts - bar_.ts >= span_; }

  /// The forming bar is over; there is none until the next `add`.
  Bar close() noexcept {
    const Bar closed = bar_;
    bar_.count = 0;
    newest_ = closed.ts;
    return closed;
  }

  /// A bar closed elsewhere takes the place of the one that forms from the same span.
  void take(const Bar& closed) noexcept {
    if (bar_.count > 0 && bar_.ts - closed.ts < span_) bar_.count = 0;
    newest_ = closed.ts;
  }

  /// A tick of a span that is closed already is in no bar: bars do not open twice.
  void add(std::int64_t ts, double price, double size) noexcept {
    if (bar_.count == 0) {
      if (newest_ != 0 && ts - newest_ < span_) return;
      bar_ = {ts - ts % span_, price, price, price, price, size, 1};
      return;
    }
    bar_.high = larger(price, bar_.high);
    bar_.low = smaller(price, bar_.low);
    bar_.close = price;
    bar_.volume += size;
    ++bar_.count;
  }

  /// The forming bar; its count is 0 when there is none.
  const Bar& forming() const noexcept { return bar_; }
  /// Start of the newest closed bar; 0 for none.
  std::int64_t newest() const noexcept { return newest_; }
  std::int64_t span() const noexcept { return span_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("forming", bar_);
    archive("newest", newest_);
  }

 private:
  std::int64_t span_;
  Bar bar_{};
  std::int64_t newest_ = 0;
};

}  // namespace fastcore
