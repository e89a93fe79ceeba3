// One symbol: its states, its row, its bars, its ledger. A tick goes through here once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fastcore/bars/time_bar.hpp"
#include "fastcore/engine/cold.hpp"
#include "fastcore/engine/gate.hpp"
#include "fastcore/engine/history.hpp"
#include "fastcore/engine/ledger.hpp"
#include "fastcore/engine/plan.hpp"
#include "fastcore/engine/splice.hpp"
#include "fastcore/engine/tick.hpp"

namespace fastcore {

class SchemaTable;
class SavedSymbols;
class SymbolFit;
struct SavedHistory;
struct SavedPlan;
struct SavedSymbol;

class Symbol {
 public:
  /// `history` rows (0: none) are kept for each clock, and max(history, 1) bars for each bar clock.
  Symbol(std::string name, std::shared_ptr<const Plan> plan, const Policy& policy, std::size_t history);

  /// Takes one tick: checks it, closes bars, runs indicators, writes the row. Allocates nothing.
  Outcome on_tick(const Tick& tick) noexcept;
  /// Takes one quote as a tick at its mid with size 0.
  Outcome on_quote(const Quote& quote) noexcept;
  /// Releases what the policy holds back: the stream has ended, or pauses.
  void flush() noexcept;
  /// Counts one tick that was refused before it came here.
  void reject() noexcept {
    ++ledger_.received;
    refuse(Outcome::rejected);
  }
  /// Takes one closed bar of a clock, made elsewhere. Its order is that of the bars of its clock: one older
  /// than the newest is late, one at the same start a duplicate.
  Outcome on_bar(std::size_t clock, const Bar& bar) noexcept;
  /// Writes the row that a tick at `price` would leave; with `forming`, bar columns as if the forming
  /// bars closed with it. No trace is left.
  void peek(double price, double size, bool forming, double* row) const;

  /// From here on ticks are history, until `go_live`: then what comes again is a duplicate.
  void begin_history();
  void go_live() noexcept;

  /// By which number the engine's journal knows it; `no_symbol` while there is none.
  std::uint32_t log_number() const noexcept { return log_number_; }
  void set_log_number(std::uint32_t number) noexcept { log_number_ = number; }

  const std::string& name() const noexcept { return name_; }
  const Plan& plan() const noexcept { return *plan_; }
  /// The live row, and after it the input cells.
  double* cells() const noexcept { return cells_; }
  const std::shared_ptr<Block>& block() const noexcept { return block_; }
  Ledger& ledger() noexcept { return ledger_; }
  const Ledger& ledger() const noexcept { return ledger_; }
  Outcome outcome() const noexcept { return outcome_; }
  std::int64_t last_ts() const noexcept { return last_ts_; }
  const Policy& policy() const noexcept { return policy_; }
  /// History of a clock; null when none is kept.
  const History* history(std::size_t clock) const noexcept { return histories_.empty() ? nullptr : &histories_[clock]; }
  const BarHistory& bars(std::size_t clock) const noexcept { return closed_[clock - 1]; }
  const Bar& forming(std::size_t clock) const noexcept { return bars_[clock - 1].forming(); }
  std::size_t memory() const noexcept;

  /// What a symbol is besides its policy, its row, its bars and its nodes.
  template <class Archive>
  void state(Archive& archive) {
    archive("last_ts", last_ts_);
    archive.choice("outcome", outcome_, outcome_names);
    archive("ledger", ledger_);
    Splice none;
    Splice& splice = splice_ == nullptr ? none : *splice_;
    archive("splice", splice);
    if (gate_ != nullptr) archive("gate", *gate_);
    if constexpr (Archive::loading) {
      if (splice.phase() != Splice::Phase::off) splice_ = std::make_unique<Splice>(splice);
      if (gate_ != nullptr) ledger_.buckets[static_cast<std::size_t>(Outcome::held)] = gate_->held();
      if (!ledger_.adds_up()) archive.fail("a ledger that does not add up");
      if (last_ts_ < 0) archive.fail("the time of the last tick");
    }
  }
  /// Adds to a plan by names what builds the bars of each clock.
  void describe_bars(SavedPlan& plan, SchemaTable& schemas);
  /// The whole of it but for the name, O(window); engine/saved_symbol.hpp says what comes in which order.
  void save(SchemaTable& schemas, ByteWriter& out);
  /// Rows and bars that were, as far as they are kept.
  void save_history(ByteWriter& out);
  /// Takes what a symbol of the same or another plan saved; this one must be new. Throws SnapshotError.
  void load(const SavedSymbol& saved, SymbolFit& fit);
  void load_history(const SavedHistory& saved, const SavedSymbols& symbols, SymbolFit& fit);
  /// Columns that started anew when it was restored.
  const std::vector<ColdColumn>& cold() const noexcept { return *cold_; }

 private:
  void push_bar(std::size_t place, std::string_view record, SymbolFit& fit);
  bool came_before(const Tick& tick) noexcept;
  void find_short_way() noexcept;
  Outcome refuse(Outcome outcome) noexcept { return outcome_ = ledger_.count(outcome); }
  Outcome take(const Tick& tick) noexcept;
  void close_bars(std::int64_t ts) noexcept;
  void run_bar(std::size_t clock, const Bar& bar) noexcept;
  void run_clock(std::size_t clock, bool finite) noexcept;

  // Hot members first: a tick reads these and the block.
  double* cells_;                // the block's beginning
  double* inputs_;               // price and size of the tick, among the cells
  const Group* first_ = nullptr;  // what runs at a tick, once that is all there is to do: no gate, no bars, no
  const Group* last_ = nullptr;   // history, no copied columns, and every node ready
  std::unique_ptr<Gate> gate_;    // null for a policy that needs none
  std::unique_ptr<Splice> splice_;  // null but from a history to the first tick behind it
  std::int64_t last_ts_ = 0;
  Ledger ledger_;
  Policy policy_;
  std::uint32_t log_number_ = no_symbol;
  Outcome outcome_ = Outcome::accepted;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Block> block_;
  std::vector<std::size_t> ready_;  // by clock: how many of the plan's states are known to be ready
  mutable std::vector<double> scratch_;  // cells for `peek`, which allocates nothing
  std::vector<TimeBars> bars_;  // by clock - 1
  std::vector<History> histories_;
  std::vector<BarHistory> closed_;
  std::string name_;
  ColdColumns cold_ = no_cold_columns();
};

}  // namespace fastcore
