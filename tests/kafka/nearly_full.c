// Loaded with LD_PRELOAD: the disk has as many free bytes as the file WEIR_TEST_FREE_BYTES says.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

static unsigned long FreeBlocks(unsigned long block_bytes, unsigned long blocks) {
  const char* path = getenv("WEIR_TEST_FREE_BYTES");
  FILE* file = path == NULL ? NULL : fopen(path, "r");
  if (file == NULL) return blocks;
  unsigned long bytes = 0;
  if (fscanf(file, "%lu", &bytes) == 1) blocks = bytes / block_bytes;
  fclose(file);
  return blocks;
}

int statvfs(const char* path, struct statvfs* info) {
  const int result = ((__typeof__(&statvfs))dlsym(RTLD_NEXT, "statvfs"))(path, info);
  if (result == 0) info->f_bavail = FreeBlocks(info->f_frsize, info->f_bavail);
  return result;
}

int statvfs64(const char* path, struct statvfs64* info) {
  const int result = ((__typeof__(&statvfs64))dlsym(RTLD_NEXT, "statvfs64"))(path, info);
  if (result == 0) info->f_bavail = FreeBlocks(info->f_frsize, info->f_bavail);
  return result;
}
