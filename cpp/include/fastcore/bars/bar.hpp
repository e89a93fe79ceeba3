// A bar, and how ticks and other bars become one. What closes it is the business of the builders.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "fastcore/engine/tick.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"

namespace fastcore {

/// Why there may be something missing in a bar or right before it; bits, as fc.GAPS names them.
enum class Gap : std::uint8_t {
  sequence = 1,  ///< a hole in the venue's numbers: ticks were lost
  silence = 2,   ///< nothing came for long, though the feed was up: nothing was lost
  session = 4,   ///< the session was over
  feed = 8,      ///< the feed was down: ticks may have been lost
};
inline constexpr const char* gap_names[] = {"sequence", "silence", "session", "feed"};
inline constexpr Gap all_gaps[] = {Gap::sequence, Gap::silence, Gap::session, Gap::feed};
inline constexpr std::size_t gap_count = sizeof all_gaps / sizeof *all_gaps;
constexpr std::uint16_t bit(Gap gap) noexcept { return static_cast<std::uint16_t>(gap); }
/// Whether ticks may be missing because of it.
constexpr bool loses(Gap gap) noexcept { return gap == Gap::sequence || gap == Gap::feed; }

/// One tick, with all that a policy does not ask of it, closes this many bars at most. Beyond that a trade is not
/// split further, a jump leaves bricks out, and a hole is not filled: no tick takes for ever.
inline constexpr int most_bars_at_once = 1000;

/// One bar, closed or forming, laid out as NumPy's fc.BAR.
struct Bar {
  std::int64_t ts;  ///< start of its span, or time of its first tick; nanoseconds since 1970 UTC
  double open;      ///< above 0; 0 when there is no bar
  double high;
  double low;
  double close;
  double volume;
  double value;  ///< sum of price times size; NaN where it is not known
  double vwap;   ///< value for each unit of volume; NaN without volume
  double buy_volume;   ///< of ticks where the buyer took
  double sell_volume;  ///< of ticks where the seller took
  std::int64_t count;  ///< ticks; a trade that was split counts in the first of its bars
  std::int64_t first_ts;  ///< of the earliest tick in it
  std::int64_t last_ts;   ///< of the latest
  std::uint16_t gap;       ///< bits of Gap: in it, or right before it
  bool complete;          ///< nothing of it is known to be missing
  bool stale;             ///< nothing traded: it repeats the last close
  std::uint32_t revision = 0;  ///< how often it was made anew after it had closed

  bool empty() const noexcept { return open == 0.0; }

  template <class Archive>
  void state(Archive& archive) {
    archive("ts", ts);
    archive("open", open);
    archive("high", high);
    archive("low", low);
    archive("close", close);
    archive("volume", volume);
    archive("value", value);
    archive("vwap", vwap);
    archive("buy_volume", buy_volume);
    archive("sell_volume", sell_volume);
    archive("count", count);
    archive("first_ts", first_ts);
    archive("last_ts", last_ts);
    archive("gap", gap);
    archive("complete", complete);
    archive("stale", stale);
    archive("revision", revision);
    if constexpr (Archive::loading) {
      if (last_ts == 0) complete_older();
    }
  }

 private:
  /// Older snapshots told by the count whether there is a bar, and knew less of it.
  void complete_older() noexcept {
    if (count == 0) {
      *this = {};
    } else {
      first_ts = last_ts = ts;
      value = vwap = quiet_nan;
    }
  }
};
static_assert(sizeof(Bar) == 112, "fc.BAR says 112 bytes");

/// A bar that begins at `ts` with one tick.
inline Bar bar_of(std::int64_t ts, const Tick& tick) noexcept {
  const double bought = tick.side > 0 ? tick.size : 0.0;
  const double sold = tick.side < 0 ? tick.size : 0.0;
  return {ts,        tick.price, tick.price, tick.price,    tick.price, tick.size, tick.price * tick.size,
          quiet_nan, bought,     sold,       /* count */ 1, tick.ts,    tick.ts,   /* gap */ 0,
          true,      false};
}

/// A closed bar of which no more is known than these.
inline Bar bar_made_elsewhere(std::int64_t ts, double open, double high, double low, double close,
                              double volume) noexcept {
  return {ts, open, high, low, close, volume, quiet_nan, quiet_nan, 0.0, 0.0, 1, ts, ts, 0, true, false};
}

/// Adds a tick to a bar that is not empty.
inline void grow(Bar& bar, const Tick& tick) noexcept {
  bar.high = larger(tick.price, bar.high);
  bar.low = smaller(tick.price, bar.low);
  bar.close = tick.price;
  bar.volume += tick.size;
  bar.value += tick.price * tick.size;
  bar.buy_volume += tick.side > 0 ? tick.size : 0.0;
  bar.sell_volume += tick.side < 0 ? tick.size : 0.0;
  ++bar.count;
  bar.first_ts = std::min(bar.first_ts, tick.ts);
  bar.last_ts = std::max(bar.last_ts, tick.ts);
}

/// Adds a later bar to a bar that is not empty.
inline void grow(Bar& bar, const Bar& part) noexcept {
  bar.high = larger(part.high, bar.high);
  bar.low = smaller(part.low, bar.low);
  bar.close = part.close;
  bar.volume += part.volume;
  bar.value += part.value;
  bar.buy_volume += part.buy_volume;
  bar.sell_volume += part.sell_volume;
  bar.count += part.count;
  bar.first_ts = std::min(bar.first_ts, part.first_ts);
  bar.last_ts = std::max(bar.last_ts, part.last_ts);
  bar.gap = static_cast<std::uint16_t>(bar.gap | part.gap);
  bar.complete = bar.complete && part.complete;
  bar.stale = bar.stale && part.stale;
}

/// A bar as it is shown: with its average price, which rounding must not take outside of its prices.
inline Bar priced(Bar bar) noexcept {
  const double mean = bar.value / bar.volume;
  bar.vwap = bar.volume > 0.0 ? std::max(bar.low, std::min(bar.high, mean)) : quiet_nan;
  return bar;
}

/// A bar in which nothing traded, at the close of the one before.
inline Bar flat_bar(std::int64_t ts, const Bar& before) noexcept {
  const double at = before.close;
  return {ts, at, at, at, at, 0.0, 0.0, quiet_nan, 0.0, 0.0, 0, before.last_ts, before.last_ts, 0, true, true};
}

/// The bar that forms, and what the next one must say about what came before it.
class Forming {
 public:
  Forming() = default;
  /// `partial`: the first bar may have begun before the first tick.
  explicit Forming(bool partial) noexcept : partial_(partial) {}

  bool empty() const noexcept { return bar_.empty(); }
  const Bar& bar() const noexcept { return bar_; }
  Bar& bar() noexcept { return bar_; }

  /// Begins a bar at `ts` with a tick, or with a bar of another kind.
  void open(std::int64_t ts, const Tick& tick) noexcept { begin(bar_of(ts, tick)); }
  void open(std::int64_t ts, const Bar& part) noexcept {
    Bar bar = part;
    bar.ts = ts;
    bar.revision = 0;
    begin(bar);
  }
  /// Adds to the bar, which begins with it when there is none.
  template <class Part>
  void add(const Part& part) noexcept {
    if (empty()) {
      open(part.ts, part);
    } else {
      grow(bar_, part);
      touch();
    }
  }
  /// Adds to the bar, which is there.
  template <class Part>
  void extend(const Part& part) noexcept {
    grow(bar_, part);
    touch();
  }

  /// The bar is over; there is none until the next tick.
  Bar close() noexcept {
    const Bar closed = priced(bar_);
    bar_ = {};
    return closed;
  }
  /// The bar ends before its time, if there is one.
  template <class Emit>
  void cut(const Emit& emit) noexcept {
    if (empty()) return;
    bar_.complete = false;
    emit(close());
  }
  void clear() noexcept { bar_ = {}; }

  /// Whether the feed was down or the session over since the last tick: times of which nothing is to be made up.
  bool interrupted() const noexcept { return (pending_ & (bit(Gap::feed) | bit(Gap::session))) != 0; }

  /// Something is missing from here to the next tick.
  void mark(Gap gap) noexcept {
    pending_ = static_cast<std::uint16_t>(pending_ | bit(gap));
    if (loses(gap)) partial_ = true;
    if (!empty()) {
      bar_.gap = static_cast<std::uint16_t>(bar_.gap | bit(gap));
      if (loses(gap)) bar_.complete = false;
    }
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("forming", bar_);
    archive("pending", pending_);
    archive("partial", partial_);
  }

 private:
  void begin(const Bar& bar) noexcept {
    bar_ = bar;
    if (pending_ != 0 || partial_) {
      bar_.gap = static_cast<std::uint16_t>(bar_.gap | pending_);
      bar_.complete = bar_.complete && !partial_;
      pending_ = 0;
      partial_ = false;
    }
  }
  /// A tick has come: what was marked lies in this bar, which says so already.
  void touch() noexcept {
    if (pending_ == 0) return;
    pending_ = 0;
    partial_ = false;
  }

  Bar bar_{};
  std::uint16_t pending_ = 0;
  bool partial_ = false;
};

}  // namespace fastcore
