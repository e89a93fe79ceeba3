// Records to calls.
#include "fastcore/engine/replay.hpp"

#include "fastcore/schema.hpp"

namespace fastcore {

namespace {

template <class Record>
Record read(const JournalRecord& record) noexcept {
  Record value;
  std::memcpy(&value, record.payload, sizeof value);
  return value;
}

}  // namespace

Symbol* JournalReplay::symbol(const JournalReader& reader) {
  const std::uint32_t name = reader.subject();
  if (name == no_symbol) return nullptr;
  if (name >= symbols_.size()) symbols_.resize(name + std::size_t{1});
  const bool own = own_ && own_->first == name;
  if (symbols_[name] == nullptr)
    symbols_[name] = engine_.symbol(reader.names()[name], own ? &own_->second : nullptr).get();
  return symbols_[name];
}

void JournalReplay::take(const JournalReader& reader) {
  try {
    apply(reader);
  } catch (const std::exception& error) {
    throw JournalError("record " + std::to_string(reader.record().sequence) + " of the journal " + reader.folder() +
                       " cannot be replayed: " + error.what());
  }
}

void JournalReplay::apply(const JournalReader& reader) {
  const JournalRecord& record = reader.record();
  switch (record.kind) {
    case RecordKind::tick: {
      const auto t = read<TickRecord>(record);
      Symbol* const to = symbol(reader);
      ++ticks_;
      if (to == nullptr) {
        ++engine_.unplaced().received;
        engine_.unplaced().count(Outcome::rejected);
      } else if (t.ts < earliest_ts) {
        to->reject();
      } else {
        to->on_tick({t.ts, t.price, t.size, t.id, 0, t.side});
      }
      return;
    }
    case RecordKind::quote: {
      const auto q = read<QuoteRecord>(record);
      Symbol* const to = symbol(reader);
      ++ticks_;
      if (q.ts < earliest_ts) {
        to->reject();
      } else {
        to->on_quote({q.ts, q.bid, q.ask, q.bid_size, q.ask_size});
      }
      return;
    }
    case RecordKind::bar: ++bars_; return take_bar(reader, *symbol(reader));
    case RecordKind::policy: {
      ByteReader rules({record.payload + sizeof(std::uint32_t), record.bytes - sizeof(std::uint32_t)});
      const Schema schema(rules.text());
      Policy own;
      load_record(own, rules.raw(rules.left()), schema, "a policy");
      check_policy(own);
      own_.emplace(reader.subject(), own);
      return;
    }
    case RecordKind::make:
      symbol(reader);
      own_.reset();
      return;
    case RecordKind::drop:
      engine_.drop(reader.names()[reader.subject()]);
      if (reader.subject() < symbols_.size()) symbols_[reader.subject()] = nullptr;
      return;
    case RecordKind::flush: return engine_.flush();
    case RecordKind::define: return;
    default: break;
  }
  if (static_cast<std::uint8_t>(record.kind) >= first_remark) return;
  throw JournalError("this fastcore does not know its kind, " + std::to_string(static_cast<unsigned>(record.kind)) +
                     ": it was written by a newer one");
}

void JournalReplay::take_bar(const JournalReader& reader, Symbol& symbol) {
  const JournalRecord& record = reader.record();
  const auto b = read<BarRecord>(record);
  const std::string clock(record.payload + sizeof b, b.clock_bytes);
  if (b.ts < earliest_ts) return symbol.reject();
  symbol.on_bar(engine_.plan().clock(clock), {b.ts, b.open, b.high, b.low, b.close, b.volume, b.count});
}

}  // namespace fastcore
