// Files of a journal by name, the writer's lock, and files written whole or not at all.
#include "fastcore/journal/folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

namespace fastcore {

namespace {

constexpr std::string_view segment_prefix = "journal-";
constexpr std::string_view segment_suffix = ".fcj";
constexpr std::string_view snapshot_prefix = "snapshot-";
constexpr std::string_view snapshot_suffix = ".fcs";
constexpr std::string_view lock_name = "lock";

std::string numbered(std::string_view prefix, std::uint64_t number, std::size_t digits, std::string_view suffix) {
  std::string text = std::to_string(number);
  text.insert(0, digits - std::min(digits, text.size()), '0');
  return std::string(prefix) + text + std::string(suffix);
}

/// The number between prefix and suffix; `none` for another name.
std::uint64_t number_in(std::string_view name, std::string_view prefix, std::string_view suffix,
                        std::uint64_t none) noexcept {
  if (name.size() <= prefix.size() + suffix.size() || name.substr(0, prefix.size()) != prefix ||
      name.substr(name.size() - suffix.size()) != suffix) {
    return none;
  }
  const std::string_view digits = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  std::uint64_t number = 0;
  if (digits.size() > 20) return none;
  for (const char c : digits) {
    if (c < '0' || c > '9') return none;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

std::vector<std::string> list(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> all(opendir(folder.c_str()), closedir);
  if (!all) {
    throw JournalError(errno == ENOENT    ? "there is no journal " + folder
                       : errno == ENOTDIR ? folder + " is a file; a journal is a folder"
                                          : "the journal " + folder + " cannot be read: " + error_text(errno));
  }
  std::vector<std::string> names;
  while (const dirent* const entry = readdir(all.get())) names.emplace_back(entry->d_name);
  return names;
}

std::vector<std::uint64_t> list(const std::string& folder, std::string_view prefix, std::string_view suffix) {
  constexpr auto none = ~std::uint64_t{0};
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : list(folder)) {
    const std::uint64_t number = number_in(name, prefix, suffix, none);
    if (number != none) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace

std::string error_text(int error) { return std::generic_category().message(error); }

void fail_file(const std::string& path, const char* what, int error) {
  throw JournalError(path + " cannot be " + what + ": " + error_text(error));
}

std::string segment_name(std::uint64_t number) { return numbered(segment_prefix, number, 8, segment_suffix); }
std::uint64_t segment_number(const std::string& name) noexcept {
  return number_in(name, segment_prefix, segment_suffix, 0);
}
std::string snapshot_name(std::uint64_t sequence) { return numbered(snapshot_prefix, sequence, 20, snapshot_suffix); }

std::vector<std::uint64_t> list_segments(const std::string& folder) {
  std::vector<std::uint64_t> numbers = list(folder, segment_prefix, segment_suffix);
  if (!numbers.empty() && numbers.front() == 0) numbers.erase(numbers.begin());  // segments count from 1
  return numbers;
}
std::vector<std::uint64_t> list_snapshots(const std::string& folder) {
  return list(folder, snapshot_prefix, snapshot_suffix);
}

void write_whole(const std::string& path, std::string_view bytes) {
  const Replacing result = replace_file(path, bytes);
  if (result.error != 0) fail_file(path, result.step == Replacing::Step::folder ? "synced" : "written", result.error);
}

void sweep(const std::string& folder) {
  for (const std::string& name : list(folder)) {
    const std::size_t at = name.size() - std::min(name.size(), part_suffix.size());
    if (name.compare(0, snapshot_prefix.size(), snapshot_prefix) == 0 &&
        name.compare(at, std::string::npos, part_suffix) == 0) {
      ::unlink(std::string(folder).append("/").append(name).c_str());
    }
  }
}

std::string read_whole(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about{};
  if (!file.open() || ::fstat(file.fd(), &about) != 0) fail_file(path, "read", errno);
  std::string bytes(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t got = ::pread(file.fd(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_file(path, "read", errno);
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  bytes.resize(at);
  return bytes;
}

FolderLock::FolderLock(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0755) == 0) {
    sync_folder(parent_of(folder));
  } else if (errno != EEXIST) {
    throw JournalError("the journal " + folder + " cannot be made: " + error_text(errno));
  }
  struct stat about{};
  if (::stat(folder.c_str(), &about) == 0 && !S_ISDIR(about.st_mode))
    throw JournalError(folder + " is a file; a journal is a folder");
  const std::string path = folder + "/" + std::string(lock_name);
  file_ = File(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file_.open()) throw JournalError("the journal " + folder + " cannot be written: " + error_text(errno));
  if (::flock(file_.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail_file(path, "locked", errno);
    char holder[32] = {};
    const ssize_t got = ::pread(file_.fd(), holder, sizeof holder - 1, 0);
    const std::string who = got > 0 ? " (process " + std::string(holder, static_cast<std::size_t>(got)) + ")" : "";
    throw JournalError("the journal " + folder + " has a writer already" + who + ": one journal, one writer");
  }
  const std::string me = std::to_string(::getpid());
  // Only for the sentence above: a full disk does not keep a writer from its lock.
  const bool named = ::ftruncate(file_.fd(), 0) == 0 && ::pwrite(file_.fd(), me.data(), me.size(), 0) > 0;
  static_cast<void>(named);
}

}  // namespace fastcore
