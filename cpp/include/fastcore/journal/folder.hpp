// The folder of a journal: its files by name, and the lock that lets one writer in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fastcore/file.hpp"
#include "fastcore/journal/format.hpp"

namespace fastcore {

/// "No space left on device", of an errno.
std::string error_text(int error);
/// Throws JournalError: "/data/j/journal-00000001.fcj cannot be written: No space left on device".
[[noreturn]] void fail_file(const std::string& path, const char* what, int error);

/// Name of the file of a segment: "journal-00000001.fcj".
std::string segment_name(std::uint64_t number);
/// Number of a segment by its file's name; 0 for another file.
std::uint64_t segment_number(const std::string& name) noexcept;
/// Name of the file of a snapshot: "snapshot-00000000000000000042.fcs" for what holds sequence 42.
std::string snapshot_name(std::uint64_t sequence);

/// Numbers of the segments in a folder, ascending. Throws JournalError where the folder cannot be read.
std::vector<std::uint64_t> list_segments(const std::string& folder);
/// Sequences of the snapshots in a folder, ascending.
std::vector<std::uint64_t> list_snapshots(const std::string& folder);

/// `replace_file`, as a JournalError.
void write_whole(const std::string& path, std::string_view bytes);
/// Removes what a crash in the middle of writing a snapshot left behind.
void sweep(const std::string& folder);
/// All of a file. Throws JournalError.
std::string read_whole(const std::string& path);

/// Holds the lock of a folder for as long as it lives; the kernel lets go of it when the process dies.
class FolderLock {
 public:
  /// Makes the folder where there is none. Throws JournalError when another writer is in, or none may be.
  explicit FolderLock(const std::string& folder);
  /// Lets go in a forked child, without taking the lock from the parent.
  void leave() noexcept { file_ = File(); }

 private:
  File file_;
};

}  // namespace fastcore
