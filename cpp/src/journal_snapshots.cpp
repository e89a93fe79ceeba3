// When a snapshot is due, and the thread that writes it.
#include "fastcore/journal/snapshots.hpp"

#include <unistd.h>

#include <algorithm>

#include "fastcore/journal/folder.hpp"
#include "fastcore/journal/keeper.hpp"

namespace fastcore {

namespace {

using Lock = std::lock_guard<std::mutex>;

}  // namespace

SnapshotKeeper::SnapshotKeeper(std::string folder, const SnapshotRule& rule, JournalKeeper& journal,
                               std::atomic<std::uint64_t>& due)
    : folder_(std::move(folder)), rule_(rule), journal_(journal), due_(due) {}

void SnapshotKeeper::begin() {
  const std::vector<std::uint64_t> all = list_snapshots(folder_);
  {
    const Lock lock(mutex_);
    begun_ = true;
    newest_ = all.empty() ? 0 : all.back();
    bytes_at_ = bytes_;
    if (rule_.records != 0) due_.store(newest_ + rule_.records, std::memory_order_relaxed);
    if (rule_.interval.count() != 0) next_ = Time::now() + rule_.interval;
  }
  if (rule_.any() && !thread_.joinable()) thread_ = std::thread(&SnapshotKeeper::run, this);
}

void SnapshotKeeper::grow(std::uint64_t bytes) noexcept {
  const Lock lock(mutex_);
  bytes_ += bytes;
  if (begun_ && !busy_ && rule_.bytes != 0 && bytes_ - bytes_at_ >= rule_.bytes)
    due_.store(newest_ + 1, std::memory_order_relaxed);
}

void SnapshotKeeper::put(std::uint64_t sequence, std::string bytes, std::chrono::nanoseconds pause) noexcept {
  {
    const Lock lock(mutex_);
    count_.longest_pause = std::max(count_.longest_pause, pause);
    handed_ = Handed{sequence, std::move(bytes)};
    busy_ = true;
    due_.store(never, std::memory_order_relaxed);
  }
  wake_.notify_one();
}

void SnapshotKeeper::put_failure(std::uint64_t sequence, const char* why) noexcept { settle(sequence, 0, why); }

/// A snapshot was written, or not; the next comes due as long after it in either case.
void SnapshotKeeper::settle(std::uint64_t sequence, std::size_t bytes, const std::string& failure) {
  const Lock lock(mutex_);
  if (failure.empty()) {
    ++count_.written;
    count_.sequence = sequence;
    count_.bytes = bytes;
  } else {
    ++count_.failed;
  }
  count_.failure = failure;
  busy_ = handed_.has_value();
  newest_ = std::max(newest_, sequence);
  bytes_at_ = bytes_;
  if (!begun_ || busy_) return;
  due_.store(rule_.records == 0 ? never : newest_ + rule_.records, std::memory_order_relaxed);
  if (rule_.interval.count() != 0) next_ = Time::now() + rule_.interval;
}

std::string SnapshotKeeper::replace(std::uint64_t sequence, std::string_view bytes) {
  const Lock writing(writing_);
  // What the snapshot holds must not be newer than the journal after a loss of power.
  journal_.sync();
  std::string path = folder_ + "/" + snapshot_name(sequence);
  write_whole(path, bytes);
  forget_old();
  return path;
}

std::string SnapshotKeeper::write(std::uint64_t sequence, std::string_view bytes) {
  std::string path = replace(sequence, bytes);
  settle(sequence, bytes.size(), "");
  return path;
}

void SnapshotKeeper::forget_old() {
  const std::vector<std::uint64_t> all = list_snapshots(folder_);
  const std::size_t old = all.size() - std::min(all.size(), rule_.kept);
  for (std::size_t i = 0; i < old; ++i) ::unlink((folder_ + "/" + snapshot_name(all[i])).c_str());
  if (old < all.size()) journal_.keep_behind(all[old]);
}

SnapshotCount SnapshotKeeper::count() const {
  const Lock lock(mutex_);
  return count_;
}

void SnapshotKeeper::write_handed(const Handed& handed) noexcept {
  try {
    replace(handed.sequence, handed.bytes);
    settle(handed.sequence, handed.bytes.size(), "");
  } catch (const std::exception& error) {
    settle(handed.sequence, 0, error.what());
  }
}

void SnapshotKeeper::run() noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    const auto called = [&] { return stop_ || handed_.has_value(); };
    if (next_ == Time::time_point::max()) {
      wake_.wait(lock, called);
    } else if (!wake_.wait_until(lock, next_, called)) {
      next_ = Time::time_point::max();
      if (!busy_) due_.store(newest_ + 1, std::memory_order_relaxed);
    }
    if (handed_.has_value()) {
      const Handed handed = std::move(*handed_);
      handed_.reset();
      lock.unlock();
      write_handed(handed);
      lock.lock();
    } else if (stop_) {
      return;
    }
  }
}

void SnapshotKeeper::close() noexcept {
  {
    const Lock lock(mutex_);
    stop_ = true;
    begun_ = false;
    due_.store(never, std::memory_order_relaxed);
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace fastcore
