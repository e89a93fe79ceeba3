// The file of a segment while it is written.
#include "fastcore/journal/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fastcore {

namespace {

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

}  // namespace

const char* kind_name(RecordKind kind) noexcept {
  switch (kind) {
    case RecordKind::define: return "define";
    case RecordKind::make: return "make";
    case RecordKind::drop: return "drop";
    case RecordKind::tick: return "tick";
    case RecordKind::quote: return "quote";
    case RecordKind::bar: return "bar";
    case RecordKind::flush: return "flush";
    case RecordKind::policy: return "policy";
    case RecordKind::history: return "history";
    case RecordKind::live: return "live";
    case RecordKind::event: return "event";
    case RecordKind::note: return "note";
    case RecordKind::message: return "message";
    case RecordKind::row: return "row";
    case RecordKind::none: break;
  }
  return nullptr;
}

HeaderState read_header(const SegmentHeader& header, std::uint64_t segment, const std::string& path) {
  static constexpr SegmentHeader blank{};
  if (std::memcmp(&header, &blank, sizeof header) == 0) return HeaderState::blank;
  if (std::memcmp(header.magic, segment_magic, sizeof segment_magic) != 0 || header.crc != header_crc(header) ||
      header.segment != segment) {
    return HeaderState::damaged;
  }
  if (header.version > journal_version) {
    throw JournalError(path + " has format " + std::to_string(header.version) + ", this fastcore reads up to " +
                       std::to_string(journal_version) + ": it was written by a newer one");
  }
  const bool numbers = header.header_bytes == segment_start && header.first != 0 && header.first <= most_records;
  return numbers ? HeaderState::sound : HeaderState::damaged;
}

Segment::Segment(const std::string& folder, std::uint64_t number, std::size_t bytes)
    : path_(folder + "/" + segment_name(number)), number_(number), bytes_(bytes) {
  file_ = File(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file_.open()) fail_file(path_, "made", errno);
  int error = ::posix_fallocate(file_.fd(), 0, static_cast<off_t>(bytes));
  void* const data =
      error == 0 ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.fd(), 0) : MAP_FAILED;
  if (error == 0 && data == MAP_FAILED) error = errno;
  if (error == 0) {
    data_ = static_cast<char*>(data);
    error = sync_folder(folder);
  }
  if (error != 0) {
    remove();
    fail_file(path_, "made", error);
  }
}

Segment::~Segment() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

void Segment::begin(std::uint64_t first) noexcept {
  first_ = first;
  SegmentHeader header{};
  std::memcpy(header.magic, segment_magic, sizeof segment_magic);
  header.version = journal_version;
  header.header_bytes = segment_start;
  header.segment = number_;
  header.first = first;
  header.bytes = bytes_;
  header.crc = header_crc(header);
  std::memcpy(data_, &header, sizeof header);
}

int Segment::sync(std::size_t used, std::uint64_t sequence) noexcept {
  if (::fdatasync(file_.fd()) != 0) return errno;
  SyncMark mark{used, sequence, 0, 0};
  mark.crc = mark_crc(mark);
  std::memcpy(data_ + sizeof(SegmentHeader), &mark, sizeof mark);
  return 0;
}

void Segment::prepare(std::size_t from, std::size_t bytes) noexcept {
  constexpr std::size_t page = 4096;
  const std::size_t begin = std::min(from & ~(page - 1), bytes_);
  const std::size_t end = std::min(from + bytes, bytes_);
  if (begin < end) ::madvise(data_ + begin, end - begin, MADV_POPULATE_WRITE);  // where the kernel knows how
}

int Segment::close(std::size_t used) noexcept {
  ::munmap(data_, bytes_);
  data_ = nullptr;
  int error = ::ftruncate(file_.fd(), static_cast<off_t>(used)) == 0 ? 0 : errno;
  if (::fdatasync(file_.fd()) != 0) error = errno;
  file_ = File();
  return error;
}

void Segment::remove() noexcept {
  if (data_ != nullptr) ::munmap(data_, bytes_);
  data_ = nullptr;
  file_ = File();
  ::unlink(path_.c_str());
}

}  // namespace fastcore
