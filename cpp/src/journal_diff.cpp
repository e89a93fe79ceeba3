// Walking two journals side by side.
#include "fastcore/journal/diff.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "fastcore/journal/folder.hpp"
#include "fastcore/journal/reader.hpp"

namespace fastcore {

namespace {

using Difference = std::optional<FieldDifference>;

template <class T>
T load(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// One journal, without what is for people and for the reader alone.
class Side {
 public:
  explicit Side(const std::string& folder) : reader_(folder) {
    // An engine that has been given nothing yet has left its first snapshot alone.
    if (reader_.segments().empty() && list_snapshots(folder).empty()) throw JournalError(folder + " holds no journal");
  }

  /// Goes to the next record; false at the end.
  bool next() {
    for (;;) {
      const JournalReader::Step step = reader_.next();
      if (step == JournalReader::Step::end) return false;
      if (step == JournalReader::Step::damage) throw JournalError(reader_.folder() + ": " + reader_.damage().text());
      const RecordKind kind = reader_.record().kind;
      if (kind != RecordKind::define && static_cast<std::uint8_t>(kind) < first_remark) return true;
    }
  }
  const JournalRecord& record() const noexcept { return reader_.record(); }
  std::string symbol() const { return reader_.subject() == no_symbol ? "" : reader_.names()[reader_.subject()]; }
  FieldValue kind() const {
    const char* const name = kind_name(record().kind);
    return name == nullptr ? "kind " + std::to_string(static_cast<int>(record().kind)) : std::string(name);
  }
  std::string_view bytes(std::size_t from) const {
    const std::string_view all(record().payload, record().bytes);
    return all.substr(std::min(from, all.size()));
  }
  std::int64_t ts() const noexcept {
    switch (record().kind) {
      case RecordKind::tick:
      case RecordKind::quote:
      case RecordKind::bar: return load<std::int64_t>(record().payload);
      default: return 0;
    }
  }

 private:
  JournalReader reader_;
};

Difference compare_reals(const Side& a, const Side& b, const char* name, std::size_t offset) {
  const auto x = load<double>(a.record().payload + offset);
  const auto y = load<double>(b.record().payload + offset);
  if (same_value(x, y)) return {};
  return FieldDifference{name, x, y};
}

Difference compare_wholes(const Side& a, const Side& b, const char* name, std::size_t offset) {
  const auto x = load<std::int64_t>(a.record().payload + offset);
  const auto y = load<std::int64_t>(b.record().payload + offset);
  if (x == y) return {};
  return FieldDifference{name, x, y};
}

Difference compare_sides(const Side& a, const Side& b) {
  const std::int8_t x = load<TickRecord>(a.record().payload).side;
  const std::int8_t y = load<TickRecord>(b.record().payload).side;
  if (x == y) return {};
  return FieldDifference{"side", static_cast<std::int64_t>(x), static_cast<std::int64_t>(y)};
}

template <class... Rest>
Difference first_of(Difference found, Rest... rest) {
  if constexpr (sizeof...(Rest) > 0) {
    if (!found) return first_of(std::move(rest)...);
  }
  return found;
}

Difference compare_ticks(const Side& a, const Side& b) {
  return first_of(compare_wholes(a, b, "ts", offsetof(TickRecord, ts)),
                  compare_reals(a, b, "price", offsetof(TickRecord, price)),
                  compare_reals(a, b, "size", offsetof(TickRecord, size)), compare_sides(a, b),
                  compare_wholes(a, b, "id", offsetof(TickRecord, id)));
}

Difference compare_quotes(const Side& a, const Side& b) {
  return first_of(compare_wholes(a, b, "ts", offsetof(QuoteRecord, ts)),
                  compare_reals(a, b, "bid", offsetof(QuoteRecord, bid)),
                  compare_reals(a, b, "ask", offsetof(QuoteRecord, ask)),
                  compare_reals(a, b, "bid_size", offsetof(QuoteRecord, bid_size)),
                  compare_reals(a, b, "ask_size", offsetof(QuoteRecord, ask_size)));
}

Difference compare_bars(const Side& a, const Side& b) {
  const std::string clock_a(a.bytes(sizeof(BarRecord)));
  const std::string clock_b(b.bytes(sizeof(BarRecord)));
  if (clock_a != clock_b) return FieldDifference{"span", clock_a, clock_b};
  return first_of(
      compare_wholes(a, b, "ts", offsetof(BarRecord, ts)), compare_reals(a, b, "open", offsetof(BarRecord, open)),
      compare_reals(a, b, "high", offsetof(BarRecord, high)), compare_reals(a, b, "low", offsetof(BarRecord, low)),
      compare_reals(a, b, "close", offsetof(BarRecord, close)),
      compare_reals(a, b, "volume", offsetof(BarRecord, volume)),
      compare_wholes(a, b, "count", offsetof(BarRecord, count)));
}

Difference compare_policies(const Side& a, const Side& b) {
  ByteReader in_a(a.bytes(sizeof(std::uint32_t)));
  ByteReader in_b(b.bytes(sizeof(std::uint32_t)));
  const Schema schema_a(in_a.text());
  const Schema schema_b(in_b.text());
  return record_difference(schema_a, in_a.raw(in_a.left()), schema_b, in_b.raw(in_b.left()), "policy.");
}

/// Two records of one kind about one symbol, whose number may be another.
Difference compare_records(const Side& a, const Side& b) {
  switch (a.record().kind) {
    case RecordKind::tick: return compare_ticks(a, b);
    case RecordKind::quote: return compare_quotes(a, b);
    case RecordKind::bar: return compare_bars(a, b);
    case RecordKind::policy: return compare_policies(a, b);
    case RecordKind::make:
    case RecordKind::drop: return {};
    default: break;
  }
  if (a.bytes(0) == b.bytes(0)) return {};
  return FieldDifference{"payload", static_cast<std::int64_t>(a.record().bytes),
                         static_cast<std::int64_t>(b.record().bytes)};
}

Difference compare(const Side& a, const Side& b) {
  if (a.record().kind != b.record().kind) return FieldDifference{"record", a.kind(), b.kind()};
  if (a.symbol() != b.symbol()) return FieldDifference{"symbol", a.symbol(), b.symbol()};
  return compare_records(a, b);
}

JournalDifference at(std::int64_t tick, const Side& side, FieldDifference found) {
  JournalDifference all;
  all.tick = tick;
  all.ts = side.ts();
  all.symbol = side.symbol();
  all.field = std::move(found.field);
  all.a = std::move(found.a);
  all.b = std::move(found.b);
  return all;
}

}  // namespace

std::optional<JournalDifference> journal_difference(const std::string& a, const std::string& b) {
  Side side_a(a);
  Side side_b(b);
  for (std::int64_t tick = 0;;) {
    const bool more_a = side_a.next();
    const bool more_b = side_b.next();
    if (!more_a && !more_b) return {};
    if (!more_b) return at(tick, side_a, {"record", side_a.kind(), {}});
    if (!more_a) return at(tick, side_b, {"record", {}, side_b.kind()});
    if (auto found = compare(side_a, side_b)) return at(tick, side_a, std::move(*found));
    const RecordKind kind = side_a.record().kind;
    if (kind == RecordKind::tick || kind == RecordKind::quote) ++tick;
  }
}

}  // namespace fastcore
