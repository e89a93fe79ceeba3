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
  /// Takes in the states of a time clock; null where one of the symbols cannot be without its own for a while.
  static std::unique_ptr<StateColumns> of(const Plan& plan, std::size_t clock, const std::vector<Symbol*>& symbols);
  StateColumns(const StateColumns&) = delete;
  StateColumns& operator=(const StateColumns&) = delete;
  /// Brings home who is not.
  ~StateColumns();

  /// Whether it has all of these symbols, in that order, and no other.
  bool holds(std::size_t clock, const std::vector<Symbol*>& symbols) const noexcept {
    return whole_ && clock == clock_ && symbols == symbols_;
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
  /// Symbols that go through all nodes at once, whose numbers stay in the first cache meanwhile.
  static constexpr std::size_t tile = 128;

  /// One node whose states are here.
  struct Node {
    const ColumnKernel* kernel;
    const Wiring* wiring;
    std::size_t cells;  ///< numbers of a symbol
    std::array<const double*, max_inputs> in{};
    std::array<double*, max_outputs> out{};
    Block columns{};

    /// Where a symbol's numbers are.
    double* lane(std::size_t symbol) const noexcept;
  };

  StateColumns(const Plan& plan, std::size_t clock, const std::vector<Symbol*>& symbols);
  void choose_nodes();
  bool all_bars(const Group& group) const noexcept;
  bool take_all();
  bool sound(const CrossSection& bars) noexcept;
  void run(std::size_t first, std::size_t count) noexcept;
  void write_rows(std::size_t first, std::size_t count) const noexcept;
  void run_others(std::size_t first, std::size_t count) const noexcept;
  Bar bar(std::size_t place) const noexcept;

  const Plan& plan_;
  std::size_t clock_;
  std::vector<Symbol*> symbols_;
  std::size_t padded_;  // places for symbols in whole blocks
  std::vector<std::byte*> blocks_;  // of the symbols
  std::vector<Node> nodes_;
  std::vector<const Group*> others_;  // whose states stay with their symbols
  std::vector<std::uint32_t> outputs_;  // cells that the nodes write
  std::vector<double> results_;  // a column of a tile for each
  std::vector<double> bars_;  // open, high, low, close, volume
  std::vector<double> spare_;
  std::int64_t newest_ = 0;  // start of the newest bars
  std::int64_t ts_ = 0;  // their time as it was given
  Span span_{};
  std::uint64_t steps_ = 0;
  std::vector<bool> away_;  // by symbol
  bool whole_ = true;  // all of them are
};

}  // namespace fastcore
