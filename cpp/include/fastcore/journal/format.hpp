// How a journal lies on the disk. A journal is a folder of segments; a segment is a header and then records,
// each with its own checksum and sequence, so that a reader needs nothing but the bytes to say what is sound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "fastcore/crc32c.hpp"
#include "fastcore/engine/tick.hpp"

namespace fastcore {

/// A journal that cannot be written or read: the sentence says which file, and what is wrong with it.
class JournalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a record holds. Below `first_remark` it changes an engine, and a reader that does not know it must
/// not go on; from there on it is for people, and can be passed over.
enum class RecordKind : std::uint8_t {
  none = 0,
  define = 1,  ///< number and name of a symbol: stands before its first record in each segment
  make = 2,    ///< the same, and the symbol is made
  drop = 3,    ///< a symbol is forgotten
  tick = 4,    ///< TickRecord
  quote = 5,   ///< QuoteRecord
  bar = 6,     ///< BarRecord and the clock's text
  flush = 7,   ///< policies release what they hold back
  policy = 8,  ///< number of a symbol and the policy of its own, before it is made
  history = 9,  ///< ticks are history from here on
  live = 10,   ///< and live from here on
  event = 11,  ///< EventRecord
  note = 128,  ///< text of the user's
  message = 129,  ///< of a ring in shared memory: its sequence there, and its bytes
  row = 130,      ///< of such a ring's table: its number, of 64 bits as well, and its name
};
inline constexpr std::uint8_t first_remark = 128;
/// What a kind is called; null for one that is not known.
const char* kind_name(RecordKind kind) noexcept;

struct TickRecord {
  std::int64_t ts;
  double price;
  double size;
  std::int64_t id;
  std::uint32_t symbol;
  std::int8_t side;
  std::uint8_t unused[3];
};
struct QuoteRecord {
  std::int64_t ts;
  double bid;
  double ask;
  double bid_size;
  double ask_size;
  std::uint32_t symbol;
  std::uint32_t unused;
};
struct BarRecord {
  std::int64_t ts;
  double open;
  double high;
  double low;
  double close;
  double volume;
  std::int64_t count;
  std::uint32_t symbol;
  std::uint32_t clock_bytes;  ///< of the clock's text, which follows
};
/// What is no tick: event time has come, or there is a gap.
struct EventRecord {
  std::int64_t ts;       ///< 0 for a gap
  std::uint32_t symbol;  ///< no_symbol for all that there are
  std::uint32_t gap;     ///< one bit of Gap; 0 for the time
};
static_assert(sizeof(EventRecord) == 16);
static_assert(sizeof(TickRecord) == 40 && sizeof(QuoteRecord) == 48 && sizeof(BarRecord) == 64);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine needs byte swaps here");

/// Before each payload; the payload is filled with zeros up to a multiple of 8.
struct RecordHeader {
  std::uint32_t crc;   ///< of the whole record, with the segment's number in this place
  std::uint32_t word;  ///< kind << 24 | bytes of the payload
  std::uint64_t sequence;
};
static_assert(sizeof(RecordHeader) == 16);

/// More symbols than this in one journal are damage: a number of four bytes could name 4e9.
inline constexpr std::uint32_t most_journal_symbols = std::uint32_t{1} << 24;

/// Records count from 1, and no journal comes to this many: what says so is damaged.
inline constexpr std::uint64_t most_records = std::uint64_t{1} << 62;

/// The longest payload: it bounds what a search through damaged bytes has to try.
inline constexpr std::size_t longest_payload = 16'384;

constexpr std::size_t record_bytes(std::size_t payload) noexcept {
  return sizeof(RecordHeader) + ((payload + 7) & ~std::size_t{7});
}
constexpr std::uint32_t record_word(RecordKind kind, std::size_t payload) noexcept {
  return static_cast<std::uint32_t>(kind) << 24 | static_cast<std::uint32_t>(payload);
}
constexpr RecordKind kind_of(std::uint32_t word) noexcept { return static_cast<RecordKind>(word >> 24); }
constexpr std::size_t payload_of(std::uint32_t word) noexcept { return word & 0xffffffU; }

/// The checksum of the record that lies at `at`. The segment's number takes part, so that a copy of a record
/// elsewhere, in a note or in another segment, is none.
inline std::uint32_t record_crc(const char* at, std::size_t bytes, std::uint64_t segment) noexcept {
  char first[8];
  const auto number = static_cast<std::uint32_t>(segment);
  std::memcpy(first, &number, sizeof number);
  std::memcpy(first + sizeof number, at + sizeof number, sizeof first - sizeof number);
  return crc32c({at + sizeof first, bytes - sizeof first}, crc32c({first, sizeof first}));
}

/// The first bytes of a segment. A later version keeps the first three fields and the place of the checksum.
struct SegmentHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;  ///< where the records begin
  std::uint64_t segment;       ///< number of the segment, as in its file's name
  std::uint64_t first;         ///< sequence of its first record; what older segments hold from there on is void
  std::uint64_t bytes;         ///< of the whole file while it is written
  char unused[20];
  std::uint32_t crc;  ///< of all before it
};
static_assert(sizeof(SegmentHeader) == 64);
inline constexpr char segment_magic[8] = {'F', 'C', 'J', 'O', 'U', 'R', 'N', 'L'};
inline constexpr std::uint32_t journal_version = 1;
/// Where records begin: behind the header and what is known to be on the disk.
inline constexpr std::size_t segment_start = 128;

/// How much of a segment is known to be on the disk itself, behind the header; for people to read.
struct SyncMark {
  std::uint64_t used;      ///< bytes of the file
  std::uint64_t sequence;  ///< of the last record in them
  std::uint32_t crc;
  std::uint32_t unused;
};
static_assert(sizeof(SyncMark) == 24 && sizeof(SegmentHeader) + sizeof(SyncMark) <= segment_start);

enum class HeaderState { sound, blank, damaged };

inline std::uint32_t header_crc(const SegmentHeader& header) noexcept {
  return crc32c({reinterpret_cast<const char*>(&header), offsetof(SegmentHeader, crc)});
}
inline std::uint32_t mark_crc(const SyncMark& mark) noexcept {
  return crc32c({reinterpret_cast<const char*>(&mark), offsetof(SyncMark, crc)});
}

/// What the first bytes of segment number `segment` are. Throws JournalError for a version that is newer.
HeaderState read_header(const SegmentHeader& header, std::uint64_t segment, const std::string& path);

}  // namespace fastcore
