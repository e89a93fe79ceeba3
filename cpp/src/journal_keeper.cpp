// Segments before and after the current one, and the thread that sees to them.
#include "fastcore/journal/keeper.hpp"

#include <unistd.h>

#include <algorithm>

#include "fastcore/journal/reader.hpp"

namespace fastcore {

namespace {

using Lock = std::lock_guard<std::mutex>;

/// How long the thread sleeps at most: what it has prepared must last until it looks again.
constexpr std::chrono::milliseconds longest_sleep{20};
/// How long the thread waits before it asks a disk for space again that had none.
constexpr std::chrono::milliseconds after_refusal{500};
/// Pages are prepared this much at a time, since the process's other requests for memory wait meanwhile.
constexpr std::size_t prepare_step = std::size_t{256} << 10;
constexpr std::size_t least_prepared = std::size_t{64} << 10;
constexpr std::size_t most_prepared = std::size_t{16} << 20;

}  // namespace

JournalKeeper::JournalKeeper(std::string folder, const JournalOptions& options, std::atomic<std::size_t>& at,
                             std::atomic<std::size_t>& end, const std::atomic<std::uint64_t>& sequence)
    : folder_(std::move(folder)), options_(options), at_(at), end_(end), sequence_(sequence), lock_(folder_) {
  sweep(folder_);
  take_stock();
  make_spare();
  thread_ = std::thread(&JournalKeeper::run, this);
}

JournalKeeper::~JournalKeeper() {
  if (!thread_.joinable()) return;
  {
    const Lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void JournalKeeper::take_stock() {
  const std::vector<SegmentInfo> all = survey(folder_);
  std::uint64_t from = 0;
  for (const SegmentInfo& one : all) {
    known_.push_back({one.number, one.first, one.bytes});
    if (one.first != 0) from = one.first;
  }
  const std::vector<std::uint64_t> snapshots = list_snapshots(folder_);
  if (!snapshots.empty())
    kept_behind_ = snapshots[snapshots.size() - std::min(snapshots.size(), options_.snapshots.kept)];
  next_number_ = all.empty() ? 1 : all.back().number + 1;
  for (const std::uint64_t number : list_segments(folder_)) {
    if (number >= next_number_) ::unlink((folder_ + "/" + segment_name(number)).c_str());  // made ahead, never begun
  }
  JournalReader reader(folder_, from);
  while (reader.next() != JournalReader::Step::end) {
  }
  found_ = reader.last();
}

void JournalKeeper::make_spare() {
  std::uint64_t number = 0;
  {
    const Lock lock(mutex_);
    number = next_number_;
  }
  auto made = std::make_shared<Segment>(folder_, number, options_.segment_bytes);
  made->prepare(0, least_prepared);
  const Lock lock(mutex_);
  spares_.push_back(std::move(made));
  ++next_number_;
}

void JournalKeeper::ready(std::size_t segments) {
  const Lock making(making_);
  const auto missing = [&] {
    const Lock lock(mutex_);
    return spares_.size() < segments;
  };
  while (missing()) make_spare();
}

const Segment& JournalKeeper::next(std::uint64_t first) {
  check();
  if (options_.durability == Durability::always) sync();
  ready(1);
  const Lock lock(mutex_);
  put_away();
  current_ = std::move(spares_.front());
  spares_.pop_front();
  current_->begin(first);
  known_.push_back({current_->number(), first, current_->bytes()});
  at_.store(segment_start, std::memory_order_relaxed);
  end_.store(current_->bytes(), std::memory_order_relaxed);
  nudged_ = true;
  wake_.notify_one();
  return *current_;
}

void JournalKeeper::put_away() {
  if (current_ == nullptr) return;
  known_.back().bytes = at_.load();
  full_.push_back({std::move(current_), at_.load(), sequence_.load()});
  current_ = nullptr;
}

void JournalKeeper::settle(bool sync_current) {
  const Lock syncing(syncing_);
  std::vector<Full> full;
  std::shared_ptr<Segment> current;
  std::size_t used = 0;
  std::uint64_t last = 0;
  {
    const Lock lock(mutex_);
    full.swap(full_);
    current = current_;
    last = sequence_.load(std::memory_order_acquire);  // before `used`, which then covers it
    used = at_.load(std::memory_order_acquire);
  }
  for (const Full& one : full) {
    int error = one.segment->sync(one.used, one.last);
    const int closing = one.segment->close(one.used);
    error = error != 0 ? error : closing;
    if (error != 0) fail(one.segment->path() + " cannot be synced: " + error_text(error));
  }
  if (!sync_current || current == nullptr || synced_ == last) return;
  const int error = current->sync(used, last);
  if (error != 0) {
    fail(current->path() + " cannot be synced: " + error_text(error));
  } else {
    synced_ = last;
  }
}

void JournalKeeper::sync() {
  settle(true);
  check();
}

void JournalKeeper::check() {
  const Lock lock(mutex_);
  if (!failure_.empty()) throw JournalError(failure_);
}

void JournalKeeper::fail(const std::string& why) noexcept {
  const Lock lock(mutex_);
  // What the disk refused it may have forgotten: nothing more can be promised about this journal.
  if (failure_.empty()) failure_ = "the journal is given up, since " + why;
  end_.store(0, std::memory_order_relaxed);
}

void JournalKeeper::keep_behind(std::uint64_t sequence) {
  {
    const Lock lock(mutex_);
    kept_behind_ = sequence;
  }
  trim();
}

void JournalKeeper::trim() {
  std::vector<std::uint64_t> old;
  {
    const Lock lock(mutex_);
    const Retention& keep = options_.retention;
    std::uint64_t bytes = 0;
    for (const Known& one : known_) bytes += one.bytes;
    while (known_.size() > 1) {
      const std::uint64_t last = known_[1].first - 1;
      const bool too_many = (keep.segments != 0 && known_.size() > keep.segments) ||
                            (keep.bytes != 0 && bytes > keep.bytes) ||
                            (keep.records != 0 && sequence_.load() - last >= keep.records);
      if (!too_many || last > kept_behind_) break;
      bytes -= known_.front().bytes;
      old.push_back(known_.front().number);
      known_.pop_front();
    }
  }
  for (const std::uint64_t number : old) ::unlink((folder_ + "/" + segment_name(number)).c_str());
}

void JournalKeeper::prepare() {
  const Lock syncing(syncing_);  // nobody closes the segment meanwhile
  std::shared_ptr<Segment> current;
  std::size_t used = 0;
  {
    const Lock lock(mutex_);
    current = current_;
    used = at_.load(std::memory_order_relaxed);
  }
  if (current == nullptr) return;
  const std::size_t before = current->number() == prepared_for_ ? prepared_at_ : 0;
  prepared_for_ = current->number();
  prepared_at_ = used;
  if (used == before) return;
  const std::size_t ahead = std::clamp(2 * (used - before), least_prepared, most_prepared);
  for (std::size_t done = 0; done < ahead; done += prepare_step)
    current->prepare(used + done, std::min(prepare_step, ahead - done));
}

bool JournalKeeper::make_ahead() noexcept {
  try {
    ready(1);
    return true;
  } catch (const std::exception&) {
    return false;  // a full disk: the writer asks again when it needs the segment, and says why if it still is
  }
}

void JournalKeeper::run() noexcept {
  using Time = std::chrono::steady_clock;
  auto synced_at = Time::now();
  auto ahead_from = synced_at;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait_for(lock, std::min(options_.interval, longest_sleep), [&] { return stop_ || nudged_; });
      if (stop_) return;
      nudged_ = false;
    }
    prepare();
    if (Time::now() >= ahead_from && !make_ahead()) ahead_from = Time::now() + after_refusal;
    const bool due = options_.durability == Durability::interval && Time::now() - synced_at >= options_.interval;
    if (due) synced_at = Time::now();
    settle(due);
    if (due) prepare();
    trim();
  }
}

void JournalKeeper::close() {
  {
    const Lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  {
    const Lock lock(mutex_);
    put_away();
    at_.store(0, std::memory_order_relaxed);
    end_.store(0, std::memory_order_relaxed);
    for (const auto& spare : spares_) spare->remove();
    spares_.clear();
  }
  settle(false);
  trim();
  check();
}

}  // namespace fastcore
