// A plan: which indicators run on which clock, and where everything of a symbol lies. It is made once,
// checked as a whole, and shared by all symbols of an engine; a tick then only follows offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fastcore/bars/bar_spec.hpp"
#include "fastcore/bars/time_grid.hpp"
#include "fastcore/engine/plan_error.hpp"
#include "fastcore/kernel.hpp"

namespace fastcore {

/// One named indicator, as the user wrote it.
struct NodeSpec {
  std::string name;
  const Kernel* kernel = nullptr;
  ParamValues params{};
  std::string clock;                 ///< bar spec such as "1m"; empty for ticks, or for the parents' clock
  std::vector<std::string> parents;  ///< column for each input; empty for prices

  /// Whether it is a part of a formula, which others read and no row shows: its name begins with a dot.
  bool hidden() const noexcept { return !name.empty() && name[0] == '.'; }
};

/// A clock of the plan: number 0 is the ticks themselves, the others are bars, each after those it is made from.
struct Clock {
  /// Cells of a tick: price, size, time, side, and the four numbers of a quote, which are NaN but for a quote.
  static constexpr std::uint32_t tick_inputs = 8;
  static constexpr std::uint32_t quote_input = 4;
  /// Cells of a bar: open, high, low, close, volume, the time of its start, and the side, which is 0.
  static constexpr std::uint32_t bar_inputs = 7;

  std::string text;          ///< as written; empty for ticks
  std::string identity;      ///< the same for all ways of writing it
  BarSpec bars;              ///< what closes its bars
  TimeGrid grid;             ///< of time bars
  std::size_t source = 0;    ///< the clock whose bars its bars are made from; 0: ticks
  std::vector<std::size_t> parts_of{};  ///< clocks whose bars are made from its bars
  std::uint32_t cells = 0;   ///< first of its input cells
  std::vector<std::uint32_t> columns{};  ///< columns that change on this clock, in row order

  bool ticks() const noexcept { return text.empty(); }
};

/// Nodes of one kernel, level and clock, run by one call.
struct Group {
  StepNodes step;
  StepNodes settled;  ///< the same as `step` for nodes of other columns, which may be NaN at any time
  void (*peek)(const std::byte* symbol, const Wiring* nodes, std::size_t count, double* cells);
  void (*across)(std::byte* const* symbols, std::size_t symbol_count, const Wiring* nodes, std::size_t count);
  void (*settled_across)(std::byte* const* symbols, std::size_t symbol_count, const Wiring* nodes, std::size_t count);
  const Wiring* nodes;
  std::size_t count;
  const ColumnKernel* columns;  ///< null for states that stay with their symbols
};

class Plan {
 public:
  /// Checks and lays out; throws PlanError with a sentence. `windows` says for each spec which kernel keeps the
  /// window that it reads, null or nothing for the narrowest: what is restored reads the window it read before.
  /// `almanacs` are the zones and calendars that bar specs may name.
  explicit Plan(std::vector<NodeSpec> specs, const std::vector<const Kernel*>& windows = {},
                const Almanacs& almanacs = {});
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// Output names in row order: "rsi", or "macd.signal" for one of several.
  const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// Where a column is; throws PlanError for an unknown name.
  std::size_t column(const std::string& name) const;
  const std::vector<NodeSpec>& specs() const noexcept { return specs_; }
  const std::vector<Clock>& clocks() const noexcept { return clocks_; }
  /// Number of a clock by its text; throws PlanError for one that the plan does not have.
  std::size_t clock(const std::string& text) const;
  /// The clock on which a column changes.
  std::size_t clock_of(std::size_t column) const noexcept { return column_clock_[column]; }

  /// Zones and calendars that its bar specs name.
  const Almanacs& almanacs() const noexcept { return almanacs_; }

  /// Whether an indicator reads quotes.
  bool reads_quotes() const noexcept { return reads_quotes_; }
  /// Writes the quote that stands into its cells: a bar may close before the next tick does.
  void show_quote(const std::byte* symbol, double* cells) const noexcept;
  /// Nodes that run, after equal ones were merged.
  std::size_t node_count() const noexcept { return states_.size(); }
  /// Cells of a symbol: the row first, then the inputs of each clock.
  std::size_t cell_count() const noexcept { return cell_count_; }
  std::size_t symbol_bytes() const noexcept { return symbol_bytes_; }

  /// Makes the states in a symbol's zeroed block and fills its row with NaN.
  void make(std::byte* symbol) const;
  /// Runs the nodes of a clock over the finite inputs in its cells; `settled` when all are ready.
  void step(std::size_t clock, std::byte* symbol, double* cells, bool settled) const noexcept {
    if (settled) {
      for (const Group& group : groups_[clock]) group.settled(symbol, group.nodes, group.count, cells);
    } else {
      for (const Group& group : groups_[clock]) group.step(symbol, group.nodes, group.count, cells);
    }
    for (const Copy& copy : copies_[clock]) cells[copy.to] = cells[copy.from];
  }
  /// The same for many symbols of the plan, whose cells their blocks begin with.
  void step_across(std::size_t clock, std::byte* const* symbols, std::size_t count) const noexcept {
    for (const Group& group : groups_[clock]) group.across(symbols, count, group.nodes, group.count);
    copy_across(clock, symbols, count);
  }
  /// What that ends with.
  void copy_across(std::size_t clock, std::byte* const* symbols, std::size_t count) const noexcept {
    for (const Copy& copy : copies_[clock]) {
      for (std::size_t k = 0; k < count; ++k) {
        auto* const cells = reinterpret_cast<double*>(symbols[k]);
        cells[copy.to] = cells[copy.from];
      }
    }
  }
  /// The same without a trace in the states; `cells` is a scratch copy of the symbol's.
  void peek(std::size_t clock, const std::byte* symbol, double* cells) const noexcept {
    for (const Group& group : groups_[clock]) group.peek(symbol, group.nodes, group.count, cells);
    for (const Copy& copy : copies_[clock]) cells[copy.to] = cells[copy.from];
  }

  /// What runs at a tick, in order, when nothing else is to be done for one.
  const std::vector<Group>& groups(std::size_t clock) const noexcept { return groups_[clock]; }
  /// Whether a clock has columns that are copies of others.
  bool copies(std::size_t clock) const noexcept { return !copies_[clock].empty(); }
  /// States of the nodes of a clock.
  std::size_t state_count(std::size_t clock) const noexcept { return first_state_[clock + 1] - first_state_[clock]; }
  /// Whether all nodes of a clock have given their first values. `known` of them were found ready before
  /// and stay so; it grows, so that a node that never gets there is all that is asked at each tick.
  bool all_ready(std::size_t clock, const std::byte* symbol, std::size_t& known) const noexcept;

  /// One node as it lies in a symbol's block.
  struct State {
    const Kernel* kernel;
    ParamValues params;
    std::size_t clock;
    std::uint32_t offset;
    std::size_t bytes;
  };
  const std::vector<State>& states() const noexcept { return states_; }
  /// The cells of each node, in the order of the states.
  const std::vector<Wiring>& wirings() const noexcept { return wirings_; }
  /// The first column of a spec; those of hidden specs lie behind the row.
  std::size_t first_column(std::size_t spec) const noexcept { return first_column_[spec]; }
  /// Which node, in the order of the states, computes a column.
  std::size_t node_of(std::size_t column) const noexcept;
  /// Whether a cell is of a spec, hidden or not; no other is looked at between two rows.
  bool of_spec(std::uint32_t cell) const noexcept { return cell < column_source_.size(); }
  /// The cell where a column's value is computed: its own, unless its node was merged into another.
  std::uint32_t source_of(std::size_t column) const noexcept { return column_source_[column]; }

 private:
  struct Copy {
    std::uint32_t from;
    std::uint32_t to;
  };
  struct Build;  // the work of the constructor: plan_build.hpp

  std::vector<NodeSpec> specs_;
  Almanacs almanacs_;
  std::vector<std::string> columns_;
  std::vector<std::size_t> column_clock_;
  std::vector<std::uint32_t> column_source_;  // hidden columns, too
  std::vector<std::size_t> first_column_;     // by spec
  std::vector<Clock> clocks_;
  std::vector<std::vector<Group>> groups_;  // by clock, in an order that respects chaining
  std::vector<std::vector<Copy>> copies_;   // by clock: columns of nodes that were merged into another
  std::vector<State> states_;              // by clock
  std::vector<std::size_t> first_state_;   // by clock, and the end
  std::vector<Wiring> wirings_;  // in the order of states_; groups point into it
  std::size_t cell_count_ = 0;
  bool reads_quotes_ = false;
  const Wiring* quote_ = nullptr;  // of the node that keeps the quote that stands
  std::size_t symbol_bytes_ = 0;
};

}  // namespace fastcore
