// The slow ways of writing a journal: the next segment, a new symbol, a batch, an error, a fork.
#include "fastcore/journal/writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <mutex>

#include "fastcore/journal/keeper.hpp"
#include "fastcore/journal/snapshots.hpp"

namespace fastcore {

/// All writers of the process: a child that a fork makes must neither write to its parent's journals nor
/// hold their locks.
struct JournalForks {
  std::mutex mutex;
  std::vector<JournalWriter*> writers;

  static JournalForks& all() {
    static auto* const forks = new JournalForks;  // for as long as there are forks
    return *forks;
  }
  JournalForks() {
    pthread_atfork([] { all().mutex.lock(); }, [] { all().mutex.unlock(); },
                   [] {
                     for (JournalWriter* const writer : all().writers) writer->forked();
                     all().writers.clear();
                     all().mutex.unlock();
                   });
  }
  void add(JournalWriter* writer) {
    const std::lock_guard<std::mutex> lock(mutex);
    writers.push_back(writer);
  }
  void remove(JournalWriter* writer) noexcept {
    const std::lock_guard<std::mutex> lock(mutex);
    writers.erase(std::remove(writers.begin(), writers.end(), writer), writers.end());
  }
};

namespace {

void check(const JournalOptions& options) {
  if (options.segment_bytes < JournalOptions::least_segment || options.segment_bytes > JournalOptions::most_segment) {
    throw JournalError("segment_bytes must be from " + std::to_string(JournalOptions::least_segment) + " to " +
                       std::to_string(JournalOptions::most_segment) + ", not " + std::to_string(options.segment_bytes));
  }
  if (options.interval.count() < 1)
    throw JournalError("interval must be at least 1 ms, not " + std::to_string(options.interval.count()));
  if (options.snapshots.kept < 1) throw JournalError("keep_snapshots must be at least 1, not 0");
}

}  // namespace

JournalWriter::JournalWriter(std::string folder, const JournalOptions& options)
    : options_(options), folder_(std::move(folder)) {
  check(options);
  keeper_ = std::make_unique<JournalKeeper>(folder_, options_, at_, end_, sequence_);
  snapshots_ = std::make_unique<SnapshotKeeper>(folder_, options_.snapshots, *keeper_, snapshot_due_);
  sequence_.store(keeper_->found());
  JournalForks::all().add(this);
}

JournalWriter::~JournalWriter() { close(); }

std::uint32_t JournalWriter::symbol(const std::string& name) {
  const auto known = numbers_.find(name);
  if (known != numbers_.end()) return known->second;
  if (name.empty() || name.size() > longest_payload - 4) {
    throw JournalError("a symbol's name must have from 1 to " + std::to_string(longest_payload - 4) + " bytes, not " +
                       std::to_string(name.size()));
  }
  if (names_.size() == most_journal_symbols)
    throw JournalError("a journal names at most " + std::to_string(most_journal_symbols) + " symbols");
  names_.push_back(name);
  defined_.push_back(0);
  return numbers_.emplace(name, static_cast<std::uint32_t>(names_.size() - 1)).first->second;
}

bool JournalWriter::refuse(std::string why) noexcept {
  failure_ = std::move(why);
  return false;
}

bool JournalWriter::rotate() noexcept {
  if (forked_) return refuse("the journal " + folder_ + " belongs to the process that opened it, not to its child");
  if (closed()) return refuse("the journal " + folder_ + " is closed");
  try {
    snapshots_->grow(at_.load(std::memory_order_relaxed));
    const Segment& next = keeper_->next(sequence() + 1);
    data_ = next.data();
    segment_ = next.number();
    return true;
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

bool JournalWriter::make_room(std::size_t bytes, std::uint32_t symbol) noexcept {
  for (;;) {
    if (at_.load(std::memory_order_relaxed) + bytes > end_.load(std::memory_order_relaxed)) {
      if (!rotate()) return false;
    } else if (is_defined(symbol)) {
      return true;
    } else if (!put_name(RecordKind::define, symbol)) {
      return false;
    }
  }
}

bool JournalWriter::put_name(RecordKind kind, std::uint32_t symbol) noexcept {
  if (!put(kind, no_symbol, &symbol, sizeof symbol, names_[symbol])) return false;
  defined_[symbol] = segment_;
  return true;
}

bool JournalWriter::make(std::uint32_t symbol) noexcept { return put_name(RecordKind::make, symbol); }

bool JournalWriter::note(std::string_view text) noexcept {
  if (text.size() > longest_payload) {
    return refuse("a note has at most " + std::to_string(longest_payload) + " bytes, not " +
                  std::to_string(text.size()));
  }
  return put(RecordKind::note, no_symbol, text.data(), text.size());
}

bool JournalWriter::remark(RecordKind kind, std::uint64_t number, std::string_view bytes) noexcept {
  if (bytes.empty() || bytes.size() > longest_payload - sizeof number) {
    return refuse("a journal's message has from 1 to " + std::to_string(longest_payload - sizeof number) +
                  " bytes, not " + std::to_string(bytes.size()));
  }
  return put(kind, no_symbol, &number, sizeof number, bytes);
}

bool JournalWriter::reserve(const Need& need) noexcept {
  const std::size_t record = record_bytes(need.payload);
  const std::size_t name = need.symbols == 0 ? 0 : record_bytes(sizeof(std::uint32_t) + need.longest_name);
  const std::size_t all_names = need.symbols * name;
  // Of each segment so much is sure to go to records: the rest is names, and an end too short for a record.
  const std::size_t lost = 2 * all_names + record;
  const auto holds = [&](std::size_t space) {
    const std::size_t few_names = space > lost ? (space - lost) / record : 0;
    return std::max(few_names, space / (record + name));
  };
  const std::size_t end = end_.load(std::memory_order_relaxed);
  const std::size_t here = holds(end - std::min(end, at_.load(std::memory_order_relaxed)));
  if (here >= need.records && end != 0) return true;
  if (forked_ || closed()) return rotate();
  const std::size_t each = holds(options_.segment_bytes - segment_start);
  try {
    keeper_->check();
    keeper_->ready((need.records - here + each - 1) / each);
    return true;
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

bool JournalWriter::sync() noexcept {
  if (forked_ || closed()) return rotate();
  try {
    keeper_->sync();
    return true;
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

void JournalWriter::watch_snapshots() {
  if (!forked_ && !closed()) snapshots_->begin();
}

void JournalWriter::put_snapshot(std::string bytes, std::chrono::nanoseconds pause) noexcept {
  if (!forked_ && !closed()) snapshots_->put(sequence(), std::move(bytes), pause);
}

void JournalWriter::put_no_snapshot(const char* why) noexcept {
  if (!forked_ && !closed()) snapshots_->put_failure(sequence(), why);
}

std::string JournalWriter::write_snapshot(std::string_view bytes) {
  if (forked_ || closed()) {
    rotate();
    throw JournalError(failure_);
  }
  return snapshots_->write(sequence(), bytes);
}

void JournalWriter::forget_old_snapshots() {
  if (!forked_ && !closed()) snapshots_->forget_old();
}

SnapshotCount JournalWriter::snapshots() const { return forked_ ? SnapshotCount{} : snapshots_->count(); }

bool JournalWriter::close() noexcept {
  if (keeper_ == nullptr) return true;
  JournalForks::all().remove(this);
  snapshots_->close();
  bool sound = true;
  try {
    keeper_->close();
  } catch (const std::exception& error) {
    sound = refuse(error.what());
  }
  keeper_.reset();
  return sound;
}

void JournalWriter::forked() noexcept {
  forked_ = true;
  end_.store(0, std::memory_order_relaxed);
  keeper_->leave();
  // Never destroyed: its thread is not in this process, and its files are the parent's.
  [[maybe_unused]] const JournalKeeper* const left = keeper_.release();
  [[maybe_unused]] const SnapshotKeeper* const too = snapshots_.release();
  snapshot_due_.store(std::numeric_limits<std::uint64_t>::max(), std::memory_order_relaxed);
}

}  // namespace fastcore
