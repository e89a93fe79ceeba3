// Any kind of builder in one place, so that a symbol's clocks lie side by side and a tick finds the right one by a
// switch. Each kind has its own header; this one knows which kind does what.
#pragma once

#include <cstddef>
#include <type_traits>
#include <variant>

#include "fastcore/bars/amount_bar.hpp"
#include "fastcore/bars/count_bar.hpp"
#include "fastcore/bars/flow_bar.hpp"
#include "fastcore/bars/heikin_ashi.hpp"
#include "fastcore/bars/range_bar.hpp"
#include "fastcore/bars/renko_bar.hpp"
#include "fastcore/bars/time_bar.hpp"

namespace fastcore {

/// What a policy says of bars.
struct BarRules {
  bool split = false;  ///< a trade that crosses a threshold goes into both bars
  bool fill = false;   ///< spans without a tick make bars
};

class BarBuilder {
 public:
  /// `grid` is that of a time clock, and outlives the builder.
  BarBuilder(const BarSpec& spec, const TimeGrid& grid, const BarRules& rules) : kind_(make(spec, grid, rules)) {}

  /// Adds a tick; `emit(bar)` is called for each bar that closes.
  template <class Emit>
  void on_tick(const Tick& tick, const Emit& emit) noexcept {
    visit([&](auto& one) {
      if constexpr (of_ticks<decltype(one)>) one.on_tick(tick, emit);
    });
  }
  /// Adds a closed bar of the clock that it is made from, which ended at `end`.
  template <class Emit>
  void on_part(const Bar& part, std::int64_t end, const Emit& emit) noexcept {
    visit([&](auto& one) {
      if constexpr (of_bars<decltype(one)>) one.on_part(part, end, emit);
    });
  }
  /// Event time has come to `ts`.
  template <class Emit>
  void on_time(std::int64_t ts, const Emit& emit) noexcept {
    if (TimeBars* const bars = time()) bars->on_time(ts, emit);
  }
  /// Ticks may be missing, or will not come for a while; the end of a session closes what forms.
  template <class Emit>
  void mark(Gap gap, const Emit& emit) noexcept {
    visit([&](auto& one) {
      if constexpr (of_ticks<decltype(one)>) {
        if (gap == Gap::session) one.on_session_end(emit);
        one.forming().mark(gap);
      }
    });
  }

  /// The builder of a time clock, or null.
  TimeBars* time() noexcept { return std::get_if<TimeBars>(&kind_); }
  const TimeBars* time() const noexcept { return std::get_if<TimeBars>(&kind_); }
  /// The last nanosecond of one of its bars.
  std::int64_t end_of(const Bar& bar) const noexcept { return time() != nullptr ? time()->end_of(bar) : bar.last_ts; }

  /// The bar that forms, empty for none; `source` is the one that forms where it is made from bars.
  Bar forming(const Bar& source) const noexcept;
  /// The same with a tick added.
  Bar forming_with(const Tick& tick) const noexcept;

  template <class Archive>
  void state(Archive& archive) {
    visit([&](auto& one) { one.state(archive); });
  }

 private:
  using Kind = std::variant<TimeBars, CountBars, AmountBars, RangeBars, RenkoBars, FlowBars, HeikinAshi>;
  template <class T>
  static constexpr bool of_ticks = !std::is_same_v<std::decay_t<T>, HeikinAshi>;
  template <class T>
  static constexpr bool of_bars =
      std::is_same_v<std::decay_t<T>, TimeBars> || std::is_same_v<std::decay_t<T>, CountBars> ||
      std::is_same_v<std::decay_t<T>, AmountBars> || std::is_same_v<std::decay_t<T>, HeikinAshi>;

  static Kind make(const BarSpec& spec, const TimeGrid& grid, const BarRules& rules);
  /// Calls with the builder that it is; time bars, the most frequent, are asked for first.
  template <class Visit>
  void visit(const Visit& call) {
    if (TimeBars* const bars = time()) {
      call(*bars);
    } else {
      visit_one<1>(kind_, call);
    }
  }
  /// std::visit may throw, this cannot.
  template <std::size_t I, class Any, class Visit>
  static void visit_one(Any& kind, const Visit& call) {
    if constexpr (I < std::variant_size_v<Kind>) {
      if (auto* const one = std::get_if<I>(&kind)) {
        call(*one);
      } else {
        visit_one<I + 1>(kind, call);
      }
    }
  }
  /// What forms, without the bars that it may be made from.
  Forming own_forming() const noexcept;

  Kind kind_;
};

}  // namespace fastcore
