// Files that are written whole or not at all.
#include "fastcore/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace fastcore {

namespace {

/// Opens the part, empty, with nobody else in it. Returns an errno, 0 for none.
int open_part(const std::string& part, mode_t mode, File& file) {
  for (;;) {
    // Without waiting: to open a pipe that someone has put there would wait for its reader.
    file = File(::open(part.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode));
    if (!file.open()) return errno == ENXIO ? EINVAL : errno;
    while (::flock(file.fd(), LOCK_EX) != 0) {
      if (errno != EINTR) return errno;
    }
    struct stat held{};
    struct stat named{};
    if (::fstat(file.fd(), &held) != 0) return errno;
    if (!S_ISREG(held.st_mode)) return EINVAL;
    // Whoever held it before has renamed or removed it by now.
    if (::stat(part.c_str(), &named) != 0 || named.st_ino != held.st_ino || named.st_dev != held.st_dev) continue;
    if (::ftruncate(file.fd(), 0) == 0) return 0;
    const int error = errno;
    ::unlink(part.c_str());
    return error;
  }
}

int sync(int fd) noexcept {
  while (::fsync(fd) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = other.release();
  return *this;
}
File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

int write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    if (done == 0) return EIO;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return 0;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

int sync_folder(const std::string& folder) noexcept {
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file.open() ? sync(file.fd()) : errno;
}

Replacing replace_file(const std::string& path, std::string_view bytes) {
  using Step = Replacing::Step;
  struct stat old{};
  const bool there = ::stat(path.c_str(), &old) == 0;
  if (there && !S_ISREG(old.st_mode)) return {S_ISDIR(old.st_mode) ? EISDIR : EINVAL, Step::target};
  const std::unique_ptr<char, decltype(&std::free)> real(there ? ::realpath(path.c_str(), nullptr) : nullptr,
                                                         &std::free);
  const std::string target = real ? real.get() : path;
  const std::string part = target + std::string(part_suffix);
  File file;
  // One that a crash leaves must open again, whatever the mode in the end.
  int error = open_part(part, there ? (old.st_mode & 0777) | 0200 : 0666, file);
  if (error != 0) return {error, Step::part};
  Step step = Step::write;
  error = write_all(file.fd(), bytes);
  if (error == 0 && there && ::fchmod(file.fd(), old.st_mode & 07777) != 0) error = errno;
  if (error == 0) {
    step = Step::sync;
    error = sync(file.fd());
  }
  if (error == 0) {
    step = Step::rename;
    if (::rename(part.c_str(), target.c_str()) != 0) error = errno;
  }
  if (error != 0) {
    ::unlink(part.c_str());
    return {error, step};
  }
  error = sync_folder(parent_of(target));
  return {error, error == 0 ? Step::none : Step::folder};
}

}  // namespace fastcore
