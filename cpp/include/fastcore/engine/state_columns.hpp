// A universe whose bars come together, call after call: what its symbols keep goes on in columns, so that one
// instruction steps several symbols, and the row of each is written as ever. What else a bar leaves, such as the ledger
// and the newest bar, is the same for all of them and is brought home, with the states, when a symbol is asked for it
// or given something else: to that symbol alone, so that nobody waits for all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fastcore/bars/bar.hpp"
#include "fastcore/bars/time_grid.hpp"
#include "fastcore/engine/plan.hpp"
#include "fastcore/memory/arena.hpp"

namespace fastcore {

struct CrossSection;
class Symbol;

class StateColumns {
 public:
  /// For a time clock; null where its plan has nothing for columns. It begins by watching bars.
  static std::unique_ptr<StateColumns> of(const Plan& plan, std::size_t clock, const std::vector<Symbol*>& symbols,
                                          bool everybody);
  StateColumns(const StateColumns&) = delete;
  StateColumns& operator=(const StateColumns&) = delete;
  /// Brings home who is not.
  ~StateColumns();

  /// Sees bars that all symbols have taken on their own. True when it has seen enough to go on alone.
  bool watch(const CrossSection& bars) noexcept;
  bool watching() const noexcept { return nodes_.empty(); }
  /// Takes in the states; false where one of the symbols cannot be without its own for a while, or nothing is gained.
  bool take();

  /// Whether it has all of these symbols, in that order, and no other.
  bool holds(std::size_t clock, const std::vector<Symbol*>& symbols) const noexcept {
    return whole_ && clock == clock_ && symbols == symbols_;
  }
  /// Whether it has all symbols of an engine that has so many.
  bool holds_all(std::size_t clock, std::size_t count) const noexcept {
    return whole_ && everybody_ && clock == clock_ && count == symbols_.size();
  }
  /// Takes a bar for each of them; false, and nothing has changed, where one of the bars would not be taken.
  bool step(const Span& span, const CrossSection& bars) noexcept;
  /// Brings a symbol home.
  void home(std::size_t place) noexcept;
  /// How often all have stepped.
  std::uint64_t steps() const noexcept { return steps_; }
  std::size_t memory() const noexcept;

 private:
  static constexpr std::size_t bar_columns = 5;
  /// Fewer are as quick one by one.
  static constexpr std::size_t least_symbols = 8;

  /// One node whose states are here.
  struct Node {
    const ColumnKernel* kernel;
    const Wiring* wiring;
    std::size_t cells;  ///< numbers of a symbol
    std::array<const double*, max_inputs> from{};  ///< a block's results; null for a number of the bar
    std::array<double*, max_outputs> out{};
    Block columns{};
    bool paired = false;  ///< may step with the next one, which reads the same

    /// Where a symbol's numbers are.
    double* lane(std::size_t symbol) const noexcept;
  };
  /// A node whose states stay with their symbols.
  struct Other {
    const Group* group;
    const Wiring* wiring;
  };
  /// The last rows of a number of the bars, of all symbols.
  struct Rows {
    std::size_t depth = 2;  ///< a power of two
    std::vector<double> numbers{};
  };
  /// Neighbouring cells that lie side by side in the results, too.
  struct Run {
    std::uint32_t cell;
    std::uint32_t count;
    const double* results;
  };

  StateColumns(const Plan& plan, std::size_t clock, const std::vector<Symbol*>& symbols, bool everybody);
  std::uint32_t first_input() const noexcept { return plan_.clocks()[clock_].cells; }
  bool is_bar(std::uint32_t cell) const noexcept { return cell >= first_input() && cell < first_input() + bar_columns; }
  bool readable(const Group& group, const Wiring& node) const noexcept;
  bool take_node(const Group& group, const Wiring& node);
  void place_results();
  void pair_nodes() noexcept;
  const double* row(std::size_t number, std::uint64_t back) const noexcept;
  void past(const Node& node, std::size_t place, Series<double>* all) const noexcept;
  bool sound(const CrossSection& bars) noexcept;
  void run(std::size_t first, std::size_t count) noexcept;
  void write_rows(std::size_t first, std::size_t count) const noexcept;
  void expect_rows(std::size_t first, std::size_t count) const noexcept;
  void run_others(std::size_t first, std::size_t count) const noexcept;
  Bar bar(std::size_t place) const noexcept;

  const Plan& plan_;
  std::size_t clock_;
  std::vector<Symbol*> symbols_;
  bool everybody_;  // they are all that the engine has
  std::size_t padded_;  // places for symbols in whole blocks
  std::vector<std::byte*> blocks_;  // of the symbols
  std::array<Rows, bar_columns> rows_;  // open, high, low, close, volume
  std::uint64_t seen_ = 0;  // bars of each symbol
  std::vector<Node> nodes_;
  std::vector<Other> others_;
  std::vector<double> results_;  // a column of a block for each cell that the nodes write, in order
  std::vector<Run> runs_;  // what of them goes to the symbols' cells
  std::int64_t newest_ = 0;  // start of the newest bars
  std::int64_t ts_ = 0;  // their time as it was given
  Span span_{};
  std::uint64_t steps_ = 0;
  std::vector<bool> away_;  // by symbol
  bool whole_ = false;  // all of them are
};

}  // namespace fastcore
