/* Faults on demand, in the calls that a program makes of the system: loaded before the C library, it counts those
 * on files below one folder and makes one of them fail, fall short, or be the last thing that the process does.
 * What is tested is the program as it is; it asks for a fault with `faults_arm`, which it finds by name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum fault { none = 0, fail = 1, kill_before = 2, kill_torn = 3, short_once = 4, short_always = 5 };

static char folder[4096];
static size_t folder_length;
static int kind, code, log_to = -1;
static long at, calls;

/* Make call number `number` (from 1) on files below `where` meet a fault of that kind; 0 for none of them.
 * `error` is the errno of a failure; each call's name goes to the descriptor `log`, if it is one. */
void faults_arm(const char* where, long number, int fault, int error, int log) {
  folder_length = strlen(where) < sizeof folder ? strlen(where) : 0;
  memcpy(folder, where, folder_length);
  at = number;
  kind = fault;
  code = error;
  log_to = log;
  calls = 0;
}

/* Calls on files below the folder since. */
long faults_calls(void) { return calls; }

static int below(const char* path) { return folder_length > 0 && strncmp(path, folder, folder_length) == 0; }

static int below_fd(int fd) {
  char name[64], path[sizeof folder + 256];
  if (folder_length == 0) return 0;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(name, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = '\0';
  return below(path);
}

/* The fault that this call is to meet. */
static int meet(const char* call) {
  ++calls;
  if (log_to >= 0) dprintf(log_to, "%s\n", call);
  if (calls != at && kind != short_always) return none;
  if (kind == kill_before || (kind == kill_torn && strcmp(call, "write") != 0)) kill(getpid(), SIGKILL);
  if (kind == fail) errno = code;
  return kind;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t some(int fd, const void* bytes, size_t count, int fault) {
  const size_t part = fault == short_always ? (count > 1000 ? 1000 : count) : count / 2;
  const ssize_t done = NEXT(write)(fd, bytes, fault == none ? count : part > 0 ? part : 1);
  if (fault == kill_torn) kill(getpid(), SIGKILL);
  return done;
}

ssize_t write(int fd, const void* bytes, size_t count) {
  const int fault = below_fd(fd) ? meet("write") : none;
  return fault == fail ? -1 : some(fd, bytes, count, fault);
}

static int opened(const char* path, int flags, mode_t mode) {
  if (below(path) && meet((flags & O_DIRECTORY) != 0 ? "open folder" : "open") == fail) return -1;
  return openat(AT_FDCWD, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened(path, flags, mode);
}

#define OF_FD(name, arguments, values, here) \
  int name arguments { return (here) && meet(#name) == fail ? -1 : NEXT(name) values; }

OF_FD(fsync, (int fd), (fd), below_fd(fd))
OF_FD(fdatasync, (int fd), (fd), below_fd(fd))
OF_FD(ftruncate, (int fd, off_t size), (fd, size), below_fd(fd))
OF_FD(ftruncate64, (int fd, off64_t size), (fd, size), below_fd(fd))
OF_FD(flock, (int fd, int how), (fd, how), below_fd(fd))
OF_FD(fchmod, (int fd, mode_t mode), (fd, mode), below_fd(fd))
OF_FD(rename, (const char* from, const char* to), (from, to), below(to))
OF_FD(unlink, (const char* path), (path), below(path))

/* These two give their error, and leave errno alone. */
int posix_fallocate(int fd, off_t from, off_t size) {
  return below_fd(fd) && meet("posix_fallocate") == fail ? code : NEXT(posix_fallocate)(fd, from, size);
}
int posix_fallocate64(int fd, off64_t from, off64_t size) {
  return below_fd(fd) && meet("posix_fallocate") == fail ? code : NEXT(posix_fallocate64)(fd, from, size);
}
