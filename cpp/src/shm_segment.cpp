// The header of a segment, written and read. Reading trusts nothing: another process wrote it.
#include "fastcore/ipc/segment.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "fastcore/archive.hpp"
#include "fastcore/crc32c.hpp"

namespace fastcore {

namespace {

// Line ends and a zero, so that a transfer as text is noticed.
constexpr std::array<char, 8> magic = {'F', 'C', 'R', 'I', 'N', 'G', '\n', '\0'};
constexpr std::uint32_t version = 1;
constexpr std::uint32_t byte_order = 0x01020304;
constexpr std::size_t most_schema = 3500;
constexpr std::uint64_t most_capacity = std::uint64_t{1} << 32;
constexpr std::uint32_t most_message = 1U << 24;
constexpr std::uint32_t most_rows = 1U << 24;

/// Page 0 as it lies in memory.
struct Header {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t byte_order;
  std::uint64_t bytes;  // of the whole segment
  std::uint64_t capacity;
  std::uint32_t message_bytes;
  std::uint32_t rows;
  std::uint32_t key_at;
  std::uint32_t schema_bytes;
  std::array<char, most_schema> schema;
  std::uint32_t checksum;  // of all before it
};
static_assert(sizeof(Header) <= SegmentLayout::page && offsetof(Header, checksum) + 4 == sizeof(Header));

std::uint32_t checksum_of(const Header& header) {
  return crc32c(std::string_view(reinterpret_cast<const char*>(&header), offsetof(Header, checksum)));
}

std::size_t up(std::size_t value, std::size_t step) { return (value + step - 1) / step * step; }

/// Why a spec cannot be; empty when it can.
std::string fault_of(const SegmentSpec& spec) {
  const auto outside = [](const char* what, std::uint64_t value, const char* range) {
    return std::string(what) + " must be " + range + ", not " + std::to_string(value);
  };
  const bool power = spec.capacity != 0 && (spec.capacity & (spec.capacity - 1)) == 0;
  if (!power || spec.capacity > most_capacity)
    return outside("the capacity", spec.capacity, "a power of two from 1 to 2^32");
  if (spec.message_bytes < 1 || spec.message_bytes > most_message)
    return outside("a message", spec.message_bytes, "of 1 to 2^24 bytes");
  if (spec.rows > most_rows) return outside("the table's rows", spec.rows, "from 0 to 2^24");
  const bool keyed = spec.key_at != SegmentSpec::no_key;
  if (keyed != (spec.rows > 0)) return "a table of latest rows and the field that is its key come together";
  if (keyed && (spec.key_at > spec.message_bytes || spec.message_bytes - spec.key_at < 4))
    return outside("the key's place", spec.key_at, "inside the message");
  if (spec.schema.size() > most_schema)
    return outside("the description of the fields", spec.schema.size(), "of at most 3500 bytes");
  if (!is_utf8(spec.schema)) return "the description of the fields is not text";
  return {};
}

}  // namespace

bool operator==(const SegmentSpec& a, const SegmentSpec& b) noexcept {
  return a.capacity == b.capacity && a.message_bytes == b.message_bytes && a.rows == b.rows && a.key_at == b.key_at &&
         a.schema == b.schema;
}

SegmentLayout::SegmentLayout(const SegmentSpec& spec) noexcept
    : ring{spec.capacity, spec.message_bytes}, row{2, spec.message_bytes} {
  table_at = up(slots_at + ring.bytes(), page);
  table_stride = up(sizeof(LaneMarks) + row.bytes(), 64);
  names_at = up(table_at + spec.rows * table_stride, page);
  bytes = up(names_at + spec.rows * name_bytes, page);
}

void write_header(const SegmentSpec& spec, unsigned char* page) {
  if (const std::string fault = fault_of(spec); !fault.empty()) throw ShmError(fault);
  Header header{};
  header.magic = magic;
  header.version = version;
  header.byte_order = byte_order;
  header.bytes = SegmentLayout(spec).bytes;
  header.capacity = spec.capacity;
  header.message_bytes = spec.message_bytes;
  header.rows = spec.rows;
  header.key_at = spec.key_at;
  header.schema_bytes = static_cast<std::uint32_t>(spec.schema.size());
  std::copy(spec.schema.begin(), spec.schema.end(), header.schema.begin());
  header.checksum = checksum_of(header);
  std::memcpy(page, &header, sizeof header);
}

bool is_segment(std::string_view bytes) noexcept {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

SegmentSpec read_header(const unsigned char* page, std::size_t available, std::uint64_t bytes,
                        const std::string& what) {
  const auto refuse = [&](const std::string& why) { throw ShmError(what + " " + why); };
  if (available < sizeof(Header))
    refuse("is too small for a segment: it has " + std::to_string(bytes) + " bytes, and its first page alone has " +
           std::to_string(SegmentLayout::page));
  Header header;  // a copy: what is checked is what is used
  std::memcpy(&header, page, sizeof header);
  if (header.magic != magic) refuse("is no segment of fastcore: it does not begin as one");
  if (header.byte_order != byte_order) refuse("was written by a machine of another byte order");
  if (header.version != version)
    refuse("is a segment of version " + std::to_string(header.version) + ", and this fastcore reads version " +
           std::to_string(version) + ": run the same fastcore on both sides");
  if (header.checksum != checksum_of(header) || header.schema_bytes > most_schema)
    refuse("has a damaged header: its checksum is wrong");
  SegmentSpec spec;
  spec.capacity = header.capacity;
  spec.message_bytes = header.message_bytes;
  spec.rows = header.rows;
  spec.key_at = header.key_at;
  spec.schema.assign(header.schema.data(), header.schema_bytes);
  if (const std::string fault = fault_of(spec); !fault.empty()) refuse("has an impossible header: " + fault);
  const std::size_t needed = SegmentLayout(spec).bytes;
  if (header.bytes != needed || bytes < needed)
    refuse("has " + std::to_string(bytes) + " bytes where its header asks for " + std::to_string(needed));
  return spec;
}

bool is_segment_name(std::string_view name) noexcept {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-' || c == ':';
  };
  return !name.empty() && name.size() <= 100 && name.front() != '.' && std::all_of(name.begin(), name.end(), allowed);
}

void check_segment_name(std::string_view name) {
  if (!is_segment_name(name)) {
    throw ShmError("a segment's name is 1 to 100 letters, digits and . _ - : and does not begin with a dot, not '" +
                   std::string(name) + "'");
  }
}

}  // namespace fastcore
