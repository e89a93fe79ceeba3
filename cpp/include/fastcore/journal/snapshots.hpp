// Snapshots beside a journal: says when the next one is due, writes what it is handed in a thread of its own, and
// removes those that are too old, with what the journal keeps only for them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "fastcore/journal/writer.hpp"

namespace fastcore {

class JournalKeeper;

class SnapshotKeeper {
 public:
  /// `due` is the writer's: from which sequence on it is to hand over a snapshot.
  SnapshotKeeper(std::string folder, const SnapshotRule& rule, JournalKeeper& journal, std::atomic<std::uint64_t>& due);
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;
  ~SnapshotKeeper() { close(); }

  /// From here on snapshots come due, counted from the newest in the folder. Throws JournalError.
  void begin();
  /// The journal has had so many bytes written to it.
  void grow(std::uint64_t bytes) noexcept;
  /// Takes the state that holds `sequence`, to be written soon; making it held the engine up for so long.
  void put(std::uint64_t sequence, std::string bytes, std::chrono::nanoseconds pause) noexcept;
  /// The state could not be had.
  void put_failure(std::uint64_t sequence, const char* why) noexcept;
  /// Writes a state now, and returns the path. Throws JournalError.
  std::string write(std::uint64_t sequence, std::string_view bytes);
  /// Removes snapshots that are too old, and lets the journal remove what none of the others needs.
  void forget_old();
  SnapshotCount count() const;
  /// Writes what it has been handed, and ends the thread.
  void close() noexcept;

  /// A sequence that is never reached.
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

 private:
  using Time = std::chrono::steady_clock;
  struct Handed {
    std::uint64_t sequence;
    std::string bytes;
  };

  std::string replace(std::uint64_t sequence, std::string_view bytes);
  void settle(std::uint64_t sequence, std::size_t bytes, const std::string& failure);
  void run() noexcept;
  void write_handed(const Handed& handed) noexcept;

  std::string folder_;
  SnapshotRule rule_;
  JournalKeeper& journal_;
  std::atomic<std::uint64_t>& due_;

  std::mutex writing_;        // held while the disk is asked, so that one at a time does
  mutable std::mutex mutex_;  // held for moments, over all below
  std::optional<Handed> handed_;
  bool busy_ = false;  // something is handed over or being written: nothing more comes due
  bool begun_ = false;
  bool stop_ = false;
  std::uint64_t newest_ = 0;    // sequence of the last attempt
  std::uint64_t bytes_ = 0;     // of the journal, by now
  std::uint64_t bytes_at_ = 0;  // of the journal, at the last attempt
  Time::time_point next_ = Time::time_point::max();
  SnapshotCount count_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace fastcore
