// Loaded with LD_PRELOAD: kills the process at the WEIR_TEST_KILL_AT-th call that changes a file or
// a folder, before the call is made. Writes to terminals, pipes and sockets do not count.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

// The environment is looked at each time: a fork server's child (fork_server.c) has one of its own.
static void Count(void) {
  const char* text = getenv("WEIR_TEST_KILL_AT");
  const long kill_at = text == NULL ? 0 : atol(text);
  if (kill_at > 0 && atomic_fetch_add(&calls, 1) + 1 >= kill_at) kill(getpid(), SIGKILL);
}

static void CountFile(int fd) {
  struct stat info;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) Count();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void* data, size_t n) {
  CountFile(fd);
  return REAL(write)(fd, data, n);
}
ssize_t pwrite(int fd, const void* data, size_t n, off_t at) {
  CountFile(fd);
  return REAL(pwrite)(fd, data, n, at);
}
ssize_t pwrite64(int fd, const void* data, size_t n, off64_t at) {
  CountFile(fd);
  return REAL(pwrite64)(fd, data, n, at);
}
ssize_t writev(int fd, const struct iovec* parts, int n) {
  CountFile(fd);
  return REAL(writev)(fd, parts, n);
}
int fsync(int fd) {
  Count();
  return REAL(fsync)(fd);
}
int fdatasync(int fd) {
  Count();
  return REAL(fdatasync)(fd);
}
int ftruncate(int fd, off_t size) {
  Count();
  return REAL(ftruncate)(fd, size);
}
int rename(const char* from, const char* to) {
  Count();
  return REAL(rename)(from, to);
}
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  Count();
  return REAL(renameat2)(a, from, b, to, flags);
}
int link(const char* from, const char* to) {
  Count();
  return REAL(link)(from, to);
}
int linkat(int a, const char* from, int b, const char* to, int flags) {
  Count();
  return REAL(linkat)(a, from, b, to, flags);
}
int unlink(const char* path) {
  Count();
  return REAL(unlink)(path);
}
int mkdir(const char* path, mode_t mode) {
  Count();
  return REAL(mkdir)(path, mode);
}
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (flags & (O_CREAT | O_TRUNC)) Count();
  return REAL(open)(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (flags & (O_CREAT | O_TRUNC)) Count();
  return REAL(open64)(path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (flags & (O_CREAT | O_TRUNC)) Count();
  return REAL(openat)(folder, path, flags, mode);
}
