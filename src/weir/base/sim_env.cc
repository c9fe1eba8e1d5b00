#include "weir/base/sim_env.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>

#include "weir/base/checksum.h"
#include "weir/base/errno_error.h"

namespace weir {
namespace {

constexpr uint64_t kSectorBytes = 512;

uint64_t SplitMix64(uint64_t& state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

Error Crashed(const std::string& path) {
  return Error::Retry(ErrorCode::kCancelled, "simulated crash").At(path);
}

// "/a/b" and "a//./b" are {"a", "b"}: relative paths start at the root.
std::vector<std::string> PartsOf(const std::string& path) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (start <= path.size()) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string part = path.substr(start, end - start);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    start = end + 1;
  }
  return parts;
}

class RealThread : public Thread {
 public:
  explicit RealThread(std::function<void()> body) : thread_(std::move(body)) {}
  ~RealThread() override { thread_.join(); }
  RealThread(const RealThread&) = delete;
  RealThread& operator=(const RealThread&) = delete;

 private:
  std::thread thread_;
};

}  // namespace

// A file or a folder, as it is seen now and as it surely is after a power loss.
struct SimEnv::Node {
  explicit Node(bool folder, uint64_t& used) : is_folder(folder), used_bytes(used) {}
  ~Node() { used_bytes -= bytes.size(); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  struct Change {  // a write, or a truncation to `offset` if there is no data
    bool truncate = false;
    uint64_t offset = 0;
    std::string data;
  };
  static void Replay(const Change& change, std::string& image) {
    if (change.truncate) {
      image.resize(change.offset);
      return;
    }
    const uint64_t end = change.offset + change.data.size();
    if (image.size() < end) image.resize(end);
    image.replace(change.offset, change.data.size(), change.data);
  }

  const bool is_folder;
  uint64_t& used_bytes;  // of the whole disk
  int64_t modified_us = 0;
  // A file's.
  std::string bytes;
  std::string kept_bytes;
  std::vector<Change> unsynced;
  // A folder's.
  std::map<std::string, NodePtr> names;
  std::map<std::string, NodePtr> kept_names;
};

class SimEnv::SimFile : public File {
 public:
  SimFile(SimEnv& env, NodePtr node, std::string path, bool writable)
      : env_(env),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        generation_(env.generation_) {}

  Result<size_t> ReadAt(uint64_t offset, void* buffer, size_t n) override {
    const std::lock_guard lock(env_.mutex_);
    const Outcome outcome = Begin("read", /*is_operation=*/false, n);
    if (!outcome.status.ok()) return outcome.status;
    const std::string& bytes = node_->bytes;
    if (offset >= bytes.size()) return size_t{0};
    const size_t got = std::min<uint64_t>(n, bytes.size() - offset);
    memcpy(buffer, bytes.data() + offset, got);
    return got;
  }

  Status WriteAt(uint64_t offset, const void* buffer, size_t n) override {
    const std::lock_guard lock(env_.mutex_);
    if (!writable_) return ErrnoError(EBADF, "write", path_);
    Outcome outcome = Begin("write", /*is_operation=*/true, n);
    if (!outcome.effect) return outcome.status;
    // A write that fails or is cut off by the crash leaves a part behind.
    size_t part = outcome.status.ok() ? n : env_.Below(n + 1);
    const uint64_t size = node_->bytes.size();
    const uint64_t free =
        env_.options_.capacity_bytes - std::min(env_.options_.capacity_bytes, env_.used_bytes_);
    const uint64_t fits = size + free;
    if (offset + part > std::max(size, fits)) {
      part = fits > offset ? fits - offset : 0;
      if (outcome.status.ok()) outcome.status = ErrnoError(ENOSPC, "write", path_);
    }
    if (part > 0) {
      const uint64_t new_size = std::max<uint64_t>(size, offset + part);
      env_.used_bytes_ += new_size - size;
      Node::Change change{false, offset, std::string(static_cast<const char*>(buffer), part)};
      Node::Replay(change, node_->bytes);
      node_->unsynced.push_back(std::move(change));
      node_->modified_us = env_.options_.start_us + env_.now_ns_ / 1000;
    }
    return outcome.status;
  }

  Status Truncate(uint64_t size) override {
    const std::lock_guard lock(env_.mutex_);
    if (!writable_) return ErrnoError(EBADF, "truncate", path_);
    const Outcome outcome = Begin("truncate", /*is_operation=*/true, 0);
    if (!outcome.effect) return outcome.status;
    WEIR_RETURN_IF_ERROR(env_.Resize(*node_, size, path_));
    return outcome.status;
  }

  Status Sync() override {
    const std::lock_guard lock(env_.mutex_);
    const Outcome outcome = Begin("sync", /*is_operation=*/true, 0);
    if (outcome.effect) {
      for (const Node::Change& change : node_->unsynced) Node::Replay(change, node_->kept_bytes);
      node_->unsynced.clear();
    } else if (!env_.crashed_ && generation_ == env_.generation_) {
      node_->unsynced.clear();  // what a failed sync leaves: pages that look clean
    }
    return outcome.status;
  }

  Result<uint64_t> Size() override {
    const std::lock_guard lock(env_.mutex_);
    const Outcome outcome = Begin("look at", /*is_operation=*/false, 0);
    if (!outcome.status.ok()) return outcome.status;
    return uint64_t{node_->bytes.size()};
  }

  const std::string& path() const override { return path_; }

 private:
  Outcome Begin(const char* doing, bool is_operation, uint64_t bytes) {
    if (generation_ != env_.generation_) return {false, Crashed(path_)};
    return env_.Begin(doing, path_, is_operation, bytes);
  }

  SimEnv& env_;
  const NodePtr node_;
  const std::string path_;
  const bool writable_;
  const uint64_t generation_;
};

class SimEnv::SimLock : public FileLock {
 public:
  SimLock(SimEnv& env, NodePtr node)
      : env_(env), node_(std::move(node)), generation_(env.generation_) {}
  ~SimLock() override {
    const std::lock_guard lock(env_.mutex_);
    if (generation_ == env_.generation_) env_.locks_.erase(node_.get());
  }
  SimLock(const SimLock&) = delete;
  SimLock& operator=(const SimLock&) = delete;

 private:
  SimEnv& env_;
  const NodePtr node_;
  const uint64_t generation_;
};

SimEnv::SimEnv(uint64_t seed, const SimOptions& options)
    : options_(options), fault_state_(seed), program_state_(~seed) {
  root_ = std::make_shared<Node>(true, used_bytes_);
}

SimEnv::~SimEnv() = default;

// --- faults -----------------------------------------------------------------------------------

uint64_t SimEnv::Draw() { return SplitMix64(fault_state_); }

bool SimEnv::Chance(double probability) {
  return probability > 0 && static_cast<double>(Draw() >> 11) * 0x1p-53 < probability;
}

uint64_t SimEnv::Below(uint64_t bound) { return Draw() % bound; }

SimEnv::Outcome SimEnv::Begin(const char* doing, const std::string& path, bool is_operation,
                              uint64_t bytes) {
  if (crashed_) return {false, Crashed(path)};
  now_ns_ += options_.call_us * 1000;
  if (options_.bytes_per_second > 0) {
    now_ns_ += static_cast<int64_t>(static_cast<double>(bytes) * 1e9 /
                                    static_cast<double>(options_.bytes_per_second));
  }
  if (Chance(options_.slow_probability)) now_ns_ += options_.slow_us * 1000;
  if (is_operation) {
    ++operations_;
    if (operations_ == crash_at_) {
      crashed_ = true;
      return {Chance(0.5), Crashed(path)};
    }
  }
  if (Chance(options_.io_error_probability)) {
    // A write may have gone half-way; all else has not happened.
    const bool effect = std::string_view(doing) == "write" && Chance(0.5);
    return {effect, ErrnoError(EIO, doing, path)};
  }
  return {};
}

void SimEnv::CrashAtOperation(uint64_t n) {
  const std::lock_guard lock(mutex_);
  crash_at_ = n == 0 ? 0 : operations_ + n;
}

void SimEnv::Crash() {
  const std::lock_guard lock(mutex_);
  crashed_ = true;
}

bool SimEnv::crashed() {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

void SimEnv::Restart(CrashKind kind) {
  const std::lock_guard lock(mutex_);
  if (kind == CrashKind::kPowerLost) LosePower();
  ++generation_;
  locks_.clear();
  crashed_ = false;
  crash_at_ = 0;
}

void SimEnv::LosePower() {
  for (const FolderOperation& operation : unsynced_names_) {
    if (Chance(0.5)) continue;
    for (const NameChange& change : operation) {
      if (change.target) {
        change.folder->kept_names[change.name] = change.target;
      } else {
        change.folder->kept_names.erase(change.name);
      }
    }
  }
  unsynced_names_.clear();
  // A file has many names, but one fate.
  std::set<const Node*> settled;
  std::vector<NodePtr> todo = {root_};
  while (!todo.empty()) {
    const NodePtr node = todo.back();
    todo.pop_back();
    if (!settled.insert(node.get()).second) continue;
    if (node->is_folder) {
      node->names = node->kept_names;
      for (const auto& [name, child] : node->names) todo.push_back(child);
    } else {
      LoseBytes(*node);
    }
  }
}

void SimEnv::LoseBytes(Node& file) {
  if (file.unsynced.empty() && file.bytes == file.kept_bytes) return;
  const uint64_t fate = Below(4);
  std::string survivor = file.kept_bytes;
  if (fate == 1) {  // everything that could still reach the disk did
    for (const Node::Change& change : file.unsynced) Node::Replay(change, survivor);
  } else if (fate == 2 && !file.unsynced.empty()) {  // up to some byte, in the order of writing
    const size_t whole = Below(file.unsynced.size());
    for (size_t i = 0; i < whole; ++i) Node::Replay(file.unsynced[i], survivor);
    Node::Change torn = file.unsynced[whole];
    if (!torn.truncate) {
      torn.data.resize(Below(torn.data.size() + 1));
      Node::Replay(torn, survivor);
    }
  } else if (fate == 3) {  // any sectors; the length is the new one
    std::string latest = file.kept_bytes;
    for (const Node::Change& change : file.unsynced) Node::Replay(change, latest);
    survivor.resize(latest.size());
    for (uint64_t at = 0; at < latest.size(); at += kSectorBytes) {
      if (Chance(0.5)) {
        const uint64_t n = std::min<uint64_t>(kSectorBytes, latest.size() - at);
        survivor.replace(at, n, latest, at, n);
      }
    }
  }  // fate 0: nothing of it
  used_bytes_ = used_bytes_ - file.bytes.size() + survivor.size();
  file.bytes = survivor;
  file.kept_bytes = std::move(survivor);
  file.unsynced.clear();
}

// --- controls ---------------------------------------------------------------------------------

uint64_t SimEnv::operations() {
  const std::lock_guard lock(mutex_);
  return operations_;
}

void SimEnv::SetCapacity(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  options_.capacity_bytes = bytes;
}

void SimEnv::SetIoErrorProbability(double probability) {
  const std::lock_guard lock(mutex_);
  options_.io_error_probability = probability;
}

void SimEnv::SetVariable(const std::string& name, const std::string& value) {
  const std::lock_guard lock(mutex_);
  variables_[name] = value;
}

void SimEnv::AddTo(uint64_t& sum, const std::string& path, const Node& node) {
  sum = Xxh3(path, sum);
  if (!node.is_folder) sum = Xxh3(node.bytes, sum);
  for (const auto& [name, child] : node.names) AddTo(sum, path + "/" + name, *child);
}

uint64_t SimEnv::Fingerprint() {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  AddTo(sum, "", *root_);
  return sum;
}

// --- clock and randomness ---------------------------------------------------------------------

// Looking at a clock takes a moment, so that no loop waits for it in vain.
int64_t SimEnv::NowMicros() {
  const std::lock_guard lock(mutex_);
  now_ns_ += 1000;
  return options_.start_us + now_ns_ / 1000;
}

int64_t SimEnv::MonotonicNanos() {
  const std::lock_guard lock(mutex_);
  return now_ns_ += 1000;
}

void SimEnv::SleepMicros(int64_t us) {
  {
    const std::lock_guard lock(mutex_);
    now_ns_ += std::max<int64_t>(us, 0) * 1000;
  }
  std::this_thread::yield();
}

uint64_t SimEnv::RandomU64() {
  const std::lock_guard lock(mutex_);
  return SplitMix64(program_state_);
}

// --- files ------------------------------------------------------------------------------------

Result<SimEnv::Place> SimEnv::Find(const char* doing, const std::string& path) {
  const std::vector<std::string> parts = PartsOf(path);
  if (path.empty()) return ErrnoError(ENOENT, doing, path);
  Place place;
  place.node = root_;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!place.node) return ErrnoError(ENOENT, doing, path);
    if (!place.node->is_folder) return ErrnoError(ENOTDIR, doing, path);
    place.folder = place.node;
    place.name = parts[i];
    const auto it = place.folder->names.find(parts[i]);
    place.node = it == place.folder->names.end() ? nullptr : it->second;
  }
  return place;
}

void SimEnv::Apply(FolderOperation operation) {
  for (const NameChange& change : operation) {
    if (change.target) {
      change.folder->names[change.name] = change.target;
    } else {
      change.folder->names.erase(change.name);
    }
    change.folder->modified_us = options_.start_us + now_ns_ / 1000;
  }
  unsynced_names_.push_back(std::move(operation));
}

Status SimEnv::Resize(Node& file, uint64_t size, const std::string& path) {
  const uint64_t old = file.bytes.size();
  if (size > old && used_bytes_ + (size - old) > options_.capacity_bytes) {
    return ErrnoError(ENOSPC, "truncate", path);
  }
  used_bytes_ = used_bytes_ - old + size;
  file.bytes.resize(size);
  file.unsynced.push_back({true, size, ""});
  file.modified_us = options_.start_us + now_ns_ / 1000;
  return Status::Ok();
}

Result<std::unique_ptr<File>> SimEnv::OpenFile(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  const char* doing = mode == OpenMode::kRead ? "open" : "write";
  if (crashed_) return Crashed(path);
  WEIR_ASSIGN_OR_RETURN(Place place, Find(doing, path));
  if (place.node && place.node->is_folder) return ErrnoError(EISDIR, doing, path);
  if (mode == OpenMode::kRead && !place.node) return ErrnoError(ENOENT, doing, path);
  if (mode == OpenMode::kCreateNew && place.node) return ErrnoError(EEXIST, doing, path);
  const bool creates = !place.node;
  const bool empties = mode == OpenMode::kTruncate && !creates;
  const Outcome outcome = Begin(creates ? "create" : "open", path, creates || empties, 0);
  if (outcome.effect && creates) {
    place.node = std::make_shared<Node>(false, used_bytes_);
    place.node->modified_us = options_.start_us + now_ns_ / 1000;
    Apply({{place.folder, place.name, place.node}});
  }
  if (outcome.effect && empties) WEIR_RETURN_IF_ERROR(Resize(*place.node, 0, path));
  if (!outcome.status.ok()) return outcome.status;
  return std::make_unique<SimFile>(*this, place.node, path, mode != OpenMode::kRead);
}

namespace {
FileInfo InfoFor(const std::string& path, bool is_folder, uint64_t size, int64_t modified_us) {
  FileInfo info;
  info.path = path;
  info.is_directory = is_folder;
  info.size = size;
  info.modified_us = modified_us;
  return info;
}
}  // namespace

Result<FileInfo> SimEnv::Stat(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Outcome outcome = Begin("look at", path, /*is_operation=*/false, 0);
  if (!outcome.status.ok()) return outcome.status;
  WEIR_ASSIGN_OR_RETURN(const Place place, Find("look at", path));
  if (!place.node) return ErrnoError(ENOENT, "look at", path);
  return InfoFor(path, place.node->is_folder, place.node->bytes.size(), place.node->modified_us);
}

Result<std::vector<FileInfo>> SimEnv::ListDir(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Outcome outcome = Begin("list", path, /*is_operation=*/false, 0);
  if (!outcome.status.ok()) return outcome.status;
  WEIR_ASSIGN_OR_RETURN(const Place place, Find("list", path));
  if (!place.node) return ErrnoError(ENOENT, "list", path);
  if (!place.node->is_folder) return ErrnoError(ENOTDIR, "list", path);
  std::vector<FileInfo> entries;
  for (const auto& [name, node] : place.node->names) {
    entries.push_back(InfoFor(name, node->is_folder, node->bytes.size(), node->modified_us));
  }
  return entries;
}

Status SimEnv::CreateDirs(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(path);
  if (path.empty()) return ErrnoError(ENOENT, "make the folder", path);
  NodePtr at = root_;
  for (const std::string& part : PartsOf(path)) {
    NodePtr& next = at->names[part];
    if (!next) {
      at->names.erase(part);
      const Outcome outcome = Begin("make the folder", path, /*is_operation=*/true, 0);
      if (!outcome.effect) return outcome.status;
      auto folder = std::make_shared<Node>(true, used_bytes_);
      Apply({{at, part, folder}});
      if (!outcome.status.ok()) return outcome.status;
      at = folder;
    } else if (!next->is_folder) {
      return ErrnoError(ENOTDIR, "make the folder", path);
    } else {
      at = next;
    }
  }
  return Status::Ok();
}

Status SimEnv::RemoveFile(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(path);
  WEIR_ASSIGN_OR_RETURN(const Place place, Find("remove", path));
  if (!place.node) return ErrnoError(ENOENT, "remove", path);
  if (place.node->is_folder) return ErrnoError(EISDIR, "remove", path);
  const Outcome outcome = Begin("remove", path, /*is_operation=*/true, 0);
  if (outcome.effect) Apply({{place.folder, place.name, nullptr}});
  return outcome.status;
}

Status SimEnv::RemoveEmptyDir(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(path);
  WEIR_ASSIGN_OR_RETURN(const Place place, Find("remove", path));
  if (!place.node) return ErrnoError(ENOENT, "remove", path);
  if (!place.node->is_folder) return ErrnoError(ENOTDIR, "remove", path);
  if (!place.folder) return ErrnoError(EBUSY, "remove", path);
  if (!place.node->names.empty()) return ErrnoError(ENOTEMPTY, "remove", path);
  const Outcome outcome = Begin("remove", path, /*is_operation=*/true, 0);
  if (outcome.effect) Apply({{place.folder, place.name, nullptr}});
  return outcome.status;
}

Status SimEnv::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(from);
  const std::string doing = "rename to '" + to + "'";
  WEIR_ASSIGN_OR_RETURN(const Place source, Find(doing.c_str(), from));
  if (!source.node) return ErrnoError(ENOENT, doing, from);
  WEIR_ASSIGN_OR_RETURN(const Place target, Find(doing.c_str(), to));
  if (!source.folder || !target.folder) return ErrnoError(EBUSY, doing, from);
  if (target.node == source.node) return Status::Ok();
  if (target.node) {
    if (target.node->is_folder && !source.node->is_folder) return ErrnoError(EISDIR, doing, from);
    if (!target.node->is_folder && source.node->is_folder) return ErrnoError(ENOTDIR, doing, from);
    if (!target.node->names.empty()) return ErrnoError(ENOTEMPTY, doing, from);
  }
  const std::vector<std::string> from_parts = PartsOf(from);
  const std::vector<std::string> to_parts = PartsOf(to);
  if (to_parts.size() > from_parts.size() &&
      std::equal(from_parts.begin(), from_parts.end(), to_parts.begin())) {
    return ErrnoError(EINVAL, doing, from);  // into itself
  }
  const Outcome outcome = Begin("rename", from, /*is_operation=*/true, 0);
  if (outcome.effect) {
    Apply({{source.folder, source.name, nullptr}, {target.folder, target.name, source.node}});
  }
  return outcome.status;
}

Status SimEnv::LinkNoReplace(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(from);
  WEIR_ASSIGN_OR_RETURN(const Place source, Find("link", from));
  if (!source.node) return ErrnoError(ENOENT, "link as '" + to + "'", from);
  if (source.node->is_folder) return ErrnoError(EPERM, "link as '" + to + "'", from);
  WEIR_ASSIGN_OR_RETURN(const Place target, Find("link", to));
  if (target.node) return ErrnoError(EEXIST, "create", to);
  const Outcome outcome = Begin("link", from, /*is_operation=*/true, 0);
  if (outcome.effect) Apply({{target.folder, target.name, source.node}});
  return outcome.status;
}

Status SimEnv::SyncDir(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(path);
  WEIR_ASSIGN_OR_RETURN(const Place place, Find("open", path));
  if (!place.node) return ErrnoError(ENOENT, "open", path);
  if (!place.node->is_folder) return ErrnoError(ENOTDIR, "open", path);
  const Outcome outcome = Begin("sync", path, /*is_operation=*/true, 0);
  if (!outcome.effect) return outcome.status;
  // The operations on this folder become kept, and with a rename from or to another folder all
  // that happened there before it.
  std::set<const Node*> folders = {place.node.get()};
  std::vector<bool> kept(unsynced_names_.size(), false);
  for (size_t i = unsynced_names_.size(); i-- > 0;) {
    for (const NameChange& change : unsynced_names_[i]) {
      kept[i] = kept[i] || folders.contains(change.folder.get());
    }
    if (!kept[i]) continue;
    for (const NameChange& change : unsynced_names_[i]) folders.insert(change.folder.get());
  }
  std::vector<FolderOperation> left;
  for (size_t i = 0; i < unsynced_names_.size(); ++i) {
    if (!kept[i]) {
      left.push_back(std::move(unsynced_names_[i]));
      continue;
    }
    for (const NameChange& change : unsynced_names_[i]) {
      if (change.target) {
        change.folder->kept_names[change.name] = change.target;
      } else {
        change.folder->kept_names.erase(change.name);
      }
    }
  }
  unsynced_names_ = std::move(left);
  return outcome.status;
}

Result<std::unique_ptr<FileLock>> SimEnv::LockFile(const std::string& path) {
  WEIR_ASSIGN_OR_RETURN(const auto file, OpenFile(path, OpenMode::kReadWrite));
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(path);
  WEIR_ASSIGN_OR_RETURN(const Place place, Find("lock", path));
  const int64_t now_s = (options_.start_us + now_ns_ / 1000) / 1'000'000;
  const auto [held, taken] = locks_.emplace(place.node.get(), now_s);
  if (!taken) return LockedError(path, ProcessId(), "sim", now_s - held->second);
  return std::make_unique<SimLock>(*this, place.node);
}

Result<uint64_t> SimEnv::FreeDiskBytes(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return Crashed(path);
  WEIR_ASSIGN_OR_RETURN(const Place place, Find("look at the disk of", path));
  if (!place.node) return ErrnoError(ENOENT, "look at the disk of", path);
  return options_.capacity_bytes - std::min(options_.capacity_bytes, used_bytes_);
}

// --- threads and process ----------------------------------------------------------------------

std::unique_ptr<Thread> SimEnv::StartThread(std::string, std::function<void()> body) {
  return std::make_unique<RealThread>(std::move(body));
}

ProcessUsage SimEnv::Usage() {
  const std::lock_guard lock(mutex_);
  ProcessUsage usage;
  usage.user_cpu_seconds = static_cast<double>(now_ns_) / 1e9;
  return usage;
}

MachineInfo SimEnv::Machine() {
  const std::lock_guard lock(mutex_);
  MachineInfo machine;
  machine.cpus = options_.cpus;
  machine.memory_bytes = options_.memory_bytes;
  machine.description = std::to_string(options_.cpus) + " simulated cores";
  return machine;
}

uint64_t SimEnv::ProcessId() { return 1; }

std::optional<std::string> SimEnv::Variable(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto it = variables_.find(name);
  if (it == variables_.end()) return std::nullopt;
  return it->second;
}

SimSeeds::SimSeeds(uint64_t fast_count) : end(fast_count) {
  if (const auto one = RealEnv().Variable("WEIR_SIM_SEED")) {
    first = strtoull(one->c_str(), nullptr, 10);
    end = first + 1;
  } else if (const auto count = RealEnv().Variable("WEIR_SIM_SEEDS")) {
    const auto begin = RealEnv().Variable("WEIR_SIM_FIRST");
    if (begin) first = strtoull(begin->c_str(), nullptr, 10);
    end = first + strtoull(count->c_str(), nullptr, 10);
  }
}

}  // namespace weir
