// Env: the one door to the machine. Clock, randomness, files, threads and process figures come
// from an Env that is passed in; nothing else in Weir calls them directly. RealEnv() is the
// machine; SimEnv (sim_env.h) is a seeded simulation with faults, on which everything that promises
// durability is tested.
//
// Thread rule: an Env is thread-safe. A File may be read by many threads at once; writes to one
// File must not overlap in time with other calls on the same byte range.
// Paths: UTF-8, '/' separated, relative ones against the process's working directory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir {

enum class OpenMode {
  kRead,       // must exist
  kReadWrite,  // created if absent, contents kept
  kCreateNew,  // must not exist: kAlreadyExists otherwise
  kTruncate,   // created or emptied
};

struct FileInfo {
  std::string path;  // for ListDir: the name within the folder
  bool is_directory = false;
  uint64_t size = 0;        // bytes; 0 for folders
  int64_t modified_us = 0;  // microseconds since 1970-01-01 UTC
};

class File {
 public:
  virtual ~File() = default;
  // Reads up to n bytes at the offset; fewer only at the end of the file. Returns bytes read.
  virtual Result<size_t> ReadAt(uint64_t offset, void* buffer, size_t n) = 0;
  // Writes all n bytes, extending the file as needed. kNoSpace when the disk is full.
  virtual Status WriteAt(uint64_t offset, const void* buffer, size_t n) = 0;
  virtual Status Truncate(uint64_t size) = 0;
  // fdatasync: after it returns ok, what was written survives a crash of machine or process.
  virtual Status Sync() = 0;
  virtual Result<uint64_t> Size() = 0;
  virtual const std::string& path() const = 0;
};

// Held as long as the object lives; released by the system if the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Thread {
 public:
  virtual ~Thread() = default;  // joins
};

// What this process has used so far.
struct ProcessUsage {
  double user_cpu_seconds = 0;
  double system_cpu_seconds = 0;
  uint64_t resident_bytes = 0;
  uint64_t peak_resident_bytes = 0;
  uint64_t read_bytes = 0;     // from storage, as the system counts them (0 if unknown)
  uint64_t written_bytes = 0;  // to storage
  double io_wait_seconds = 0;  // time threads were blocked on storage (0 if unknown)
};

struct MachineInfo {
  int cpus = 1;               // usable by this process (affinity and cgroup quota respected)
  uint64_t memory_bytes = 0;  // the smaller of the machine's and the cgroup's limit
  std::string description;    // for reports: "2 cores, 23.4 GiB"
};

class Env {
 public:
  virtual ~Env() = default;

  // --- clock ---
  virtual int64_t NowMicros() = 0;       // wall clock, microseconds since 1970-01-01 UTC
  virtual int64_t MonotonicNanos() = 0;  // never goes back; for durations only
  virtual void SleepMicros(int64_t us) = 0;

  // --- randomness (not for keys) ---
  virtual uint64_t RandomU64() = 0;

  // --- files ---
  virtual Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) = 0;
  virtual Result<FileInfo> Stat(const std::string& path) = 0;  // follows links; kNotFound
  // Entries of one folder, sorted by name, without "." and "..".
  virtual Result<std::vector<FileInfo>> ListDir(const std::string& path) = 0;
  virtual Status CreateDirs(const std::string& path) = 0;  // like mkdir -p
  // Removes a file or a symbolic link itself. kNotFound if absent, kInvalid for a folder.
  virtual Status RemoveFile(const std::string& path) = 0;
  virtual Status RemoveEmptyDir(const std::string& path) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  // Gives the file a second name; kAlreadyExists if the name is taken. With a following
  // RemoveFile(from) it is the atomic put-if-absent.
  virtual Status LinkNoReplace(const std::string& from, const std::string& to) = 0;
  // Makes creations, renames and removals in this folder survive a crash.
  virtual Status SyncDir(const std::string& path) = 0;
  // Takes an exclusive lock on the file (created if absent) without waiting; kConflict if held.
  virtual Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) = 0;
  virtual Result<uint64_t> FreeDiskBytes(const std::string& path) = 0;

  // --- threads and process ---
  virtual std::unique_ptr<Thread> StartThread(std::string name, std::function<void()> body) = 0;
  virtual ProcessUsage Usage() = 0;
  virtual MachineInfo Machine() = 0;
  virtual uint64_t ProcessId() = 0;
  // The value of an environment variable, or nullopt.
  virtual std::optional<std::string> Variable(const std::string& name) = 0;

  // --- built from the above (env.cc) ---
  bool Exists(const std::string& path);
  Result<std::string> ReadFile(const std::string& path);
  // CreateDirs + SyncDir of every folder above, so that a file synced in it can be found after a
  // crash. For folders whose contents are promised to be durable.
  Status CreateDirsSynced(const std::string& path);
  // Temp file + Sync + Rename + SyncDir: readers see the old or the new bytes, never a mixture.
  Status WriteFileAtomic(const std::string& path, std::string_view bytes);
  // Temp file + Sync + LinkNoReplace + SyncDir: kAlreadyExists if somebody was first. After any
  // other error the file may or may not be there: read it before deciding.
  Status PutIfAbsent(const std::string& path, std::string_view bytes);
  // The first half of the two above: a complete, durable temp file beside `path`, under a hidden
  // name that is returned. The caller links or renames, syncs the folder, and removes what is left.
  Result<std::string> WriteTempFor(const std::string& path, std::string_view bytes);
  Status RemoveTree(const std::string& path);  // like rm -rf; ok if absent
};

// The machine itself. One object for the process.
Env& RealEnv();

// Path arithmetic, no I/O.
// JoinPath("a/", "b") = "a/b"; an absolute name stays as it is.
std::string JoinPath(std::string_view folder, std::string_view name);
std::string ParentPath(std::string_view path);  // "." for a bare name
std::string BaseName(std::string_view path);    // "b" for "a/b/"

}  // namespace weir
