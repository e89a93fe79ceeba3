// The engine: many symbols under one plan, batches of ticks, snapshots, and the account of it all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fastcore/engine/saved_plan.hpp"
#include "fastcore/engine/state_columns.hpp"
#include "fastcore/engine/symbol.hpp"
#include "fastcore/latency/placed_histogram.hpp"
#include "fastcore/latency/stages.hpp"

namespace fastcore {

/// Closed bars of one span for many symbols, a column for each number.
struct CrossSection {
  std::int64_t ts;  ///< any time in the span
  const double* open;
  const double* high;
  const double* low;
  const double* close;
  const double* volume;

  Bar at(std::size_t i) const noexcept { return bar_made_elsewhere(ts, open[i], high[i], low[i], close[i], volume[i]); }
};

class EngineLog;
class JournalWriter;
class SnapshotReader;
class SnapshotWriter;

/// More symbols than the engine may hold.
class CapacityError : public std::length_error {
 public:
  using std::length_error::length_error;
};

class Engine {
 public:
  struct Options {
    std::size_t history = 0;      ///< rows kept for each clock of a symbol
    std::size_t max_symbols = 0;  ///< 0: no bound
    Policy policy;

    template <class Archive>
    void state(Archive& archive) {
      archive("history", history);
      archive("max_symbols", max_symbols);
      archive("policy", policy);
    }
  };

  /// The most rows of history and the most symbols that can be asked for.
  static constexpr std::size_t most_history = 100'000'000;
  static constexpr std::size_t most_symbols = 0xffffffff;

  /// Throws PlanError, also for more history or symbols than the most.
  /// `almanacs` are the zones and calendars that bar specs may name.
  Engine(std::vector<NodeSpec> specs, const Options& options, const Almanacs& almanacs = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// The symbol of that name, made on first use, with the engine's policy or one of its own, which counts only
  /// then; throws CapacityError beyond max_symbols.
  const std::shared_ptr<Symbol>& symbol(const std::string& name, const Policy* policy = nullptr);
  /// The symbol of that name, or null.
  std::shared_ptr<Symbol> find(const std::string& name) const;
  /// Forgets a symbol: releases what its policy holds back, and keeps its ledger in the total. False when there is
  /// none.
  bool drop(const std::string& name);
  const std::vector<std::shared_ptr<Symbol>>& symbols() const noexcept { return symbols_; }

  /// Takes `count` ticks in order; `table[tick.symbol]` is the tick's symbol. Rows and outcomes are
  /// written when their pointers are not null, one per tick. Returns how many were taken.
  std::size_t on_ticks(const Tick* ticks, std::size_t count, const std::vector<Symbol*>& table, double* rows,
                       std::uint8_t* outcomes);
  /// Takes a closed bar of a time clock for each of the symbols, as that many calls of Symbol::on_bar. Returns how
  /// many were taken.
  std::size_t on_bars(std::size_t clock, const std::vector<Symbol*>& symbols, const CrossSection& bars);
  /// The same for all symbols, in order of first use.
  std::size_t on_bars(std::size_t clock, const CrossSection& bars);
  /// The same where all is as it was: all symbols are in columns, no journal waits, and every bar will be taken. False
  /// where it is not, and nothing has happened.
  bool on_plain_bars(std::size_t clock, const CrossSection& bars) noexcept;

  /// Whether the latency of this call is to be measured: one in `sampling`, so that reading the clock
  /// costs a tick under 1 ns on average.
  bool sample() noexcept { return (++calls_ & (sampling - 1)) == 0; }
  static constexpr std::uint32_t sampling = 128;
  /// Takes such a tick: times it, and of every fourth one the parts as well. `call` is what it came by.
  Outcome take_sampled(Symbol& symbol, const Tick& tick, Stage call) const noexcept;
  /// Latencies in ns of a sample of the ticks.
  const std::shared_ptr<PlacedHistogram>& latency(Stage stage) const noexcept { return latencies_[index_of(stage)]; }

  const Plan& plan() const noexcept { return *plan_; }
  const Options& options() const noexcept { return options_; }
  /// Releases what the policies of the symbols hold back.
  void flush();
  /// From here on ticks are history, of symbols made meanwhile too, until `go_live`: from then on what was in the
  /// history and comes again counts as a duplicate.
  void begin_history();
  void go_live();
  /// Symbol::on_time and Symbol::on_gap for every symbol.
  void on_time(std::int64_t ts);
  void on_gap(Gap gap);
  Ledger ledger() const noexcept;
  /// Ticks that never found a symbol.
  Ledger& unplaced() noexcept { return unplaced_; }
  std::size_t memory() const noexcept;

  /// From here on a journal has what changes the engine, before it does: symbols made and dropped, batches, and
  /// what `log()` is given. What cannot be logged is not done: a JournalError says why.
  void attach(std::shared_ptr<JournalWriter> journal);
  /// Lets go of the journal.
  void detach() noexcept;
  /// Where ticks of single symbols go before they go to the symbol; null without a journal.
  EngineLog* log() noexcept { return log_.get(); }
  /// Number of the last record of a journal that this state holds; 0 without one.
  std::uint64_t sequence() const noexcept;
  void set_sequence(std::uint64_t sequence) noexcept { sequence_ = sequence; }

  /// The whole engine as bytes: plan, options, symbols in order of first use, ledger; rows and bars that were only
  /// with `history`. Equal states have equal bytes.
  std::string snapshot(bool history = false);
  /// An engine from such bytes; throws SnapshotError.
  static std::unique_ptr<Engine> restore(std::string_view bytes);
  /// The same with another plan: what it has in common with the saved one goes on, `cold` says what does not.
  static std::unique_ptr<Engine> restore(std::string_view bytes, std::vector<NodeSpec> plan,
                                         const Almanacs& almanacs = {});
  /// One symbol as bytes, and back into an engine of the same or another plan, where it must be new or without a
  /// tick, and which has no journal. Throws SnapshotError, CapacityError beyond max_symbols, or JournalError.
  std::string snapshot_symbol(const std::shared_ptr<Symbol>& symbol, bool history = false) const;
  const std::shared_ptr<Symbol>& restore_symbol(std::string_view bytes);
  /// Columns that started anew at a restore, in row order, and why.
  const std::vector<ColdColumn>& cold() const noexcept { return *cold_; }

 private:
  /// What an engine is besides its plan and its symbols.
  struct Self;

  Engine(std::shared_ptr<const Plan> plan, const Options& options);
  static std::unique_ptr<Engine> restore(const SnapshotReader& snapshot, const SavedPlan& saved,
                                         std::vector<NodeSpec> plan, const Almanacs& almanacs);
  bool step_columns(std::size_t clock, const std::vector<Symbol*>& symbols, const CrossSection& bars,
                    const Span& span) noexcept;
  void consider_columns(std::size_t clock, const std::vector<Symbol*>& symbols, const CrossSection& bars,
                        bool all_taken);
  bool is_everybody(const std::vector<Symbol*>& symbols) const noexcept;
  void write_symbols(SnapshotWriter& out, const std::vector<std::shared_ptr<Symbol>>& symbols, bool history) const;

  std::shared_ptr<const Plan> plan_;
  Options options_;
  std::vector<std::shared_ptr<Symbol>> symbols_;
  std::unordered_map<std::string, std::shared_ptr<Symbol>> by_name_;
  Ledger unplaced_;  // and that of dropped symbols
  std::array<std::shared_ptr<PlacedHistogram>, stage_count> latencies_;
  std::uint32_t calls_ = 0;
  std::uint64_t sequence_ = 0;
  bool in_history_ = false;
  ColdColumns cold_ = no_cold_columns();
  std::unique_ptr<EngineLog> log_;
  std::unique_ptr<StateColumns>
      columns_;  // null but while the same symbols get bars, and nothing else, again and again
  std::vector<Symbol*> last_across_;       // who got the last bars
  std::size_t last_clock_ = 0;
  std::uint32_t calls_alike_ = 0;          // with bars for them and no others
  std::uint32_t patience_ = least_patience;
  static constexpr std::uint32_t least_patience = 8;
  static constexpr std::uint32_t most_patience = 1024;
};

}  // namespace fastcore
