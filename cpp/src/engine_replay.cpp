// Records to calls.
#include "fastcore/engine/replay.hpp"

#include <algorithm>

#include "fastcore/engine/log.hpp"
#include "fastcore/schema.hpp"

namespace fastcore {

namespace {

/// What a payload begins with.
template <class T>
T load(const JournalRecord& record) noexcept {
  T value;
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
      const auto t = load<TickRecord>(record);
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
      const auto q = load<QuoteRecord>(record);
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
    case RecordKind::history: return engine_.begin_history();
    case RecordKind::live: return engine_.go_live();
    case RecordKind::event: return take_event(reader);
    case RecordKind::define: return;
    default: break;
  }
  if (static_cast<std::uint8_t>(record.kind) >= first_remark) return;
  throw JournalError("this fastcore does not know its kind, " + std::to_string(static_cast<unsigned>(record.kind)) +
                     ": it was written by a newer one");
}

void JournalReplay::take_bar(const JournalReader& reader, Symbol& symbol) {
  const JournalRecord& record = reader.record();
  const auto b = load<BarRecord>(record);
  const std::string clock(record.payload + sizeof b, b.clock_bytes);
  if (b.ts < earliest_ts) return symbol.reject();
  symbol.on_bar(engine_.plan().clock(clock), bar_made_elsewhere(b.ts, b.open, b.high, b.low, b.close, b.volume));
}

void JournalReplay::take_event(const JournalReader& reader) {
  const auto e = load<EventRecord>(reader.record());
  Symbol* const to = symbol(reader);
  if (e.gap == 0) {
    if (e.ts < earliest_ts) throw JournalError("its time is none");
    return to == nullptr ? engine_.on_time(e.ts) : to->on_time(e.ts);
  }
  for (const Gap gap : all_gaps) {
    if (bit(gap) == e.gap) return to == nullptr ? engine_.on_gap(gap) : to->on_gap(gap);
  }
  throw JournalError("its gap is none");
}

JournalPlayer::JournalPlayer(Engine& engine, const std::string& folder, std::uint64_t from)
    : reader_(folder, from), replay_(engine) {
  if (engine.log() != nullptr) {
    throw JournalError("the engine has a journal of its own, " + engine.log()->journal().folder() +
                       ", which would not hold what is played from " + folder);
  }
}

bool JournalPlayer::read() {
  constexpr std::size_t most_told = 100;
  while (!waiting_) {
    const JournalReader::Step step = reader_.next();
    if (step == JournalReader::Step::end) return false;
    if (step == JournalReader::Step::record) {
      const JournalRecord& record = reader_.record();
      timed_ = record.kind == RecordKind::tick || record.kind == RecordKind::quote || record.kind == RecordKind::bar;
      if (timed_) ts_ = load<std::int64_t>(record);
      waiting_ = true;
    } else {
      ++damaged_;
      if (damage_.size() < most_told) damage_.push_back(reader_.damage().text());
      sequence_ = std::max(sequence_, reader_.last());
    }
  }
  return true;
}

bool JournalPlayer::play(const Until& until) {
  for (std::uint64_t events = 0; read();) {
    const std::uint64_t sequence = reader_.record().sequence;
    if (sequence > until.sequence || (timed_ && (ts_ > until.ts || events == until.events))) return true;
    waiting_ = false;
    replay_.take(reader_);
    sequence_ = sequence;
    if (!timed_) continue;
    played_ts_ = ts_;
    ++events;
  }
  return false;
}

}  // namespace fastcore
