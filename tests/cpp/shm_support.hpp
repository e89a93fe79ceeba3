// What the tests of shared memory have in common: a folder of their own, messages that show where they are torn,
// and processes that end as told.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "fastcore/ipc/broadcast_ring.hpp"
#include "fastcore/ipc/shm_file.hpp"

namespace fastcore::testing {

/// A folder in shared memory, removed with all that is in it.
class MemoryFolder {
 public:
  MemoryFolder() {
    std::string name = "/dev/shm/fastcore-test-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~MemoryFolder() { std::filesystem::remove_all(path_); }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// A message with a key, whose every part follows from its sequence.
struct Note {
  std::uint64_t sequence;
  std::uint32_t key;
  std::uint32_t check;
  std::array<std::uint64_t, 3> rest;
};

inline Note note_of(std::uint64_t sequence, std::uint32_t keys) {
  const auto low = static_cast<std::uint32_t>(sequence);
  return {sequence, low % keys, ~low, {sequence * 3, sequence * 5, sequence * 7}};
}
inline bool is_note(const Note& note, std::uint64_t sequence, std::uint32_t keys) {
  const Note wanted = note_of(sequence, keys);
  return std::memcmp(&note, &wanted, sizeof note) == 0;
}
inline SegmentSpec notes(std::uint64_t capacity, std::uint32_t keys) {
  SegmentSpec spec;
  spec.capacity = capacity;
  spec.message_bytes = sizeof(Note);
  spec.rows = keys;
  spec.key_at = keys == 0 ? SegmentSpec::no_key : static_cast<std::uint32_t>(offsetof(Note, key));
  spec.schema = "notes";
  return spec;
}

/// What a function throws as a T; empty when it throws nothing.
template <class T, class F>
std::string thrown(F function) {
  try {
    function();
  } catch (const T& error) {
    return error.what();
  }
  return {};
}
inline bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

/// A child process that does `work` and ends without the cleaning up of its parent's test program.
template <class F>
pid_t start(F work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    _exit(0);
  }
  return child;
}
/// How it ended: the signal that killed it, or minus its code.
inline int end_of(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

}  // namespace fastcore::testing
