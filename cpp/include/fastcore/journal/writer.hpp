// Writes a journal. A record is stored into the mapped segment, and so is the kernel's when the call returns: it
// survives the death of the process. When it is on the disk itself is the durability that was asked for. A thread
// of its own syncs, makes the next segment ahead, closes those that are full and removes those that are too old.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fastcore/journal/format.hpp"

namespace fastcore {

/// When records are brought to the disk: before the call returns, every so often, or when the system likes.
enum class Durability : std::uint8_t { always, interval, os };

/// What is kept at most; the oldest segments go first. 0 for no limit.
struct Retention {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

/// When an engine's state is written beside its journal without being asked: after so many records or bytes, or
/// so long, whichever comes first, each 0 for never. Bytes are looked at when a segment is full.
struct SnapshotRule {
  std::uint64_t records = 4'000'000;
  std::uint64_t bytes = std::uint64_t{256} << 20;
  std::chrono::milliseconds interval{300'000};
  bool history = true;   ///< with the rows and bars that were
  std::size_t kept = 2;  ///< should the newest be damaged, the one before it does, with what the journal holds since

  bool any() const noexcept { return records != 0 || bytes != 0 || interval.count() != 0; }
};

/// What became of the snapshots beside a journal since it was opened.
struct SnapshotCount {
  std::uint64_t written = 0;
  std::uint64_t failed = 0;
  std::uint64_t sequence = 0;  ///< of the last that was written
  std::size_t bytes = 0;       ///< of that one
  std::chrono::nanoseconds longest_pause{0};  ///< for which one that came due held its engine up
  std::string failure;         ///< why the last attempt failed; "" where it did not
};

struct JournalOptions {
  Durability durability = Durability::interval;
  std::chrono::milliseconds interval{50};
  std::size_t segment_bytes = std::size_t{64} << 20;
  Retention retention;
  SnapshotRule snapshots;

  static constexpr std::size_t least_segment = std::size_t{64} << 10;
  static constexpr std::size_t most_segment = std::size_t{1} << 34;
};

class JournalKeeper;
class SnapshotKeeper;

class JournalWriter {
 public:
  /// Opens the journal in a folder, made where there is none, and goes on behind its last record. Throws
  /// JournalError.
  JournalWriter(std::string folder, const JournalOptions& options);
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;
  ~JournalWriter();

  /// Before the first record: goes on behind record `last`, and what the folder holds after that is void then.
  void go_on_behind(std::uint64_t last) noexcept { sequence_.store(last, std::memory_order_release); }

  /// Whether anything has been put.
  bool begun() const noexcept { return segment_ != 0; }

  /// The number that stands for a symbol in records. Throws JournalError for a name that is too long.
  std::uint32_t symbol(const std::string& name);

  /// Appends the record that makes a symbol; it also names it. False as for `put`.
  bool make(std::uint32_t symbol) noexcept;
  /// Appends a text of the user's, UTF-8. False as for `put`.
  bool note(std::string_view text) noexcept;

  /// Appends a message of a ring, or a row of its table, with its number there. False as for `put`.
  bool remark(RecordKind kind, std::uint64_t number, std::string_view bytes) noexcept;

  /// What a batch will put: so many records of so many bytes of payload, about so many symbols, with names
  /// of at most so many bytes.
  struct Need {
    std::size_t records = 0;
    std::size_t payload = 0;
    std::size_t symbols = 0;
    std::size_t longest_name = 0;
  };
  /// Makes sure that there is the space for a batch, so that it is written whole or not at all. False:
  /// nothing was written, and failure() says why.
  bool reserve(const Need& need) noexcept;
  /// Appends a record about a symbol, or none; `tail` follows the payload. False: it was not written, and
  /// failure() says why.
  bool put(RecordKind kind, std::uint32_t symbol, const void* payload, std::size_t bytes,
           std::string_view tail = {}) noexcept {
    const std::size_t size = record_bytes(bytes + tail.size());
    if ((at_.load(std::memory_order_relaxed) + size > end_.load(std::memory_order_relaxed) || !is_defined(symbol)) &&
        !make_room(size, symbol)) {
      return false;
    }
    store(size, record_word(kind, bytes + tail.size()), payload, bytes, tail);
    return true;
  }
  /// Ends what was put: with durability `always`, when it is on the disk. False: failure() says why.
  bool commit() noexcept { return options_.durability != Durability::always || sync(); }
  /// Brings all to the disk now. False: failure() says why.
  bool sync() noexcept;

  /// Sequence of the last record.
  std::uint64_t sequence() const noexcept { return sequence_.load(std::memory_order_relaxed); }
  /// Has failure() say why something was not logged. False.
  bool refuse(std::string why) noexcept;
  /// Why the last call failed: a sentence.
  const std::string& failure() const noexcept { return failure_; }
  const std::string& folder() const noexcept { return folder_; }
  const JournalOptions& options() const noexcept { return options_; }

  /// From here on snapshots of the engine that writes come due. Throws JournalError.
  void watch_snapshots();
  /// Whether the engine's state is to be handed over before the next record.
  bool snapshot_due() const noexcept {
    return sequence_.load(std::memory_order_relaxed) >= snapshot_due_.load(std::memory_order_relaxed);
  }
  /// Takes the state that holds all records so far, to be written beside the journal by a thread of its own.
  void put_snapshot(std::string bytes, std::chrono::nanoseconds pause) noexcept;
  /// The state that was due could not be had.
  void put_no_snapshot(const char* why) noexcept;
  /// Writes such a state now, and returns its path. Throws JournalError.
  std::string write_snapshot(std::string_view bytes);
  /// Removes snapshots that are too old, and what the journal keeps for them alone.
  void forget_old_snapshots();
  SnapshotCount snapshots() const;

  /// Writes the snapshot that it has been handed, syncs, cuts the file to its length and lets go of the lock; every
  /// put fails from here on. False: failure() says why.
  bool close() noexcept;
  bool closed() const noexcept { return keeper_ == nullptr; }

 private:
  friend struct JournalForks;

  bool is_defined(std::uint32_t symbol) const noexcept {
    return symbol == no_symbol || (symbol < defined_.size() && defined_[symbol] == segment_);
  }
  bool make_room(std::size_t bytes, std::uint32_t symbol) noexcept;
  bool put_name(RecordKind kind, std::uint32_t symbol) noexcept;
  bool rotate() noexcept;
  void forked() noexcept;

  void store(std::size_t size, std::uint32_t word, const void* payload, std::size_t bytes,
             std::string_view tail) noexcept {
    const std::size_t at = at_.load(std::memory_order_relaxed);
    char* const to = data_ + at;
    const RecordHeader header{0, word, sequence_.load(std::memory_order_relaxed) + 1};
    if (size != sizeof header + bytes) std::memset(to + size - 8, 0, 8);
    std::memcpy(to, &header, sizeof header);
    if (bytes != 0) std::memcpy(to + sizeof header, payload, bytes);
    if (!tail.empty()) std::memcpy(to + sizeof header + bytes, tail.data(), tail.size());
    const std::uint32_t crc = record_crc(to, size, segment_);
    std::memcpy(to, &crc, sizeof crc);
    sequence_.store(header.sequence, std::memory_order_release);
    at_.store(at + size, std::memory_order_release);
  }

  // What each put needs, together.
  char* data_ = nullptr;                   // of the current segment
  std::atomic<std::size_t> at_{0};         // where the next record goes
  std::atomic<std::size_t> end_{0};        // how far records may go; 0 when the slow way has something to say
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint64_t> snapshot_due_{std::numeric_limits<std::uint64_t>::max()};
  std::uint64_t segment_ = 0;              // number of the current segment; 0 for none yet
  std::vector<std::uint64_t> defined_;     // by symbol: the last segment that names it

  JournalOptions options_;
  std::string folder_;
  std::string failure_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  bool forked_ = false;  // this is a copy in a child process
  std::unique_ptr<JournalKeeper> keeper_;  // null when closed
  std::unique_ptr<SnapshotKeeper> snapshots_;  // null in a child process
};

}  // namespace fastcore
