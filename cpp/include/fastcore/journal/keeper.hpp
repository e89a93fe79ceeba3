// The writer's other half: the segments around the current one, and the thread that syncs them, makes the next
// one ahead, closes those that are full and removes those that are too old. The writer takes its lock only when a
// segment is full.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fastcore/journal/segment.hpp"
#include "fastcore/journal/writer.hpp"

namespace fastcore {

class JournalKeeper {
 public:
  /// `at` and `sequence` are the writer's: where its next record goes, and what the last one is. `end` is set
  /// to 0 when something fails, so that the writer asks. Throws JournalError.
  JournalKeeper(std::string folder, const JournalOptions& options, std::atomic<std::size_t>& at,
                std::atomic<std::size_t>& end, const std::atomic<std::uint64_t>& sequence);
  JournalKeeper(const JournalKeeper&) = delete;
  JournalKeeper& operator=(const JournalKeeper&) = delete;
  ~JournalKeeper();

  /// Sequence of the last record that the folder held.
  std::uint64_t found() const noexcept { return found_; }

  /// Puts the current segment away and begins the next with record `first`; its data and number are the
  /// writer's then. Throws JournalError, and nothing has changed.
  const Segment& next(std::uint64_t first);
  /// Has at least so many segments ready. Throws JournalError.
  void ready(std::size_t segments);
  /// Brings all that was written to the disk, and closes what is full. Throws JournalError.
  void sync();
  /// Throws JournalError when something failed that cannot be mended.
  void check();
  /// Removes what is too old, but no record behind `sequence`.
  void keep_behind(std::uint64_t sequence);
  /// Ends the thread, syncs, and closes all. Throws JournalError.
  void close();
  /// Lets go of what a child process must not have.
  void leave() noexcept { lock_.leave(); }

 private:
  struct Full {
    std::shared_ptr<Segment> segment;
    std::size_t used;
    std::uint64_t last;
  };
  struct Known {
    std::uint64_t number;
    std::uint64_t first;
    std::uint64_t bytes;
  };

  void take_stock();
  void make_spare();
  void put_away();
  void settle(bool sync_current);
  void trim();
  void prepare();
  bool make_ahead() noexcept;
  void run() noexcept;
  void fail(const std::string& why) noexcept;

  std::string folder_;
  JournalOptions options_;
  std::atomic<std::size_t>& at_;
  std::atomic<std::size_t>& end_;
  const std::atomic<std::uint64_t>& sequence_;
  FolderLock lock_;
  std::uint64_t found_ = 0;

  std::mutex making_;   // held while a segment is made, so that they come in the order of their numbers
  std::mutex syncing_;  // held while the disk is asked, so that one at a time does
  std::mutex mutex_;    // held for moments, over all below
  std::shared_ptr<Segment> current_;
  std::deque<std::shared_ptr<Segment>> spares_;
  std::vector<Full> full_;
  std::deque<Known> known_;  // segments that hold records, oldest first
  std::uint64_t next_number_ = 1;
  std::uint64_t kept_behind_ = ~std::uint64_t{0};
  std::string failure_;
  bool stop_ = false;
  bool nudged_ = false;
  std::condition_variable wake_;

  std::uint64_t synced_ = 0;       // last sequence on the disk; under syncing_
  std::uint64_t prepared_for_ = 0;  // segment and place of the last look; the thread's own
  std::size_t prepared_at_ = 0;
  std::thread thread_;
};

}  // namespace fastcore
