// The work of making a plan, in the order in which it is done: names to columns and chains to an order
// (plan_names.cpp), equal nodes to one and nodes and states to places (plan_build.cpp), which on its way gives the
// nodes that read alike one window (plan_windows.cpp).
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "fastcore/catalogue.hpp"
#include "fastcore/engine/plan.hpp"

namespace fastcore {

struct Plan::Build {
  using Cells = std::array<std::uint32_t, max_inputs>;
  struct Node;

  Plan& plan;
  const std::vector<const Kernel*>& kept_windows;                // by spec; see Plan's constructor
  const Almanacs& almanacs;                                      // those that there are
  std::unordered_map<std::string, std::size_t> column_of{};      // name -> column
  std::vector<std::size_t> first_column{};                       // by spec
  std::vector<std::size_t> owner{};                              // by column: its spec
  std::vector<std::size_t> order{};                              // specs, parents first
  std::vector<std::size_t> clock{};                              // by spec
  std::vector<std::size_t> level{};                              // by spec: length of the longest chain above it
  std::vector<std::uint32_t> cell{};                             // by column: where its value is computed
  std::vector<Node> nodes{};                                     // what runs, parents first
  std::uint32_t first_quote_cell = 0;                            // of the quote that stands, if any reads it

  /// One node to be placed.
  struct Node {
    const Kernel* kernel;
    ParamValues params;
    std::size_t clock;
    std::size_t level;
    Cells inputs;
    std::uint32_t out;
    bool chained = false;  // of other columns
  };
  /// Two nodes of one key would compute the same; a cell is of one clock, so the clock need not be asked.
  using Key = std::tuple<const Kernel*, ParamValues, Cells>;
  std::map<Key, std::uint32_t> known{};  // key -> first output cell

  // ---- plan_names.cpp: what the specs say ----

  /// What no row shows has its columns behind those of the row.
  void name_columns();
  /// Those of one spec.
  void name_columns_of(std::size_t i);
  /// The column that a parent's name means; throws PlanError.
  std::size_t parent_column(const NodeSpec& spec, const std::string& parent) const;
  /// Parents before children, each in the order written; a chain that closes on itself is named. With a stack of
  /// its own, since chains are as long as users make them.
  void sort();
  /// The clock and level of a spec whose parents have theirs.
  void settle(std::size_t i);
  /// Where time bars begin; throws PlanError for a zone or calendar that is not known.
  TimeGrid grid_of(const std::string& text, const BarSpec& bars);
  /// The clock with that text, made where it is new.
  std::size_t clock_number(const std::string& text);

  // ---- plan_windows.cpp: what nodes share ----

  /// Splits each formula over a window into the window, once for all that ask for it, and a reader; and each
  /// pattern of candles into the candles and a reader.
  void share_windows();
  /// Which windows serve some readers of the same values: those that they read before, where they did, which
  /// also serve others that need no more; and for the rest the narrowest one.
  std::map<const WindowKernel*, std::vector<std::size_t>> windows_for(const std::vector<std::size_t>& members) const;
  /// The window that a node read before; null for none.
  const Kernel* kept_window(std::size_t node) const;
  /// Adds a window, and makes readers of those that ask for it.
  void add_window(const WindowKernel& window, int period, const std::vector<std::size_t>& its_readers);
  /// The numbers that some nodes read of their windows.
  std::set<Number> needs(const std::vector<std::size_t>& members) const;
  /// A node of the readers' inputs, on the level below them; gives the first of its cells.
  std::uint32_t add_provider(const Kernel& kernel, int period, const std::vector<std::size_t>& readers);

  // ---- plan_build.cpp: what runs, and where it lies ----

  /// A cell for each input of each clock, behind the columns.
  void place_cells();
  /// The cells that feed a spec, by input; behind them zeroes.
  Cells inputs(std::size_t i);
  /// Where the quote that stands is kept; the node that keeps it is added when it is first asked for.
  std::uint32_t quote_cells();
  /// Equal nodes are one node, and equal windows one window: what is asked for twice is computed once.
  void merge();
  /// States of one group lie side by side, groups in the order in which they run.
  void place_states();
};

}  // namespace fastcore
