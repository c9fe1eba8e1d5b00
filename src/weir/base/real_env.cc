// RealEnv: Env on POSIX/Linux system calls.

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "weir/base/cgroup.h"
#include "weir/base/env.h"
#include "weir/base/errno_error.h"

namespace weir {
namespace {

int64_t MicrosOf(const timespec& t) { return int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000; }

int64_t NanosOf(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// Time that the process's threads slept within reads, writes and syncs. The kernel's own count
// (delayacct_blkio_ticks) is off by default since Linux 5.14. A thread that was only preempted did
// not give up its core by itself: that is no wait for storage.
std::atomic<int64_t> storage_wait_ns{0};

class StorageWait {
 public:
  StorageWait() : wall_(NanosOf(CLOCK_MONOTONIC)), cpu_(NanosOf(CLOCK_THREAD_CPUTIME_ID)) {}
  ~StorageWait() {
    if (Sleeps() == sleeps_) return;
    const int64_t off = NanosOf(CLOCK_MONOTONIC) - wall_ - NanosOf(CLOCK_THREAD_CPUTIME_ID) + cpu_;
    if (off > 0) storage_wait_ns.fetch_add(off, std::memory_order_relaxed);
  }
  StorageWait(const StorageWait&) = delete;
  StorageWait& operator=(const StorageWait&) = delete;

 private:
  static int64_t Sleeps() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  }

  const int64_t sleeps_ = Sleeps();
  const int64_t wall_;
  const int64_t cpu_;
};

class PosixFile : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<size_t> ReadAt(uint64_t offset, void* buffer, size_t n) override {
    StorageWait wait;
    size_t done = 0;
    while (done < n) {
      const ssize_t got = pread(fd_, static_cast<char*>(buffer) + done, n - done,
                                static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoError(errno, "read", path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Status WriteAt(uint64_t offset, const void* buffer, size_t n) override {
    StorageWait wait;
    size_t done = 0;
    while (done < n) {
      const ssize_t put = pwrite(fd_, static_cast<const char*>(buffer) + done, n - done,
                                 static_cast<off_t>(offset + done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return ErrnoError(errno, "write", path_);
      done += static_cast<size_t>(put);
    }
    return Status::Ok();
  }

  Status Truncate(uint64_t size) override {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return ErrnoError(errno, "truncate", path_);
    return Status::Ok();
  }

  // fdatasync also writes the size, all of the metadata that reading the bytes back needs.
  Status Sync() override {
    StorageWait wait;
    if (fdatasync(fd_) != 0) return ErrnoError(errno, "sync", path_);
    return Status::Ok();
  }

  Result<uint64_t> Size() override {
    struct stat info;
    if (fstat(fd_, &info) != 0) return ErrnoError(errno, "look at", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  const std::string& path() const override { return path_; }

 private:
  const int fd_;
  const std::string path_;
};

class PosixLock : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { close(fd_); }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

 private:
  const int fd_;
};

class PosixThread : public Thread {
 public:
  PosixThread(const std::string& name, std::function<void()> body) : thread_(std::move(body)) {
    // The system keeps 15 bytes.
    pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
  }
  ~PosixThread() override { thread_.join(); }
  PosixThread(const PosixThread&) = delete;
  PosixThread& operator=(const PosixThread&) = delete;

 private:
  std::thread thread_;
};

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "unknown-host";
  return name;
}

std::string TextOf(const char* proc_path) {
  std::ifstream in(proc_path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The number after "key:" on a line of its own, as /proc/self/io and /proc/self/status have it.
uint64_t FieldOf(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key + ":")) {
      return strtoull(line.c_str() + key.size() + 1, nullptr, 10);
    }
  }
  return 0;
}

class PosixEnv : public Env {
 public:
  PosixEnv() {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
      seed = static_cast<uint64_t>(MonotonicNanos()) ^ (static_cast<uint64_t>(getpid()) << 32);
    }
    random_ = seed;
  }

  int64_t NowMicros() override {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return MicrosOf(now);
  }

  int64_t MonotonicNanos() override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  void SleepMicros(int64_t us) override {
    if (us > 0) std::this_thread::sleep_for(std::chrono::microseconds(us));
  }

  // SplitMix64 over a shared counter: one atomic addition a call, no lock.
  uint64_t RandomU64() override {
    uint64_t z = random_.fetch_add(0x9E3779B97F4A7C15u, std::memory_order_relaxed);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::kRead:
        flags |= O_RDONLY;
        break;
      case OpenMode::kReadWrite:
        flags |= O_RDWR | O_CREAT;
        break;
      case OpenMode::kCreateNew:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        break;
      case OpenMode::kTruncate:
        flags |= O_RDWR | O_CREAT | O_TRUNC;
        break;
    }
    const int fd = OpenFd(path, flags);
    if (fd < 0) return ErrnoError(errno, mode == OpenMode::kRead ? "open" : "write", path);
    auto file = std::make_unique<PosixFile>(fd, path);
    if (mode == OpenMode::kRead) {  // the system opens folders for reading, too
      struct stat info;
      if (fstat(fd, &info) != 0) return ErrnoError(errno, "look at", path);
      if (S_ISDIR(info.st_mode)) return ErrnoError(EISDIR, "open", path);
    }
    return file;
  }

  Result<FileInfo> Stat(const std::string& path) override {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return ErrnoError(errno, "look at", path);
    return InfoOf(path, info);
  }

  Result<std::vector<FileInfo>> ListDir(const std::string& path) override {
    DIR* folder = opendir(path.c_str());
    if (folder == nullptr) return ErrnoError(errno, "list", path);
    std::vector<FileInfo> entries;
    int failure = 0;
    while (true) {
      errno = 0;
      const dirent* entry = readdir(folder);
      if (entry == nullptr) {
        failure = errno;
        break;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info;
      if (fstatat(dirfd(folder), entry->d_name, &info, 0) != 0) {
        // Removed meanwhile: not an entry. A link to nowhere is one, with its own facts.
        if (fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      }
      entries.push_back(InfoOf(std::string(name), info));
    }
    closedir(folder);
    if (failure != 0) return ErrnoError(failure, "list", path);
    std::sort(entries.begin(), entries.end(),
              [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
    return entries;
  }

  Status CreateDirs(const std::string& path) override {
    if (mkdir(path.c_str(), 0777) == 0) return Status::Ok();
    if (errno == ENOENT && ParentPath(path) != path) {
      WEIR_RETURN_IF_ERROR(CreateDirs(ParentPath(path)));
      if (mkdir(path.c_str(), 0777) == 0) return Status::Ok();
    }
    const int failure = errno;
    struct stat info;
    if (failure == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      return Status::Ok();
    }
    return ErrnoError(failure == EEXIST ? ENOTDIR : failure, "make the folder", path);
  }

  Status RemoveFile(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return ErrnoError(errno, "remove", path);
    return Status::Ok();
  }

  Status RemoveEmptyDir(const std::string& path) override {
    if (rmdir(path.c_str()) != 0) return ErrnoError(errno, "remove", path);
    return Status::Ok();
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) {
      return ErrnoError(errno, "rename to '" + to + "'", from);
    }
    return Status::Ok();
  }

  Status LinkNoReplace(const std::string& from, const std::string& to) override {
    if (link(from.c_str(), to.c_str()) != 0) {
      // EEXIST is about the new name, the others about either.
      const int failure = errno;
      if (failure == EEXIST) return ErrnoError(failure, "create", to);
      return ErrnoError(failure, "link as '" + to + "'", from);
    }
    return Status::Ok();
  }

  Status SyncDir(const std::string& path) override {
    const int fd = OpenFd(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ErrnoError(errno, "open", path);
    int failure = 0;
    {
      StorageWait wait;
      if (fsync(fd) != 0) failure = errno;
    }
    close(fd);
    // EINVAL: a file system whose folders have nothing to sync.
    if (failure != 0 && failure != EINVAL) return ErrnoError(failure, "sync", path);
    return Status::Ok();
  }

  Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    const int fd = OpenFd(path, O_RDWR | O_CREAT | O_CLOEXEC);
    if (fd < 0) return ErrnoError(errno, "lock", path);
    auto lock = std::make_unique<PosixLock>(fd);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return ErrnoError(errno, "lock", path);
      return Held(fd, path);
    }
    // For whoever finds it held. The lock itself is the system's: failing to write this is no
    // reason to stop.
    const std::string owner = std::to_string(getpid()) + " " + HostName() + " " +
                              std::to_string(NowMicros() / 1'000'000) + "\n";
    if (ftruncate(fd, 0) == 0) {
      const ssize_t ignored = pwrite(fd, owner.data(), owner.size(), 0);
      (void)ignored;
    }
    return lock;
  }

  Result<uint64_t> FreeDiskBytes(const std::string& path) override {
    struct statvfs info;
    if (statvfs(path.c_str(), &info) != 0) return ErrnoError(errno, "look at the disk of", path);
    return uint64_t{info.f_bavail} * info.f_frsize;
  }

  std::unique_ptr<Thread> StartThread(std::string name, std::function<void()> body) override {
    return std::make_unique<PosixThread>(name, std::move(body));
  }

  ProcessUsage Usage() override {
    ProcessUsage usage;
    rusage own;
    if (getrusage(RUSAGE_SELF, &own) == 0) {
      usage.user_cpu_seconds = static_cast<double>(own.ru_utime.tv_sec) +
                               static_cast<double>(own.ru_utime.tv_usec) / 1e6;
      usage.system_cpu_seconds = static_cast<double>(own.ru_stime.tv_sec) +
                                 static_cast<double>(own.ru_stime.tv_usec) / 1e6;
    }
    // VmHWM, not ru_maxrss: that one is inherited over exec from a larger parent.
    const std::string status = TextOf("/proc/self/status");
    usage.resident_bytes = FieldOf(status, "VmRSS") * 1024;
    usage.peak_resident_bytes = FieldOf(status, "VmHWM") * 1024;
    const std::string io = TextOf("/proc/self/io");
    usage.read_bytes = FieldOf(io, "read_bytes");
    const uint64_t written = FieldOf(io, "write_bytes");
    usage.written_bytes = written - std::min(written, FieldOf(io, "cancelled_write_bytes"));
    usage.io_wait_seconds = static_cast<double>(storage_wait_ns.load()) / 1e9;
    return usage;
  }

  MachineInfo Machine() override {
    const CgroupLimits limits = ReadCgroupLimits(TextOf("/proc/self/cgroup"), "/sys/fs/cgroup");
    MachineInfo machine;
    cpu_set_t usable;
    machine.cpus = sched_getaffinity(0, sizeof usable, &usable) == 0
                       ? CPU_COUNT(&usable)
                       : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
    if (limits.cpus) {
      machine.cpus = std::min(machine.cpus, static_cast<int>(std::ceil(*limits.cpus)));
    }
    machine.cpus = std::max(machine.cpus, 1);
    machine.memory_bytes = FieldOf(TextOf("/proc/meminfo"), "MemTotal") * 1024;
    if (limits.memory_bytes) {
      machine.memory_bytes = std::min(machine.memory_bytes, *limits.memory_bytes);
    }
    char text[64];
    snprintf(text, sizeof text, "%d core%s, %.1f GiB", machine.cpus, machine.cpus == 1 ? "" : "s",
             static_cast<double>(machine.memory_bytes) / (1 << 30));
    machine.description = text;
    return machine;
  }

  uint64_t ProcessId() override { return static_cast<uint64_t>(getpid()); }

  std::optional<std::string> Variable(const std::string& name) override {
    if (name == "PWD") {  // what a shell exported may be the folder of another process
      char folder[PATH_MAX];
      if (getcwd(folder, sizeof(folder)) != nullptr) return folder;
    }
    const char* value = getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  }

 private:
  static int OpenFd(const std::string& path, int flags) {
    int fd;
    do {
      fd = open(path.c_str(), flags, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
  }

  static FileInfo InfoOf(std::string path, const struct stat& info) {
    FileInfo result;
    result.path = std::move(path);
    result.is_directory = S_ISDIR(info.st_mode);
    result.size = result.is_directory ? 0 : static_cast<uint64_t>(info.st_size);
    result.modified_us = MicrosOf(info.st_mtim);
    return result;
  }

  // "held by process 4711 on host a for 35 s"
  Error Held(int fd, const std::string& path) {
    char text[320] = {};
    unsigned long long pid = 0;
    long long since_s = 0;
    char host[257] = {};
    if (pread(fd, text, sizeof text - 1, 0) <= 0 ||
        sscanf(text, "%llu %256s %lld", &pid, host, &since_s) != 3) {
      pid = 0;  // being written just now
    }
    return LockedError(path, pid, host, std::max<int64_t>(0, NowMicros() / 1'000'000 - since_s));
  }

  std::atomic<uint64_t> random_;
};

}  // namespace

Env& RealEnv() {
  static PosixEnv* const env = new PosixEnv();  // never destroyed: used until the last thread ends
  return *env;
}

}  // namespace weir
