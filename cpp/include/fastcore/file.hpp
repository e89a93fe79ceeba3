// Files: a descriptor that closes itself, and files that are written whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace fastcore {

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int fd = -1) noexcept : fd_(fd) {}
  File(File&& other) noexcept : fd_(other.release()) {}
  File& operator=(File&& other) noexcept;
  ~File();
  int fd() const noexcept { return fd_; }
  bool open() const noexcept { return fd_ >= 0; }
  int release() noexcept {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

/// Writes all of `bytes`, in as many calls as it takes. Returns an errno, 0 for none.
int write_all(int fd, std::string_view bytes) noexcept;
/// The folder that holds `path`: "." for a bare name.
std::string parent_of(const std::string& path);
/// Makes the names in a folder durable. Returns an errno, 0 for none.
int sync_folder(const std::string& folder) noexcept;

/// What a file that is being replaced is called until it is whole: its name and this.
inline constexpr std::string_view part_suffix = ".part";

/// What became of a file that was to be replaced.
struct Replacing {
  enum class Step { none, target, part, write, sync, rename, folder };
  int error = 0;           ///< an errno; 0: the new file is there, and outlasts a loss of power
  Step step = Step::none;  ///< what failed; before `folder`, the old file is as it was and nothing lies beside it
};

/// Puts `bytes` into a file by way of "<path>.part": write, fsync, rename, fsync of the folder. A crash at any step
/// leaves the old file or the new one; what it leaves of the other is begun anew by the next call, and two callers
/// wait for each other. Keeps the mode of the old file, follows a link, and refuses what is no regular file.
Replacing replace_file(const std::string& path, std::string_view bytes);

}  // namespace fastcore
