// Reads a journal: every sound record in order, and an account of what is not sound. It reads a piece at a time
// and maps nothing, so that memory stays the same however long the journal is, and a file that is cut meanwhile,
// as its writer does on closing a segment, is just shorter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fastcore/journal/folder.hpp"
#include "fastcore/journal/meanings.hpp"

namespace fastcore {

/// A file read front to back through a buffer.
class FileWindow {
 public:
  FileWindow() = default;
  /// Throws JournalError.
  explicit FileWindow(const std::string& path);
  /// Of a file that is open.
  FileWindow(std::string path, File file);

  /// `bytes` (at most `most`) at `offset`, valid until the next call; null where the file ends before.
  const char* at(std::uint64_t offset, std::size_t bytes);
  /// Forgets what was read: another process may have written since.
  void drop() noexcept { length_ = 0; }
  /// The first offset from `offset` on that may hold something else than zeros.
  std::uint64_t skip_hole(std::uint64_t offset) const noexcept;
  std::uint64_t size() const noexcept;
  const std::string& path() const noexcept { return path_; }

  static constexpr std::size_t most = std::size_t{1} << 20;

 private:
  std::string path_;
  File file_;
  std::string buffer_;
  std::uint64_t start_ = 0;  // of the buffer, in the file
  std::size_t length_ = 0;
};

/// A segment as the folder shows it.
struct SegmentInfo {
  std::uint64_t number = 0;
  std::string path;
  std::uint64_t bytes = 0;
  HeaderState header = HeaderState::blank;
  std::uint64_t first = 0;  ///< sequence of its first record; 0 where neither the header nor the record says
  std::uint64_t bound = 0;  ///< records from this sequence on are void; 0 for no bound
  SyncMark mark{};          ///< zeros where there is none
};

/// The segments of a folder, in order. Throws JournalError, also for a segment of a newer version.
std::vector<SegmentInfo> survey(const std::string& folder);

struct JournalRecord {
  RecordKind kind = RecordKind::none;
  std::uint64_t sequence = 0;
  const char* payload = nullptr;  ///< valid until the reader moves on
  std::size_t bytes = 0;          ///< of the payload
};

/// A place where a journal is not what its writer wrote.
struct JournalDamage {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;         ///< in the segment's file
  std::uint64_t bytes = 0;          ///< that were passed over
  std::uint64_t first_missing = 0;  ///< sequence of the first record that is lost
  std::uint64_t missing = 0;        ///< how many are; 0 where nothing was lost
  const char* why = "";

  /// One sentence: "journal-00000001.fcj, byte 4096: ... ; the records 17 to 19 are missing".
  std::string text() const;
};

class JournalReader {
 public:
  /// Reads from the record with sequence `from` on, or from the oldest. Throws JournalError.
  explicit JournalReader(std::string folder, std::uint64_t from = 0);

  enum class Step { record, damage, end };
  /// Goes to the next record or damage. At the end it may be asked again: a writer may have gone on.
  Step next();

  const JournalRecord& record() const noexcept { return record_; }
  const JournalDamage& damage() const noexcept { return damage_; }
  /// Sequence of the last record read or known to be missing; 0 for none.
  std::uint64_t last() const noexcept { return expected_ == 0 ? 0 : expected_ - 1; }
  /// Bytes behind the last sound record that are not zeros: what a crash cut off. Known at the end.
  std::uint64_t torn() const noexcept { return torn_; }

  /// Names of symbols, as numbered by `name_of`; a name keeps its number through all segments.
  const std::vector<std::string>& names() const noexcept { return names_; }
  /// Which name a symbol's number stands for in the current segment; `no_symbol` for none.
  std::uint32_t name_of(std::uint32_t symbol) const noexcept { return meanings_.of(symbol); }
  /// The symbol that a record is about, as its name's number; `no_symbol` for none.
  std::uint32_t subject() const noexcept { return subject_; }

  /// Bytes read so far and in all, for a progress bar.
  std::uint64_t position() const noexcept { return passed_ + offset_; }
  std::uint64_t size() const noexcept { return total_; }
  const std::vector<SegmentInfo>& segments() const noexcept { return segments_; }
  const std::string& folder() const noexcept { return folder_; }

 private:
  void look_again();
  /// False where the file is not there any more: its writer has let go of it since the folder was looked at.
  bool open_segment();
  void close_segment();
  /// Whether a sound record lies at that offset of the segment; then it is in `record_`.
  bool look(std::uint64_t offset);
  /// The next offset with a record that may follow what was read; 0 for none.
  std::uint64_t search();
  /// Whether a sound record lies there before which at most so many are missing; then it is in `record_`.
  bool follows(std::uint64_t at, std::uint64_t most_missing);
  /// Whether that record is one that a later segment holds anew.
  bool is_void() const noexcept { return segment().bound != 0 && record_.sequence >= segment().bound; }
  /// Whether a record with this sequence may follow what was read.
  bool fits(std::uint64_t sequence) noexcept;
  /// Takes the record in: null, or why it cannot be.
  const char* accept();
  void define(std::uint32_t symbol, std::string_view name);
  /// Notes damage up to the record `next`; false when all of it lies before what is to be read.
  bool tell(std::uint64_t bytes, std::uint64_t next, const char* why);
  const SegmentInfo& segment() const noexcept { return segments_[current_]; }
  /// Whether records are missing that would be at the end of the segment: they are not in the next one, which says
  /// where it begins.
  bool misses_end() const noexcept {
    return segment().bound != 0 && expected_ < segment().bound && segments_[current_ + 1].first != 0;
  }

  std::string folder_;
  std::uint64_t from_;
  std::vector<SegmentInfo> segments_;
  std::size_t current_ = 0;
  bool open_ = false;
  bool header_damaged_ = false;  // and not yet told
  bool removed_ = false;         // segments before this one were, and it is not yet told
  FileWindow window_;
  std::uint64_t offset_ = 0;    // in the current segment
  std::uint64_t expected_ = 0;  // sequence of the next record; 0 for unknown
  std::uint64_t passed_ = 0;    // bytes of the segments before
  std::uint64_t total_ = 0;
  std::uint64_t torn_ = 0;
  JournalRecord record_;
  JournalDamage damage_;
  std::uint32_t subject_ = no_symbol;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> numbers_;  // of names
  Meanings meanings_;                                       // of the symbols' numbers in this segment
};

}  // namespace fastcore
