// One segment as its writer has it: a file of full size, mapped, so that a record is the kernel's as soon as
// it is stored. The space is taken when the segment is made: a full disk is an error then, never a fault later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "fastcore/journal/folder.hpp"

namespace fastcore {

class Segment {
 public:
  /// Makes the file, blank; its header comes when it is first needed. Throws JournalError, leaving no file.
  Segment(const std::string& folder, std::uint64_t number, std::size_t bytes);
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  /// Writes the header: from here on the segment counts, and `first` is the sequence of its first record.
  void begin(std::uint64_t first) noexcept;
  /// Brings what was stored so far to the disk, then notes that `used` bytes up to `sequence` are there.
  /// Returns an errno, 0 for none.
  int sync(std::size_t used, std::uint64_t sequence) noexcept;
  /// Has the pages of [from, from + bytes) ready for writing, so that storing there does not wait for them.
  void prepare(std::size_t from, std::size_t bytes) noexcept;
  /// Cuts the file to what was used, brings it to the disk and closes it. Returns an errno, 0 for none.
  int close(std::size_t used) noexcept;
  /// Removes the file of a segment that never began.
  void remove() noexcept;

  char* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }
  std::uint64_t number() const noexcept { return number_; }
  std::uint64_t first() const noexcept { return first_; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  std::uint64_t number_;
  std::size_t bytes_;
  std::uint64_t first_ = 0;
  File file_;
  char* data_ = nullptr;
};

}  // namespace fastcore
