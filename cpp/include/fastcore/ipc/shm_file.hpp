// Segments as files in /dev/shm: made whole or not at all, written by one process, cleaned after any crash.
//
// A segment is made without a name (O_TMPFILE), sized, filled in, and only then linked to its name: nobody can
// open half of one, and nothing is left of a process that dies before. The writer holds a lock that belongs to its open
// file, so that the kernel gives it back however the process ends; whether a segment has a writer is asked of
// that lock and never guessed from a process id. A new writer takes over a segment whose writer is gone, with
// the sequence going on, or puts another in its place when it carries something else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fastcore/ipc/segment.hpp"

namespace fastcore {

/// An open file and its memory, until the last user lets go.
class Mapping {
 public:
  Mapping(int fd, void* base, std::size_t bytes) noexcept : fd_(fd), base_(base), bytes_(bytes) {}
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  int fd() const noexcept { return fd_; }
  unsigned char* base() const noexcept { return static_cast<unsigned char*>(base_); }
  std::size_t bytes() const noexcept { return bytes_; }
  /// Gives the file back, and a lock with it; the memory stays.
  void close_file() noexcept;

 private:
  int fd_;
  void* base_;
  std::size_t bytes_;
};

/// The folder of segments when none is named.
inline constexpr const char* shm_folder = "/dev/shm";

/// Where a segment of some name lies. Throws ShmError for a name that cannot be.
std::string segment_path(const std::string& folder, const std::string& name);

/// A segment with the writer's lock.
struct OwnedSegment {
  std::shared_ptr<Mapping> mapping;  ///< writable
  SegmentSpec spec;
  bool taken_over = false;  ///< it was there, and its sequence goes on
};

/// Makes the segment, or takes over one that has no writer. Throws ShmBusyError when it has one, ShmError
/// when there is no room for it or something else lies at its name. `mode` are the file's permissions.
OwnedSegment create_segment(const std::string& folder, const std::string& name, const SegmentSpec& spec,
                            unsigned mode = 0600);

/// Opens a segment for reading. Throws ShmMissingError when there is none, ShmError when it is not to be trusted.
OwnedSegment attach_segment(const std::string& folder, const std::string& name);

/// The page by which a reader asks to be woken, writable; null where this process may not.
std::shared_ptr<Mapping> map_bell(const std::string& folder, const std::string& name, const Mapping& segment);

/// Whether a writer holds the lock.
bool has_writer(const Mapping& segment) noexcept;
/// Whether the segment still has its name: one that lost it gets no new writer.
bool has_name(const Mapping& segment) noexcept;

/// Removes the name of a segment that the caller owns.
void unlink_segment(const std::string& folder, const std::string& name, const Mapping& segment) noexcept;
/// Removes a segment without a writer, sound or not; false when it has one. Throws ShmError when it may not.
bool remove_segment(const std::string& folder, const std::string& name);
/// The names of all segments in a folder, in order.
std::vector<std::string> segment_names(const std::string& folder);

}  // namespace fastcore
