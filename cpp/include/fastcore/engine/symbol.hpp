// One symbol: its states, its row, its bars, its ledger. A tick goes through here once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fastcore/bars/builder.hpp"
#include "fastcore/engine/cold.hpp"
#include "fastcore/engine/gap_watch.hpp"
#include "fastcore/engine/gate.hpp"
#include "fastcore/engine/history.hpp"
#include "fastcore/engine/ledger.hpp"
#include "fastcore/engine/plan.hpp"
#include "fastcore/engine/reviser.hpp"
#include "fastcore/engine/splice.hpp"
#include "fastcore/engine/tick.hpp"
#include "fastcore/latency/stages.hpp"

namespace fastcore {

class SchemaTable;
class StateColumns;
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
  Outcome on_tick(const Tick& tick) noexcept {
    if (!valid_side(tick.side) || !straight(tick.ts, tick.price, tick.size, tick.side)) return on_any_tick(tick);
    last_id_ = tick.id > last_id_ ? tick.id : last_id_;
    return Outcome::accepted;
  }
  /// Takes one tick where there is nothing but indicators to run: in the caller, and from registers (bench `one_call`).
  /// A tick without a number; false where it has to go by `on_tick`, and nothing has been done.
  [[gnu::always_inline]] bool straight(std::int64_t ts, double price, double size, std::int8_t side = 0) noexcept {
    if (first_ == nullptr || ts < last_ts_ || !valid_price(price) || !valid_size(size)) return false;
    ++ledger_.received;
    last_ts_ = ts;
    put(ts, price, size, side);
    double* const cells = cells_;
    auto* const block = reinterpret_cast<std::byte*>(cells);
    const Group* const last = last_;
    for (const Group* group = first_; group != last; ++group) group->settled(block, group->nodes, group->count, cells);
    outcome_ = ledger_.count(Outcome::accepted);
    return true;
  }
  /// The same bits by the long way, on which the parts can be told apart and are timed.
  Outcome on_tick(const Tick& tick, StageProbe& probe) noexcept;
  /// Takes one quote as a tick at its mid with size 0.
  Outcome on_quote(const Quote& quote) noexcept;
  /// Event time has come to `ts` (ns since 1970 UTC): time bars that end before it close, and ticks before it are
  /// late from now on.
  void on_time(std::int64_t ts) noexcept;
  /// Ticks may be missing from here to the next one, or will not come for a while. The end of a session closes the
  /// bars that form.
  void on_gap(Gap gap) noexcept;
  /// Releases what the policy holds back: the stream has ended, or pauses.
  void flush() noexcept;
  /// Counts one tick that was refused before it came here.
  void reject() noexcept {
    come_home();
    ++ledger_.received;
    refuse(Outcome::rejected);
  }
  /// Takes one closed bar of a clock, made elsewhere, whose time is any within its span. Its order is that of the bars
  /// of its clock: one older than the newest is late, one at the same start a duplicate.
  Outcome on_bar(std::size_t clock, Bar bar) noexcept;
  /// The same in three steps, for many symbols side by side: takes the bar, whose span is given, and counts it; false
  /// where it is not taken. Then the nodes of its clock are to be run over `block()`, and then comes `end_bar`, with
  /// what had been received by then.
  bool begin_bar(std::size_t clock, const Span& span, Bar& bar) noexcept;
  void end_bar(std::size_t clock, const Bar& bar, std::uint64_t received) noexcept;
  /// Has the processor fetch what `begin_bar` will read: the first call what the second one needs.
  void expect() const noexcept {
    const char* const at = reinterpret_cast<const char*>(this);
    for (std::size_t line = 0; line < sizeof *this; line += Arena::alignment) __builtin_prefetch(at + line, 1);
  }
  void expect_bar(std::size_t clock) const noexcept {
    const char* const at = reinterpret_cast<const char*>(&bars_[clock - 1]);
    for (std::size_t line = 0; line < sizeof(BarClock); line += Arena::alignment) __builtin_prefetch(at + line, 1);
    __builtin_prefetch(cells_ + plan_->clocks()[clock].cells, 1);
    __builtin_prefetch(&closed_[clock - 1], 1);
  }
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
  Ledger& ledger() noexcept {
    come_home();
    return ledger_;
  }
  const Ledger& ledger() const noexcept {
    come_home();
    return ledger_;
  }
  Outcome outcome() const noexcept {
    come_home();
    return outcome_;
  }
  std::int64_t last_ts() const noexcept {
    come_home();
    return last_ts_;
  }
  const Policy& policy() const noexcept { return policy_; }
  /// How often there was a gap of that kind.
  std::int64_t gaps(Gap gap) const noexcept { return gaps_.count(gap); }
  /// Whether a gap of that kind lasts: no tick has come since.
  bool gap_lasts(Gap gap) const noexcept { return (gaps_.open & bit(gap)) != 0; }
  /// Whether every column has had a value, and no gap lasts.
  bool ready() const noexcept;
  /// History of a clock; null when none is kept.
  const History* history(std::size_t clock) const noexcept { return histories_.empty() ? nullptr : &histories_[clock]; }
  const BarHistory& bars(std::size_t clock) const noexcept {
    come_home();
    return closed_[clock - 1];
  }
  /// The bar that forms, as if it closed now; empty when there is none.
  Bar forming(std::size_t clock) const noexcept;
  /// Bars of a clock that late ticks made anew, in that order; null where the policy asks for none.
  const BarHistory* revisions(std::size_t clock) const noexcept {
    return reviser_ == nullptr ? nullptr : &revisions_[clock - 1];
  }
  /// Whether bars of a clock are told apart by their time; others are by their number.
  bool by_time(std::size_t clock) const noexcept;
  std::size_t memory() const noexcept;

  /// What a symbol is besides its policy, its row, its bars and its nodes.
  template <class Archive>
  void state(Archive& archive) {
    archive("last_ts", last_ts_);
    archive("last_id", last_id_);
    archive.choice("outcome", outcome_, outcome_names);
    archive("ledger", ledger_);
    Splice none;
    Splice& splice = splice_ == nullptr ? none : *splice_;
    archive("splice", splice);
    archive("gaps", gaps_);
    if (reviser_ != nullptr) archive("lately", *reviser_);
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
  friend class StateColumns;
  /// Whether the states of a clock may go on in columns, where bars are all that comes: all have their values, nothing
  /// hangs on the bars but indicators, and the newest one is that of `other`.
  bool may_leave(std::size_t clock, const Symbol& other) const noexcept;
  /// So many bars have come in the meantime, of which this is the newest.
  void catch_up(std::size_t clock, const Bar& bar, const Span& span, std::uint64_t bars) noexcept;
  /// What goes on in columns comes back, for whatever else is asked of this symbol.
  void come_home() const noexcept {
    if (__builtin_expect(columns_ != nullptr, 0)) fetch();
  }
  void fetch() const noexcept;

  /// `now` says how many bars there are by now, of which some may be yet to come in what is saved.
  void save_as(const std::vector<BarClock>& now, SchemaTable& schemas, ByteWriter& out);
  void push_bar(std::size_t place, std::string_view record, SymbolFit& fit);
  bool came_before(const Tick& tick) noexcept;
  void find_short_way() noexcept;
  Outcome refuse(Outcome outcome) noexcept { return outcome_ = ledger_.count(outcome); }
  /// A tick's numbers as the nodes read them. Doubles hold times to 256 ns.
  void put(std::int64_t ts, double price, double size, std::int8_t side) noexcept {
    inputs_[0] = price;
    inputs_[1] = size;
    inputs_[2] = static_cast<double>(ts);
    inputs_[3] = side;
  }
  Outcome on_any_tick(const Tick& tick) noexcept;
  Outcome take(const Tick& tick) noexcept;
  void run(const Tick& tick) noexcept;
  void run_time(std::int64_t ts) noexcept;
  void run_gap(Gap gap) noexcept;

  void make_reviser();
  void copy_to(Checkpoint& point) const noexcept;
  void copy_from(const Checkpoint& point) noexcept;
  /// Remembers what has just happened; `before`: bars made until then.
  void keep(const Event& event, std::uint64_t before) noexcept;
  Outcome revise(const Tick& tick) noexcept;
  void rewind(const Checkpoint& to) noexcept;
  void redo(const Event& event) noexcept;
  void redo_all();
  Bar revised(std::size_t clock, const Bar& bar) noexcept;
  std::uint64_t bars_made() const noexcept {
    std::uint64_t all = 0;
    for (const BarClock& clock : bars_) all += clock.made;
    return all;
  }
  void watch(const Tick& tick) noexcept;
  void make_builders();
  /// A bar into the input cells of its clock.
  static void put_bar(const Bar& bar, double* inputs) noexcept {
    inputs[0] = bar.open;
    inputs[1] = bar.high;
    inputs[2] = bar.low;
    inputs[3] = bar.close;
    inputs[4] = bar.volume;
    inputs[5] = static_cast<double>(bar.ts);
  }
  /// The bar that a tick would leave forming.
  Bar forming_with(std::size_t clock, const Tick& tick) const noexcept;
  auto emit_to(std::size_t clock) noexcept {
    return [this, clock](const Bar& bar) { run_bar(clock, bar); };
  }
  void run_bar(std::size_t clock, const Bar& closed) noexcept;
  void after_bar(std::size_t clock, const Bar& bar, std::uint64_t received) noexcept;
  void run_clock(std::size_t clock, bool finite) noexcept;
  void after_step(std::size_t clock) noexcept;

  // Hot members first: a tick reads these and the block.
  double* cells_;                // the block's beginning
  double* inputs_;               // price and size of the tick, among the cells
  const Group* first_ = nullptr;  // what runs at a tick, once that is all there is to do: no gate, no bars, no
  const Group* last_ = nullptr;   // history, no copied columns, and every node ready
  std::unique_ptr<Gate> gate_;    // null for a policy that needs none
  std::unique_ptr<Splice> splice_;  // null but from a history to the first tick behind it
  StageProbe* probe_ = nullptr;  // held to the tick that is being taken, if it is one of the sample
  std::int64_t last_ts_ = 0;
  std::int64_t last_id_ = 0;  // the highest number of a tick that was taken; 0 while none had one
  Ledger ledger_;
  Policy policy_;
  std::uint32_t log_number_ = no_symbol;
  Outcome outcome_ = Outcome::accepted;
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Block> block_;
  std::vector<std::size_t> ready_;  // by clock: how many of the plan's states are known to be ready
  mutable std::vector<double> scratch_;  // cells for `peek`, which allocates nothing
  std::vector<BarClock> bars_;  // by clock - 1
  std::vector<History> histories_;
  std::vector<std::uint64_t> rows_;  // by clock: rows pushed to its history
  std::vector<BarHistory> closed_;
  std::unique_ptr<Reviser> reviser_;  // null for a policy that revises nothing
  /// Bars that are made anew, as they were.
  struct Was {
    std::vector<Bar> bars;
    std::uint64_t first = 0;  ///< number of the first of them
  };
  std::vector<Was> was_;               // by clock - 1
  std::vector<BarHistory> revisions_;  // by clock - 1
  bool revising_ = false;
  StateColumns* columns_ = nullptr;  // who has the states for now
  std::size_t column_ = 0;           // and where
  std::string name_;
  GapWatch gaps_;
  ColdColumns cold_ = no_cold_columns();
};

}  // namespace fastcore
