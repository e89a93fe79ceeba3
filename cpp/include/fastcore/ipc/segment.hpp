// What a segment of shared memory looks like: four pages, then the slots of the ring, the table of latest
// rows and the names of its rows. Offsets only, no pointers: every process maps it elsewhere.
//
//   page 0   what the segment is: written once, checksummed, never changed
//   page 1   how far the writer is: written by the writer alone
//   page 2   the bell: the one page that a reader may write to, to ask for being woken
//   page 3   spare, so that what follows begins on a page of its own whatever comes to be added
//
// Everything else about the layout follows from the few numbers on page 0, which are checked before
// anything is computed from them: a header is bytes from somebody else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "fastcore/ipc/lane.hpp"

namespace fastcore {

/// A segment that cannot be made, opened or trusted; the message is a sentence.
class ShmError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// A segment that has a writer already.
class ShmBusyError : public ShmError {
 public:
  using ShmError::ShmError;
};
/// No segment of that name.
class ShmMissingError : public ShmError {
 public:
  using ShmError::ShmError;
};

/// What a segment carries: the shape of its messages, and how many of them.
struct SegmentSpec {
  std::uint64_t capacity = 0;       ///< slots of the ring, a power of two from 1 to 2^32
  std::uint32_t message_bytes = 0;  ///< 1 to 2^24
  std::uint32_t rows = 0;           ///< rows of the table of latest messages; 0 for none, up to 2^24
  std::uint32_t key_at = no_key;    ///< where in a message its row stands, as an unsigned number of 4 bytes
  std::string schema;               ///< what the bytes mean, for the other side; at most 3,500 bytes

  static constexpr std::uint32_t no_key = 0xffffffff;
};

bool operator==(const SegmentSpec& a, const SegmentSpec& b) noexcept;

/// Where everything lies, in bytes from the start.
struct SegmentLayout {
  static constexpr std::size_t page = 4096;

  explicit SegmentLayout(const SegmentSpec& spec) noexcept;

  LaneShape ring;
  LaneShape row;  // of one row of the table: two slots, so that one is whole while the other is written
  std::size_t slots_at = std::size_t{4} * page;
  std::size_t table_at;
  std::size_t table_stride;  // marks and two slots
  std::size_t names_at;
  std::size_t bytes;

  static constexpr std::size_t live_at = page;
  static constexpr std::size_t bell_at = 2 * page;
  static constexpr std::size_t name_bytes = 64;  // with the closing zero
};

/// What becomes of a segment.
enum class SegmentState : std::uint64_t {
  open = 1,     ///< it has, or had and may have again, a writer
  closed = 2,   ///< its writer has said that nothing more comes
  replaced = 3  ///< another segment took its name
};

/// Page 1. Readers look at `marks` all the time; what they look at less lies on other cache lines.
struct SegmentLive {
  LaneMarks marks;
  alignas(128) Word floor;      ///< sequences below it were never written here
  Word epoch;                   ///< how many writers there have been
  Word state;                   ///< SegmentState
  Word writer;                  ///< process id, for people; whether it lives says the lock
  Word created;                 ///< ns since 1970 UTC
  Word names;                   ///< names of rows that are whole
  alignas(128) Word heartbeat;  ///< CLOCK_MONOTONIC in ns, when the writer last published or said that it lives
};
static_assert(sizeof(SegmentLive) <= SegmentLayout::page);

/// Page 2: not 0 when a reader sleeps.
struct SegmentBell {
  std::atomic<std::uint32_t> rung;
};

/// Page 0, for a spec. Throws ShmError for one that cannot be.
void write_header(const SegmentSpec& spec, unsigned char* page);

/// What page 0 of a segment of `bytes` says. `available` bytes of it can be read. Throws ShmError with a
/// sentence that begins with `what` when they are not a header of this version, whole and consistent.
SegmentSpec read_header(const unsigned char* page, std::size_t available, std::uint64_t bytes, const std::string& what);

/// Whether bytes begin as a segment does, of whatever version.
bool is_segment(std::string_view bytes) noexcept;

/// Whether a segment may have this name: letters, digits and . _ - : up to 100, no slash.
bool is_segment_name(std::string_view name) noexcept;
/// Throws ShmError where it may not.
void check_segment_name(std::string_view name);

}  // namespace fastcore
