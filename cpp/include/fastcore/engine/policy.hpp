// The rules by which a symbol takes or refuses what it is given. Every one is off until it is asked for.
#pragma once

#include <cstdint>

namespace fastcore {

/// What to do with a tick older than the newest: `buffer` waits `lateness` for it, and drops it after that; `revise`
/// makes the last bars anew with it.
enum class OrderRule : std::uint8_t { drop, reject, accept, buffer, revise };
inline constexpr const char* order_rules[] = {"drop", "reject", "accept", "buffer", "revise"};
/// What to do with a price or size that cannot be: `clamp` takes the last price, and size 0.
enum class InvalidRule : std::uint8_t { drop, raise, clamp };
inline constexpr const char* invalid_rules[] = {"drop", "raise", "clamp"};
/// What makes a tick the same as one before: nothing, the venue's id, or time, price and size.
enum class DuplicateRule : std::uint8_t { keep, id, value };
inline constexpr const char* duplicate_rules[] = {"keep", "id", "value"};
/// What to do with a quote whose bid is above its ask.
enum class CrossedRule : std::uint8_t { drop, accept };
inline constexpr const char* crossed_rules[] = {"drop", "accept"};
/// What numbers ticks have: none to speak of, or consecutive ids, where one left out is a tick lost.
enum class SequenceRule : std::uint8_t { none, id };
inline constexpr const char* sequence_rules[] = {"none", "id"};
/// What a span without a tick makes: no bar, or a flat one at the last close.
enum class FillRule : std::uint8_t { none, flat };
inline constexpr const char* fill_rules[] = {"none", "flat"};
/// Where a trade goes that crosses the threshold of a volume or value bar: whole into that bar, or into both.
enum class LargeTradeRule : std::uint8_t { whole, split };
inline constexpr const char* large_trade_rules[] = {"whole", "split"};

/// Rules by which a symbol takes or refuses what it is given.
struct Policy {
  OrderRule order = OrderRule::drop;
  InvalidRule invalid = InvalidRule::drop;
  DuplicateRule duplicates = DuplicateRule::keep;
  CrossedRule crossed = CrossedRule::drop;
  SequenceRule sequence = SequenceRule::none;
  FillRule fill = FillRule::none;
  LargeTradeRule large_trades = LargeTradeRule::whole;
  std::int64_t silence = 0;              ///< ns without a tick that are a gap; 0: none is
  std::int64_t lateness = 0;             ///< ns that a buffer waits in event time
  std::int64_t ahead = 0;                ///< ns that a tick may be ahead of the newest one; 0: any
  std::uint32_t buffer_size = 4096;      ///< ticks that wait, or are remembered for revisions, at most
  std::uint32_t revise_bars = 8;         ///< bars that may be made anew
  std::uint32_t duplicate_window = 1024; ///< ticks remembered
  std::uint32_t jump_window = 32;        ///< prices by which a jump is judged
  double jumps = 0.0;                    ///< median absolute deviations that make a jump; 0: none is looked for

  /// Whether a tick must pass more than a look at its numbers and its time.
  bool guarded() const noexcept {
    return order == OrderRule::buffer || invalid == InvalidRule::clamp || duplicates != DuplicateRule::keep ||
           jumps > 0.0 || ahead > 0;
  }
  /// Whether ticks are watched for gaps between them.
  bool watches() const noexcept { return silence > 0 || sequence != SequenceRule::none; }

  template <class Archive>
  void state(Archive& archive) {
    archive.choice("order", order, order_rules);
    archive.choice("invalid", invalid, invalid_rules);
    archive.choice("duplicates", duplicates, duplicate_rules);
    archive.choice("crossed", crossed, crossed_rules);
    archive("lateness", lateness);
    archive("ahead", ahead);
    archive("buffer_size", buffer_size);
    archive("duplicate_window", duplicate_window);
    archive("jump_window", jump_window);
    archive("jumps", jumps);
    archive.choice("sequence", sequence, sequence_rules);
    archive.choice("fill", fill, fill_rules);
    archive.choice("large_trades", large_trades, large_trade_rules);
    archive("silence", silence);
    archive("revise_bars", revise_bars);
  }
};

/// Throws std::invalid_argument with a sentence that names the rule, its value and its range.
void check_policy(const Policy& policy);
/// The same for one rule by its name, and a value that may be beyond what the rule's type holds.
void check_rule(const char* name, double value);

}  // namespace fastcore
