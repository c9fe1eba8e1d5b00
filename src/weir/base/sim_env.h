// SimEnv: a machine in memory with a virtual clock and faults, all drawn from one seed. What
// promises durability is run on it, crashed at each of its operations and looked at again.
//
//   SimEnv env(seed);
//   env.CrashAtOperation(17);
//   RunTheThing(env);                             // fails with kCancelled from the 17th operation
//   on env.Restart(SimEnv::CrashKind::kPowerLost);   // un-synced bytes and names are lost, or not
//   CheckThePromise(env);
//
// The disk keeps what POSIX promises and nothing more:
// - Bytes written since the last File::Sync may survive a power loss wholly, not at all, up to any
//   byte in the order of the writes, or as any set of 512-byte sectors.
// - A creation, link, removal or rename survives only if SyncDir of its folder followed; otherwise
//   each of them is lost or kept for itself. A rename is never half done. File::Sync does not keep
//   the file's name, and a folder's SyncDir does not keep the name of the folder.
// - After a Sync that failed, the bytes it should have kept stay readable but are not kept by a
//   later Sync either (as Linux does).
// - The operation at which the crash happens may have had its effect (a write: a part of it).
//
// Operations are the calls that change something: creating or emptying a file, WriteAt, Truncate,
// Sync, CreateDirs, RemoveFile, RemoveEmptyDir, Rename, LinkNoReplace, SyncDir.
//
// Thread rule: thread-safe. Threads are real ones, so a run is the same for the same seed only
// while the code under test uses one thread. Files and locks must not outlive their SimEnv.
#pragma once

#include <map>
#include <mutex>

#include "weir/base/env.h"

namespace weir {

struct SimOptions {
  int64_t start_us = 1'767'225'600'000'000;  // 2026-01-01 00:00:00 UTC
  uint64_t capacity_bytes = uint64_t{1} << 36;
  int cpus = 1;
  uint64_t memory_bytes = uint64_t{1} << 30;
  // Virtual time that a call takes; nothing really waits.
  int64_t call_us = 20;
  uint64_t bytes_per_second = 200'000'000;
  double slow_probability = 0;  // of a call that touches files
  int64_t slow_us = 500'000;
  double io_error_probability = 0;  // of a call that touches files: EIO
};

class SimEnv : public Env {
 public:
  enum class CrashKind {
    kProcessKilled,  // what was written is still in the page cache
    kPowerLost,      // what was not synced is lost, or not
  };

  explicit SimEnv(uint64_t seed, const SimOptions& options = {});
  ~SimEnv() override;

  // The n-th operation from now on crashes; 1 is the next one, 0 none.
  void CrashAtOperation(uint64_t n);
  void Crash();  // now
  bool crashed();
  // Back to service, also without a crash before: open files are dead, locks released.
  void Restart(CrashKind kind);

  uint64_t operations();  // so far
  void SetCapacity(uint64_t bytes);
  void SetIoErrorProbability(double probability);
  void SetVariable(const std::string& name, const std::string& value);
  // Checksum over all names and bytes as they are seen now: equal for equal trees.
  uint64_t Fingerprint();

  int64_t NowMicros() override;
  int64_t MonotonicNanos() override;
  void SleepMicros(int64_t us) override;
  uint64_t RandomU64() override;

  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override;
  Result<FileInfo> Stat(const std::string& path) override;
  Result<std::vector<FileInfo>> ListDir(const std::string& path) override;
  Status CreateDirs(const std::string& path) override;
  Status RemoveFile(const std::string& path) override;
  Status RemoveEmptyDir(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status LinkNoReplace(const std::string& from, const std::string& to) override;
  Status SyncDir(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) override;
  Result<uint64_t> FreeDiskBytes(const std::string& path) override;

  std::unique_ptr<Thread> StartThread(std::string name, std::function<void()> body) override;
  ProcessUsage Usage() override;
  MachineInfo Machine() override;
  uint64_t ProcessId() override;
  std::optional<std::string> Variable(const std::string& name) override;

 private:
  struct Node;
  class SimFile;
  class SimLock;
  using NodePtr = std::shared_ptr<Node>;

  // One change of a name: `target` is null for a removal.
  struct NameChange {
    NodePtr folder;
    std::string name;
    NodePtr target;
  };
  using FolderOperation = std::vector<NameChange>;  // kept or lost as one

  struct Place {       // where a path leads
    NodePtr folder;    // null if the path is the root
    std::string name;  // within folder
    NodePtr node;      // null if there is nothing of that name
  };

  // How a call goes on: with its effect or without, and what it returns if not ok.
  struct Outcome {
    bool effect = true;
    Status status;
  };

  // All below need mutex_.
  Outcome Begin(const char* doing, const std::string& path, bool is_operation, uint64_t bytes);
  uint64_t Draw();
  bool Chance(double probability);
  uint64_t Below(uint64_t bound);  // in [0, bound)
  Result<Place> Find(const char* doing, const std::string& path);
  void Apply(FolderOperation operation);
  void LosePower();
  void LoseBytes(Node& file);
  void AddTo(uint64_t& sum, const std::string& path, const Node& node);
  Status Resize(Node& file, uint64_t size, const std::string& path);

  std::mutex mutex_;
  SimOptions options_;
  uint64_t fault_state_;    // randomness of the machine
  uint64_t program_state_;  // what RandomU64 gives
  int64_t now_ns_ = 0;      // since start_us
  uint64_t operations_ = 0;
  uint64_t crash_at_ = 0;  // 0: never
  bool crashed_ = false;
  uint64_t generation_ = 1;  // of the process; files and locks of earlier ones are dead
  uint64_t used_bytes_ = 0;
  std::map<std::string, std::string> variables_;
  NodePtr root_;
  std::vector<FolderOperation> unsynced_names_;
  std::map<const Node*, int64_t> locks_;  // held since, in seconds
};

// Which seeds a simulation test runs: WEIR_SIM_SEED=N only that one; WEIR_SIM_SEEDS=N the first N,
// or N from WEIR_SIM_FIRST on, so that several processes share them; otherwise the first
// fast_count.
struct SimSeeds {
  explicit SimSeeds(uint64_t fast_count);
  uint64_t first = 0;
  uint64_t end = 0;  // exclusive
};

}  // namespace weir
