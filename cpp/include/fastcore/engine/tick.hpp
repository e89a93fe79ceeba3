// What goes in: a tick, and which of its numbers can be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "fastcore/quiet_nan.hpp"

namespace fastcore {

/// One trade or quote tick, laid out as NumPy's fc.TICK.
struct Tick {
  std::int64_t ts;           ///< nanoseconds since 1970 UTC
  double price;              ///< above 0
  double size;               ///< 0 or more
  std::int64_t id = 0;       ///< the venue's trade id, 0 for none
  std::uint32_t symbol = 0;  ///< index into a table of names
  std::int8_t side = 0;      ///< 1 buyer took, -1 seller took, 0 unknown
};
static_assert(sizeof(Tick) == 40, "fc.TICK says 40 bytes");

/// The best prices to sell and to buy at, and how much is wanted there.
struct Quote {
  std::int64_t ts;  ///< nanoseconds since 1970 UTC
  double bid;
  double ask;
  double bid_size;
  double ask_size;
};

/// Stands for no symbol where one is a number.
inline constexpr std::uint32_t no_symbol = 0xffffffff;

/// Timestamps before this (1973-03-03 in nanoseconds) are in another unit: today in microseconds,
/// milliseconds and seconds is 1.7e15, 1.7e12 and 1.7e9.
inline constexpr std::int64_t earliest_ts = 100'000'000'000'000'000;

/// A time, of which there is none before 1970: so differences of two never overflow.
template <class Archive>
void time_state(Archive& archive, const char* name, std::int64_t& ts) {
  archive(name, ts);
  if constexpr (Archive::loading) {
    if (ts < 0) archive.fail(name);
  }
}

/// The fields of a tick that a symbol keeps.
template <class Archive>
void tick_state(Archive& archive, Tick& tick) {
  time_state(archive, "ts", tick.ts);
  archive("price", tick.price);
  archive("size", tick.size);
  archive("id", tick.id);
  archive("side", tick.side);
}

inline bool valid_price(double price) noexcept { return price > 0.0 && price <= std::numeric_limits<double>::max(); }
inline bool valid_size(double size) noexcept { return size >= 0.0 && size <= std::numeric_limits<double>::max(); }
inline bool valid_side(std::int64_t side) noexcept { return side >= -1 && side <= 1; }
/// Whether a tick's numbers can be.
inline bool sound(const Tick& tick) noexcept {
  return valid_price(tick.price) && valid_size(tick.size) && valid_side(tick.side);
}

/// The middle of a quote; NaN for one that cannot be, as one is whose bid is above its ask unless that is let be.
inline double mid_of(const Quote& quote, bool crossed) noexcept {
  const bool sound = valid_price(quote.bid) && valid_price(quote.ask) && (crossed || quote.ask >= quote.bid) &&
                     valid_size(quote.bid_size) && valid_size(quote.ask_size);
  return sound ? 0.5 * (quote.bid + quote.ask) : quiet_nan;
}

}  // namespace fastcore
