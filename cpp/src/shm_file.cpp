// The life of a segment's file: making, locking, taking over, opening, removing.
#include "fastcore/ipc/shm_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "fastcore/ipc/broadcast_ring.hpp"
#include "fastcore/ipc/wait.hpp"

namespace fastcore {

namespace {

constexpr const char* prefix = "fastcore.";

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd) noexcept : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// The files that hold a writer's lock. A forked child inherits the open files, and would keep the lock after
/// its parent's death; so it closes them first of all.
class Owners {
 public:
  static Owners& all() {
    static Owners owners;
    return owners;
  }
  void add(Mapping* mapping) {
    const std::lock_guard<std::mutex> lock(mutex_);
    mappings_.push_back(mapping);
  }
  void remove(Mapping* mapping) {
    const std::lock_guard<std::mutex> lock(mutex_);
    mappings_.erase(std::remove(mappings_.begin(), mappings_.end(), mapping), mappings_.end());
  }

 private:
  Owners() {
    pthread_atfork([] { all().mutex_.lock(); }, [] { all().mutex_.unlock(); }, [] { all().forget(); });
  }
  void forget() {
    for (Mapping* mapping : mappings_) mapping->close_file();
    mappings_.clear();
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::vector<Mapping*> mappings_;
};

std::string reason() { return std::system_category().message(errno); }

std::string subject(const std::string& path) { return "the segment " + path; }

struct flock whole_file(short kind) noexcept {
  struct flock lock{};
  lock.l_type = kind;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool lock_for_writing(int fd) noexcept {
  struct flock lock = whole_file(F_WRLCK);
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

struct stat status_of(int fd) noexcept {
  struct stat status{};
  fstat(fd, &status);
  return status;
}

/// Whether a path leads to the file that is open.
bool leads_to(const std::string& path, int fd) noexcept {
  struct stat there{};
  if (lstat(path.c_str(), &there) != 0) return false;
  const struct stat here = status_of(fd);
  return there.st_ino == here.st_ino && there.st_dev == here.st_dev;
}

/// Memory holds the open file that it was mapped from, in a forked child too, and with it a lock; so what is mapped
/// is opened once more.
std::shared_ptr<Mapping> map_whole(File& file, std::size_t bytes, int protection, const std::string& path) {
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  const File mapped(::open(self.c_str(), ((protection & PROT_WRITE) != 0 ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  if (mapped.get() < 0) throw ShmError(subject(path) + " cannot be opened again to be mapped: " + reason());
  void* const base = mmap(nullptr, bytes, protection, MAP_SHARED | MAP_POPULATE, mapped.get(), 0);
  if (base == MAP_FAILED) throw ShmError(subject(path) + " cannot be mapped: " + reason());
  return std::make_shared<Mapping>(file.release(), base, bytes);
}

SegmentLive& live_of(const Mapping& mapping) noexcept {
  return *reinterpret_cast<SegmentLive*>(mapping.base() + SegmentLayout::live_at);
}

/// Becomes the writer of a mapped segment whose lock this process holds.
void begin_epoch(const std::shared_ptr<Mapping>& mapping) {
  SegmentLive& live = live_of(*mapping);
  live.writer.store(static_cast<std::uint64_t>(getpid()), std::memory_order_relaxed);
  live.heartbeat.store(coarse_now(), std::memory_order_relaxed);
  live.epoch.store(live.epoch.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  live.state.store(static_cast<std::uint64_t>(SegmentState::open), std::memory_order_release);
  Owners::all().add(mapping.get());
  prepare_to_wake();
}

std::string megabytes(std::uint64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text.data();
}

[[noreturn]] void no_room(const std::string& path, const std::string& folder, std::uint64_t needed) {
  struct statvfs space{};
  std::string left;
  if (statvfs(folder.c_str(), &space) == 0)
    left = ", which has " + megabytes(std::uint64_t{space.f_bavail} * space.f_frsize) + " left";
  throw ShmError(subject(path) + " needs " + megabytes(needed) + " of " + folder + left +
                 ": ask for fewer or smaller messages, or make the file system larger");
}

/// Takes the room at once: a page that is missing later is a SIGBUS in the middle of a message.
void allocate(int fd, const std::string& path, const std::string& folder, std::size_t bytes) {
  struct statvfs space{};
  if (fstatvfs(fd, &space) == 0 && std::uint64_t{space.f_bavail} * space.f_frsize < bytes) no_room(path, folder, bytes);
  int fault = 0;
  do {
    fault = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (fault == EINTR);
  if (fault == ENOSPC) no_room(path, folder, bytes);
  if (fault != 0) {
    throw ShmError(subject(path) + " cannot be given " + megabytes(bytes) + ": " +
                   std::system_category().message(fault));
  }
}

/// A new segment under its name, or null when another process was faster.
std::shared_ptr<Mapping> make_segment(const std::string& folder, const std::string& path, const SegmentSpec& spec,
                                      unsigned mode) {
  std::array<unsigned char, SegmentLayout::page> header{};
  write_header(spec, header.data());  // before anything is made
  File file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  if (file.get() < 0) throw ShmError(subject(path) + " cannot be made: " + reason());
  const int fd = file.get();
  const SegmentLayout layout(spec);
  allocate(fd, path, folder, layout.bytes);
  if (!lock_for_writing(fd)) throw ShmError(subject(path) + " cannot be locked: " + reason());
  auto mapping = map_whole(file, layout.bytes, PROT_READ | PROT_WRITE, path);
  std::memcpy(mapping->base(), header.data(), header.size());
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  live_of(*mapping).created.store(
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec),
      std::memory_order_relaxed);
  begin_epoch(mapping);
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return mapping;
  if (errno == EEXIST) return nullptr;
  throw ShmError(subject(path) + " cannot be given its name: " + reason());
}

/// The process that writes, by what the segment says.
std::string writer_of(int fd) {
  std::uint64_t pid = 0;
  constexpr auto at = SegmentLayout::live_at + offsetof(SegmentLive, writer);
  if (pread(fd, &pid, sizeof pid, at) != sizeof pid) return "another process";
  return "process " + std::to_string(pid);
}

/// The header of an open file, as far as there is one.
std::string first_page(int fd) {
  std::string page(SegmentLayout::page, '\0');
  const ssize_t got = pread(fd, page.data(), page.size(), 0);
  page.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return page;
}

SegmentSpec spec_of(int fd, const std::string& path) {
  const std::string page = first_page(fd);
  const auto bytes = static_cast<std::uint64_t>(status_of(fd).st_size);
  return read_header(reinterpret_cast<const unsigned char*>(page.data()), page.size(), bytes, subject(path));
}

/// The same, or nothing for one that is damaged or of another version.
std::optional<SegmentSpec> sound_spec_of(int fd, const std::string& path) {
  try {
    return spec_of(fd, path);
  } catch (const ShmError&) {
    return std::nullopt;
  }
}

/// Tells the readers of a segment whose lock this process holds that nothing more comes.
void retire(int fd, const SegmentSpec& spec, const std::string& path) {
  File file(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  const auto mapping = map_whole(file, SegmentLayout(spec).bytes, PROT_READ | PROT_WRITE, path);
  RingWriter<>(mapping->base(), spec).finish(SegmentState::replaced);
}

enum class Claim { missing, mine, busy, moved };

/// Opens the file at a path and takes its lock.
Claim claim(const std::string& path, int& fd) {
  fd = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return Claim::missing;
  if (fd < 0) throw ShmError(subject(path) + " cannot be opened for writing: " + reason());
  if (!S_ISREG(status_of(fd).st_mode)) {
    ::close(fd);
    throw ShmError(subject(path) + " is no file");
  }
  if (!lock_for_writing(fd)) return Claim::busy;
  return leads_to(path, fd) ? Claim::mine : Claim::moved;
}

}  // namespace

Mapping::~Mapping() {
  Owners::all().remove(this);
  close_file();
  munmap(base_, bytes_);
}

void Mapping::close_file() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string segment_path(const std::string& folder, const std::string& name) {
  check_segment_name(name);
  return folder + "/" + prefix + name;
}

OwnedSegment create_segment(const std::string& folder, const std::string& name, const SegmentSpec& spec,
                            unsigned mode) {
  const std::string path = segment_path(folder, name);
  for (int tries = 0; tries < 100; ++tries) {
    int fd = -1;
    const Claim claimed = claim(path, fd);
    File file(fd);
    if (claimed == Claim::moved) continue;
    if (claimed == Claim::missing) {
      if (auto mapping = make_segment(folder, path, spec, mode)) return {std::move(mapping), spec, false};
      continue;
    }
    if (claimed == Claim::busy)
      throw ShmBusyError(subject(path) + " has a writer, " + writer_of(fd) + ": a ring has one writer at a time");
    if (!is_segment(first_page(fd)))
      throw ShmError(subject(path) +
                     " is no segment of fastcore: it does not begin as one; remove it, or take another name");
    const std::optional<SegmentSpec> there = sound_spec_of(fd, path);
    if (there && *there == spec) {
      auto mapping = map_whole(file, SegmentLayout(spec).bytes, PROT_READ | PROT_WRITE, path);
      begin_epoch(mapping);
      return {std::move(mapping), spec, true};
    }
    if (there) retire(fd, *there, path);  // else damaged or of another version, and nobody writes to it
    ::unlink(path.c_str());
  }
  throw ShmBusyError(subject(path) + " is made and removed by other processes all the time");
}

OwnedSegment attach_segment(const std::string& folder, const std::string& name) {
  const std::string path = segment_path(folder, name);
  File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT)
    throw ShmMissingError("there is no segment " + path + ": its writer has not made it yet, or has closed it");
  if (file.get() < 0) throw ShmError(subject(path) + " cannot be opened: " + reason());
  if (!S_ISREG(status_of(file.get()).st_mode)) throw ShmError(subject(path) + " is no file");
  OwnedSegment found;
  found.spec = spec_of(file.get(), path);
  found.mapping = map_whole(file, SegmentLayout(found.spec).bytes, PROT_READ, path);
  return found;
}

std::shared_ptr<Mapping> map_bell(const std::string& folder, const std::string& name, const Mapping& segment) {
  const std::string path = segment_path(folder, name);
  File file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return nullptr;
  const struct stat mine = status_of(segment.fd());
  const struct stat found = status_of(file.get());
  if (mine.st_ino != found.st_ino || mine.st_dev != found.st_dev) return nullptr;
  void* const base = mmap(nullptr, SegmentLayout::page, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(),
                          static_cast<off_t>(SegmentLayout::bell_at));
  if (base == MAP_FAILED) return nullptr;
  return std::make_shared<Mapping>(-1, base, SegmentLayout::page);
}

bool has_writer(const Mapping& segment) noexcept {
  struct flock lock = whole_file(F_WRLCK);
  return fcntl(segment.fd(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool has_name(const Mapping& segment) noexcept { return status_of(segment.fd()).st_nlink > 0; }

void unlink_segment(const std::string& folder, const std::string& name, const Mapping& segment) noexcept {
  const std::string path = folder + "/" + prefix + name;
  if (leads_to(path, segment.fd())) ::unlink(path.c_str());
}

bool remove_segment(const std::string& folder, const std::string& name) {
  const std::string path = segment_path(folder, name);
  int fd = -1;
  const Claim claimed = claim(path, fd);
  const File file(fd);
  if (claimed == Claim::missing) throw ShmMissingError("there is no segment " + path);
  if (claimed != Claim::mine) return false;
  if (const std::optional<SegmentSpec> spec = sound_spec_of(fd, path)) retire(fd, *spec, path);
  if (::unlink(path.c_str()) != 0) throw ShmError(subject(path) + " cannot be removed: " + reason());
  return true;
}

std::vector<std::string> segment_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator(folder, fault)) {
    const std::string file = entry.path().filename().string();
    if (file.rfind(prefix, 0) != 0) continue;
    std::string name = file.substr(std::strlen(prefix));
    if (is_segment_name(name)) names.push_back(std::move(name));
  }
  if (fault) throw ShmError("the folder " + folder + " cannot be read: " + fault.message());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace fastcore
