// What an engine is given, as records.
#include "fastcore/engine/log.hpp"

#include <algorithm>
#include <chrono>

#include "fastcore/engine/engine.hpp"
#include "fastcore/schema.hpp"

namespace fastcore {

EngineLog::EngineLog(Engine& engine, std::shared_ptr<JournalWriter> journal)
    : engine_(engine), journal_(std::move(journal)) {
  for (const auto& symbol : engine.symbols()) symbol->set_log_number(journal_->symbol(symbol->name()));
  journal_->watch_snapshots();
}

void EngineLog::hand_over_state() noexcept {
  using Time = std::chrono::steady_clock;
  const auto before = Time::now();
  try {
    std::string state = engine_.snapshot(journal_->options().snapshots.history);
    journal_->put_snapshot(std::move(state), Time::now() - before);
  } catch (const std::exception& error) {
    journal_->put_no_snapshot(error.what());
  }
}

bool EngineLog::quote(const Symbol& symbol, const Quote& quote) noexcept {
  keep_state();
  const QuoteRecord record{quote.ts, quote.bid, quote.ask, quote.bid_size, quote.ask_size, symbol.log_number(), 0};
  return journal_->put(RecordKind::quote, record.symbol, &record, sizeof record) && journal_->commit();
}

bool EngineLog::put_bar(const Symbol& symbol, std::string_view clock, const Bar& bar) noexcept {
  const BarRecord record{bar.ts,
                         bar.open,
                         bar.high,
                         bar.low,
                         bar.close,
                         bar.volume,
                         bar.count,
                         symbol.log_number(),
                         static_cast<std::uint32_t>(clock.size())};
  return journal_->put(RecordKind::bar, record.symbol, &record, sizeof record, clock);
}

bool EngineLog::bar(const Symbol& symbol, std::string_view clock, const Bar& bar) noexcept {
  keep_state();
  return put_bar(symbol, clock, bar) && journal_->commit();
}

bool EngineLog::bars(std::string_view clock, const std::vector<Symbol*>& symbols, const CrossSection& bars) noexcept {
  keep_state();
  std::size_t longest = 0;
  for (const Symbol* const symbol : symbols) longest = std::max(longest, symbol->name().size());
  if (!journal_->reserve({symbols.size(), sizeof(BarRecord) + clock.size(), symbols.size(), longest})) return false;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (!put_bar(*symbols[i], clock, bars.at(i))) return false;
  }
  return journal_->commit();
}

bool EngineLog::ticks(const Tick* ticks, std::size_t count, const std::vector<Symbol*>& table) noexcept {
  keep_state();
  JournalWriter::Need need{count, sizeof(TickRecord), 0, 0};
  for (const Symbol* const symbol : table) {
    if (symbol == nullptr) continue;
    ++need.symbols;
    need.longest_name = std::max(need.longest_name, symbol->name().size());
  }
  if (!journal_->reserve(need)) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const Tick& tick = ticks[i];
    const Symbol* const symbol = tick.symbol < table.size() ? table[tick.symbol] : nullptr;
    const TickRecord record{
        tick.ts, tick.price, tick.size, tick.id, symbol == nullptr ? no_symbol : symbol->log_number(), tick.side, {}};
    if (!journal_->put(RecordKind::tick, record.symbol, &record, sizeof record)) return false;
  }
  return journal_->commit();
}

bool EngineLog::mark(RecordKind kind) noexcept {
  return journal_->put(kind, no_symbol, nullptr, 0) && journal_->commit();
}

bool EngineLog::event(const Symbol* symbol, std::int64_t ts, std::uint32_t gap) noexcept {
  keep_state();
  const EventRecord record{ts, symbol == nullptr ? no_symbol : symbol->log_number(), gap};
  return journal_->put(RecordKind::event, record.symbol, &record, sizeof record) && journal_->commit();
}

bool EngineLog::time(const Symbol* symbol, std::int64_t ts) noexcept { return event(symbol, ts, 0); }

bool EngineLog::gap(const Symbol* symbol, Gap gap) noexcept { return event(symbol, 0, bit(gap)); }

bool EngineLog::drop(const Symbol& symbol) noexcept {
  const std::uint32_t number = symbol.log_number();
  return journal_->put(RecordKind::drop, number, &number, sizeof number) && journal_->commit();
}

bool EngineLog::make(Symbol& symbol, const Policy* own) noexcept {
  try {
    const std::uint32_t number = journal_->symbol(symbol.name());
    if (own != nullptr) {
      Policy policy = *own;
      ByteWriter rules;
      rules.text(schema_of(policy));
      rules.raw(record_of(policy));
      // Both or none: a policy left alone would be that of whoever makes the symbol later.
      if (!journal_->reserve(
              {2, sizeof number + std::max(rules.bytes().size(), symbol.name().size()), 1, symbol.name().size()}))
        return false;
      if (!journal_->put(RecordKind::policy, number, &number, sizeof number, rules.bytes())) return false;
    }
    if (!journal_->make(number) || !journal_->commit()) return false;
    symbol.set_log_number(number);
    return true;
  } catch (const std::exception& error) {
    return journal_->refuse(error.what());
  }
}

}  // namespace fastcore
