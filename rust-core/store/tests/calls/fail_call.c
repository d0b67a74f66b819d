// Loaded into the child of tests/calls.rs (LD_PRELOAD): counts the system calls on files below SNAPBACK_CALLS_FOLDER that
// can fail in practice, and lets one of them, or all from one on, fail.
//
// SNAPBACK_CALLS_AT: the number of the call, from 1; 0 for none. SNAPBACK_CALLS_ON: "once" or "from_then_on".
// SNAPBACK_CALLS_ERROR: "EIO" (reads and writes), "ENOSPC" (calls that may need room) or "short" (a write that writes half, as
// one that fills the device does). At the end of the process the number of calls is printed on standard error.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long calls;

static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static int in_folder(const char *path) {
  const char *folder = setting("SNAPBACK_CALLS_FOLDER");
  return *folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_file_in_folder(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return in_folder(path);
}

static int error_is(const char *name) { return strcmp(setting("SNAPBACK_CALLS_ERROR"), name) == 0; }

// Whether it is this call's turn.
static int is_turn(void) {
  long number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  long at = atol(setting("SNAPBACK_CALLS_AT"));
  int is_sticky = strcmp(setting("SNAPBACK_CALLS_ON"), "from_then_on") == 0;
  return at != 0 && (is_sticky ? number >= at : number == at);
}

// Whether this call must fail; then errno is set.
static int fails(int needs_room) {
  if (error_is("short") || (error_is("ENOSPC") && !needs_room) || !is_turn()) return 0;
  errno = error_is("ENOSPC") ? ENOSPC : EIO;
  return 1;
}

// The number of bytes that a write may write.
static size_t allowed(size_t size) {
  return error_is("short") && size > 1 && is_turn() ? size / 2 : size;
}

__attribute__((destructor)) static void report(void) { fprintf(stderr, "calls %ld\n", calls); }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                      \
  int name(const char *path, int flags, ...) {                          \
    va_list more;                                                       \
    va_start(more, flags);                                              \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
    va_end(more);                                                       \
    if (in_folder(path) && fails((flags & O_CREAT) != 0)) return -1;    \
    return REAL(name)(path, flags, mode);                               \
  }
OPEN(open)
OPEN(open64)

#define ON_FILE(result, name, needs_room, parameters, arguments)     \
  result name parameters {                                          \
    if (is_file_in_folder(fd) && fails(needs_room)) return -1;      \
    return REAL(name) arguments;                                    \
  }
ON_FILE(ssize_t, read, 0, (int fd, void *to, size_t size), (fd, to, size))
ON_FILE(ssize_t, pread, 0, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
ON_FILE(ssize_t, pread64, 0, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at))
#define WRITE(name, parameters, arguments)                \
  ssize_t name parameters {                               \
    if (is_file_in_folder(fd)) {                          \
      if (fails(1)) return -1;                            \
      size = allowed(size);                               \
    }                                                     \
    return REAL(name) arguments;                          \
  }
WRITE(write, (int fd, const void *from, size_t size), (fd, from, size))
WRITE(pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
WRITE(pwrite64, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at))
ON_FILE(int, fsync, 1, (int fd), (fd))
ON_FILE(int, fdatasync, 1, (int fd), (fd))
ON_FILE(int, ftruncate, 1, (int fd, off_t size), (fd, size))
ON_FILE(int, ftruncate64, 1, (int fd, off64_t size), (fd, size))

int rename(const char *from, const char *to) {
  if (in_folder(to) && fails(1)) return -1;
  return REAL(rename)(from, to);
}

int unlink(const char *path) {
  if (in_folder(path) && fails(0)) return -1;
  return REAL(unlink)(path);
}
