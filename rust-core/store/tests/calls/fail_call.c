// Loaded into the child of tests/calls.rs (LD_PRELOAD): counts the system calls on files below SNAPBACK_CALLS_FOLDER that
// can fail in practice, and lets one of them, or all from one on, fail.
//
// SNAPBACK_CALLS_AT: the number of the call, from 1; 0 for none. SNAPBACK_CALLS_ON: "once" or "from_then_on".
// SNAPBACK_CALLS_ERROR: "EIO" (reads and writes) or "ENOSPC" (calls that may need room). At the end of the process the
// number of calls is printed on standard error.
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

// Whether this call must fail; then errno is set.
static int fails(int needs_room) {
  int is_full = strcmp(setting("SNAPBACK_CALLS_ERROR"), "ENOSPC") == 0;
  if (is_full && !needs_room) return 0;
  long number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  long at = atol(setting("SNAPBACK_CALLS_AT"));
  int is_sticky = strcmp(setting("SNAPBACK_CALLS_ON"), "from_then_on") == 0;
  if (at == 0 || !(is_sticky ? number >= at : number == at)) return 0;
  errno = is_full ? ENOSPC : EIO;
  return 1;
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
ON_FILE(ssize_t, write, 1, (int fd, const void *from, size_t size), (fd, from, size))
ON_FILE(ssize_t, pwrite, 1, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
ON_FILE(ssize_t, pwrite64, 1, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at))
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
