// Reading a journal: record after record, and past damage to the next sound one.
#include "fastcore/journal/reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "fastcore/archive.hpp"

namespace fastcore {

namespace {

template <class T>
T load(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// What symbol_in gives for a record that makes no sense.
constexpr std::uint32_t symbol_unread = no_symbol - 1;

/// Number of the symbol that a record is about; `symbol_unread` for a payload that does not fit its kind.
std::uint32_t symbol_in(const JournalRecord& record) noexcept {
  const auto at = [&](std::size_t offset) { return load<std::uint32_t>(record.payload + offset); };
  switch (record.kind) {
    case RecordKind::define:
    case RecordKind::make:
      return record.bytes > 4 && is_utf8({record.payload + 4, record.bytes - 4}) && at(0) < most_journal_symbols
                 ? at(0)
                 : symbol_unread;
    case RecordKind::drop: return record.bytes == 4 ? at(0) : symbol_unread;
    case RecordKind::tick: return record.bytes == sizeof(TickRecord) ? at(offsetof(TickRecord, symbol)) : symbol_unread;
    case RecordKind::quote:
      return record.bytes == sizeof(QuoteRecord) ? at(offsetof(QuoteRecord, symbol)) : symbol_unread;
    case RecordKind::bar:
      return record.bytes >= sizeof(BarRecord) &&
                     at(offsetof(BarRecord, clock_bytes)) == record.bytes - sizeof(BarRecord) &&
                     is_utf8({record.payload + sizeof(BarRecord), record.bytes - sizeof(BarRecord)})
                 ? at(offsetof(BarRecord, symbol))
                 : symbol_unread;
    case RecordKind::flush:
    case RecordKind::history:
    case RecordKind::live: return record.bytes == 0 ? no_symbol : symbol_unread;
    case RecordKind::policy: return record.bytes > 4 ? at(0) : symbol_unread;
    case RecordKind::event:
      return record.bytes == sizeof(EventRecord) ? at(offsetof(EventRecord, symbol)) : symbol_unread;
    case RecordKind::note: return is_utf8({record.payload, record.bytes}) ? no_symbol : symbol_unread;
    case RecordKind::message: return record.bytes > 8 ? no_symbol : symbol_unread;
    case RecordKind::row:
      return record.bytes > 8 && is_utf8({record.payload + 8, record.bytes - 8}) ? no_symbol : symbol_unread;
    case RecordKind::none: return symbol_unread;
  }
  return no_symbol;  // of a later version: who reads it decides
}

File open_to_read(const std::string& path) { return File(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

}  // namespace

// ---- a file through a buffer ----

FileWindow::FileWindow(std::string path, File file)
    : path_(std::move(path)), file_(std::move(file)), buffer_(most, '\0') {}

FileWindow::FileWindow(const std::string& path) : FileWindow(path, open_to_read(path)) {
  if (!file_.open()) fail_file(path_, "read", errno);
}

const char* FileWindow::at(std::uint64_t offset, std::size_t bytes) {
  if (offset < start_ || offset + bytes > start_ + length_) {
    start_ = offset;
    length_ = 0;
    while (length_ < most) {
      const ssize_t got =
          ::pread(file_.fd(), buffer_.data() + length_, most - length_, static_cast<off_t>(offset + length_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_file(path_, "read", errno);
      if (got == 0) break;
      length_ += static_cast<std::size_t>(got);
    }
    if (bytes > length_) return nullptr;
  }
  return buffer_.data() + (offset - start_);
}

std::uint64_t FileWindow::skip_hole(std::uint64_t offset) const noexcept {
  const off_t data = ::lseek(file_.fd(), static_cast<off_t>(offset), SEEK_DATA);
  if (data >= 0) return static_cast<std::uint64_t>(data);
  return errno == ENXIO ? std::max(offset, size()) : offset;
}

std::uint64_t FileWindow::size() const noexcept {
  struct stat about{};
  return ::fstat(file_.fd(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

// ---- the folder ----

namespace {

/// Whether a sound record of a segment lies at an offset of its file; then it is in `record`.
bool look_at(FileWindow& window, std::uint64_t offset, std::uint64_t segment, JournalRecord& record) {
  const char* at = window.at(offset, sizeof(RecordHeader));
  if (at == nullptr) return false;
  const auto header = load<RecordHeader>(at);
  const std::size_t payload = payload_of(header.word);
  if (kind_of(header.word) == RecordKind::none || payload > longest_payload) return false;
  if (header.sequence == 0 || header.sequence > most_records) return false;
  at = window.at(offset, record_bytes(payload));
  if (at == nullptr || record_crc(at, record_bytes(payload), segment) != header.crc) return false;
  record = {kind_of(header.word), header.sequence, at + sizeof header, payload};
  return true;
}

/// Where a segment begins whose header does not say it: its first record does; 0 where that is not sound, either.
std::uint64_t first_in(const SegmentInfo& segment) {
  FileWindow window(segment.path);
  JournalRecord record;
  return look_at(window, segment_start, segment.number, record) ? record.sequence : 0;
}

/// Whether a file holds nothing behind the place of its header.
bool is_unused(const std::string& path) {
  FileWindow window(path);
  for (std::uint64_t at = window.skip_hole(segment_start); const char* const p = window.at(at, 1); ++at) {
    if (*p != 0) return false;
  }
  return true;
}

}  // namespace

std::vector<SegmentInfo> survey(const std::string& folder) {
  std::vector<SegmentInfo> all;
  for (const std::uint64_t number : list_segments(folder)) {
    SegmentInfo one;
    one.number = number;
    one.path = folder + "/" + segment_name(number);
    const File file = open_to_read(one.path);
    struct stat about{};
    if (!file.open() && errno == ENOENT) continue;  // removed meanwhile
    if (!file.open() || ::fstat(file.fd(), &about) != 0) fail_file(one.path, "read", errno);
    one.bytes = static_cast<std::uint64_t>(about.st_size);
    char start[segment_start + sizeof(RecordHeader)] = {};
    if (::pread(file.fd(), start, sizeof start, 0) < 0) fail_file(one.path, "read", errno);
    const auto header = load<SegmentHeader>(start);
    one.header = read_header(header, number, one.path);
    if (one.header == HeaderState::sound) {
      one.first = header.first;
    } else if (load<RecordHeader>(start + segment_start).word != 0) {
      one.first = first_in(one);
    }
    const auto mark = load<SyncMark>(start + sizeof(SegmentHeader));
    if (mark.used != 0 && mark.crc == mark_crc(mark)) one.mark = mark;
    all.push_back(std::move(one));
  }
  // What its writer made ahead, or had just begun with, is no segment yet.
  while (!all.empty() && all.back().header != HeaderState::sound && is_unused(all.back().path)) all.pop_back();
  std::uint64_t bound = 0;
  for (auto one = all.rbegin(); one != all.rend(); ++one) {
    one->bound = bound;
    if (one->first != 0 && (bound == 0 || one->first < bound)) bound = one->first;
  }
  return all;
}

std::string JournalDamage::text() const {
  std::string text = segment_name(segment) + ", byte " + std::to_string(offset) + ": " + why;
  if (bytes != 0) text += " (" + std::to_string(bytes) + " bytes)";
  if (missing == 1) text += "; record " + std::to_string(first_missing) + " is missing";
  if (missing > 1) {
    text += "; records " + std::to_string(first_missing) + " to " + std::to_string(first_missing + missing - 1) +
            " are missing";
  }
  return text;
}

// ---- the reader ----

JournalReader::JournalReader(std::string folder, std::uint64_t from) : folder_(std::move(folder)), from_(from) {
  look_again();
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i].first != 0 && segments_[i].first <= from_) current_ = i;
  }
  for (std::size_t i = 0; i < current_; ++i) passed_ += segments_[i].bytes;
}

void JournalReader::look_again() {
  const std::uint64_t number = segments_.empty() ? 0 : segment().number;
  segments_ = survey(folder_);
  total_ = 0;
  for (const SegmentInfo& one : segments_) total_ += one.bytes;
  if (number == 0) return;
  const auto same = std::find_if(segments_.begin(), segments_.end(), [&](const auto& s) { return s.number >= number; });
  current_ = static_cast<std::size_t>(same - segments_.begin());
  removed_ = removed_ || (!open_ && same != segments_.end() && same->number != number);
  if (same == segments_.end() || (open_ && same->number != number))
    throw JournalError(folder_ + "/" + segment_name(number) + " was removed while it was read");
}

JournalReader::Step JournalReader::next() {
  if (segments_.empty()) look_again();
  if (segments_.empty()) return Step::end;
  for (;;) {
    if (segment().bound != 0 && segment().first >= segment().bound) {
      close_segment();  // all of it is void
      continue;
    }
    if (!open_ && !open_segment()) {
      look_again();
      continue;
    }
    const SegmentInfo& here = segment();
    if (expected_ < here.first) {
      const bool kept_short = removed_ || (here.first > from_ && expected_ == from_);
      removed_ = false;
      if (tell(0, here.first, kept_short ? "older records were removed" : "records are missing")) return Step::damage;
    } else if (look(offset_) && fits(record_.sequence)) {
      if (here.bound != 0 && record_.sequence >= here.bound) {
        if (misses_end() && tell(0, here.bound, "records are missing")) return Step::damage;
        close_segment();
        continue;
      }
      if (header_damaged_) {
        header_damaged_ = false;
        damage_ = {here.number, 0, segment_start, 0, 0, "the header is damaged"};
        return Step::damage;
      }
      if (expected_ < record_.sequence) {
        if (tell(0, record_.sequence, "records are missing")) return Step::damage;
        continue;
      }
      const char* const unfit = accept();
      const std::uint64_t bytes = record_bytes(record_.bytes);
      if (unfit != nullptr) {
        const bool told = tell(bytes, expected_ + 1, unfit);
        offset_ += bytes;
        if (told) return Step::damage;
        continue;
      }
      offset_ += bytes;
      ++expected_;
      if (record_.sequence >= from_) return Step::record;
    } else if (const std::uint64_t sound = search(); sound != 0) {
      const std::uint64_t sequence = record_.sequence;
      window_.drop();  // its writer may have finished the record meanwhile
      if (look(offset_) && record_.sequence == expected_) continue;
      const bool told = tell(sound - offset_, sequence, "the bytes are no record");
      offset_ = sound;
      if (told) return Step::damage;
    } else if (here.number == segments_.back().number) {
      look_again();
      window_.drop();
      if (segment().number == segments_.back().number) return Step::end;
    } else {
      const std::uint64_t rest = std::max(here.bytes, offset_) - offset_;
      if (misses_end() && tell(rest, here.bound, "the bytes are no record")) return Step::damage;
      close_segment();
    }
  }
}

bool JournalReader::open_segment() {
  const SegmentInfo& here = segment();
  File file = open_to_read(here.path);
  if (!file.open() && errno == ENOENT) return false;
  if (!file.open()) fail_file(here.path, "read", errno);
  window_ = FileWindow(here.path, std::move(file));
  offset_ = segment_start;
  meanings_.clear();
  header_damaged_ = here.header != HeaderState::sound;
  open_ = true;
  if (expected_ == 0) expected_ = from_ != 0 ? std::min(from_, here.first) : here.first;
  return true;
}

void JournalReader::close_segment() {
  passed_ += segment().bytes;
  offset_ = 0;
  open_ = false;
  ++current_;
}

bool JournalReader::fits(std::uint64_t sequence) noexcept {
  if (expected_ == 0) expected_ = from_ != 0 ? std::min(from_, sequence) : sequence;
  return sequence >= expected_;
}

bool JournalReader::look(std::uint64_t offset) { return look_at(window_, offset, segment().number, record_); }

std::uint64_t JournalReader::search() {
  constexpr std::uint64_t word = 8;
  std::uint64_t zeros_from = offset_;  // where the zeros begin that lie just before
  for (std::uint64_t at = offset_; const char* const p = window_.at(at, word); at += word) {
    if (load<std::uint64_t>(p) == 0) {
      if (at != zeros_from && (at - zeros_from) % FileWindow::most == 0) {
        const std::uint64_t data = window_.skip_hole(at) & ~(word - 1);
        if (data > at) at = data - word;
      }
      continue;
    }
    zeros_from = at + word;
    // What lies between holds at most one record for each header's worth of bytes.
    if (at == offset_ || !follows(at, (at - offset_) / sizeof(RecordHeader))) continue;
    if (is_void()) break;
    return at;
  }
  // Where bytes were lost or came in between, what follows lies anywhere, and more is missing than would fit there.
  const std::uint64_t most_missing = window_.size() / sizeof(RecordHeader);
  for (std::uint64_t at = offset_ + 1; at < zeros_from; ++at) {
    if (!follows(at, most_missing)) continue;
    if (is_void()) break;
    return at;
  }
  torn_ = zeros_from - offset_;
  return 0;
}

bool JournalReader::follows(std::uint64_t at, std::uint64_t most_missing) {
  const char* const header = window_.at(at, sizeof(RecordHeader));
  if (header == nullptr) return false;
  const auto sequence = load<RecordHeader>(header).sequence;
  const bool possible = expected_ == 0 || (sequence >= expected_ && sequence - expected_ <= most_missing);
  return possible && look(at);
}

const char* JournalReader::accept() {
  const std::uint32_t symbol = symbol_in(record_);
  const bool must_have = record_.kind == RecordKind::drop || record_.kind == RecordKind::quote ||
                         record_.kind == RecordKind::bar || record_.kind == RecordKind::policy;
  if (symbol == symbol_unread || (symbol == no_symbol && must_have)) return "the record makes no sense";
  if (record_.kind == RecordKind::define || record_.kind == RecordKind::make)
    define(symbol, {record_.payload + sizeof symbol, record_.bytes - sizeof symbol});
  subject_ = name_of(symbol);
  return symbol != no_symbol && subject_ == no_symbol ? "the record is of a symbol without a name" : nullptr;
}

void JournalReader::define(std::uint32_t symbol, std::string_view name) {
  const auto [known, fresh] = numbers_.emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (fresh) names_.emplace_back(name);
  meanings_.set(symbol, known->second);
}

bool JournalReader::tell(std::uint64_t bytes, std::uint64_t next, const char* why) {
  damage_ = {segment().number, offset_, bytes, expected_, next - expected_, why};
  expected_ = next;
  return next > from_;
}

}  // namespace fastcore
