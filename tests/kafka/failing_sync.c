// Loaded with LD_PRELOAD: fdatasync fails with EIO as long as the file WEIR_TEST_FAIL_SYNC exists, as it
// does on a disk that dies.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd) {
  const char* switch_file = getenv("WEIR_TEST_FAIL_SYNC");
  if (switch_file != NULL && access(switch_file, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  return ((__typeof__(&fdatasync))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
