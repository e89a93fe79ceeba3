// What changes an engine goes into its journal before it does: log first, then act. What is logged is what was
// received, so that whoever reads it decides as the engine did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fastcore/engine/symbol.hpp"
#include "fastcore/journal/writer.hpp"

namespace fastcore {

class Engine;
struct CrossSection;

class EngineLog {
 public:
  /// Gives the engine's symbols their numbers in the journal. Throws JournalError.
  EngineLog(Engine& engine, std::shared_ptr<JournalWriter> journal);

  // Each call returns when what it is given is as durable as the journal promises. False: it is not in the journal,
  // must not be done, and failure() says why.

  bool tick(const Symbol& symbol, const Tick& tick) noexcept {
    keep_state();
    const TickRecord record{tick.ts, tick.price, tick.size, tick.id, symbol.log_number(), tick.side, {}};
    return journal_->put(RecordKind::tick, record.symbol, &record, sizeof record) && journal_->commit();
  }
  bool quote(const Symbol& symbol, const Quote& quote) noexcept;
  /// One bar of the clock with that text.
  bool bar(const Symbol& symbol, std::string_view clock, const Bar& bar) noexcept;
  /// A batch, whole or not at all; `table[tick.symbol]` is a tick's symbol, null for one that has none.
  bool ticks(const Tick* ticks, std::size_t count, const std::vector<Symbol*>& table) noexcept;
  /// Bars of many symbols, whole or not at all.
  bool bars(std::string_view clock, const std::vector<Symbol*>& symbols, const CrossSection& bars) noexcept;
  /// What concerns all symbols: flush, history, live.
  bool mark(RecordKind kind) noexcept;
  /// The time has come to `ts` for a symbol, null for all.
  bool time(const Symbol* symbol, std::int64_t ts) noexcept;
  /// A symbol has a gap, null for all.
  bool gap(const Symbol* symbol, Gap gap) noexcept;
  bool drop(const Symbol& symbol) noexcept;
  /// Numbers a symbol that is about to be made, with a policy of its own or the engine's.
  bool make(Symbol& symbol, const Policy* own) noexcept;

  /// Whether a call may take as long as the disk does.
  bool waits() const noexcept { return journal_->options().durability == Durability::always; }
  /// Sequence of the last record.
  std::uint64_t sequence() const noexcept { return journal_->sequence(); }
  const std::string& failure() const noexcept { return journal_->failure(); }
  JournalWriter& journal() noexcept { return *journal_; }
  std::shared_ptr<JournalWriter> share() const noexcept { return journal_; }

 private:
  /// Before a record, when the state is that of all records before it: hands it over where a snapshot is due.
  void keep_state() noexcept {
    if (journal_->snapshot_due()) hand_over_state();
  }
  [[gnu::cold]] void hand_over_state() noexcept;
  bool event(const Symbol* symbol, std::int64_t ts, std::uint32_t gap) noexcept;
  bool put_bar(const Symbol& symbol, std::string_view clock, const Bar& bar) noexcept;

  Engine& engine_;
  std::shared_ptr<JournalWriter> journal_;
};

}  // namespace fastcore
