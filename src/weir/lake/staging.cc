#include "weir/lake/staging.h"

#include <cctype>
#include <set>
#include <vector>

#include "weir/lake/paths.h"

namespace weir::lake {
namespace {

constexpr const char* kStagingFolder = "_staging";

// Readable, and unique by its hash.
std::string FlowName(const std::string& flow_id) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : flow_id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::string name;
  for (const char c : flow_id.substr(0, 40)) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  }
  static constexpr char kHex[] = "0123456789abcdef";
  name += '-';
  for (int shift = 60; shift >= 0; shift -= 4) name += kHex[(hash >> shift) & 15];
  return name;
}

// Data files below `folder` whose name holds both texts; hidden folders are not looked into.
Status FindFiles(Env& env, const std::string& folder, const std::string& id,
                 const std::string& infix, std::vector<std::string>& out) {
  auto entries = env.ListDir(folder);
  if (!entries.ok()) {
    return entries.error().code() == ErrorCode::kNotFound ? Status() : entries.status();
  }
  for (const auto& entry : *entries) {
    const std::string path = JoinPath(folder, entry.path);
    if (entry.is_directory) {
      const bool hidden = entry.path[0] == '_' || entry.path[0] == '.';
      const bool partition = entry.path.find('=') != std::string::npos;
      if (!hidden || partition) WEIR_RETURN_IF_ERROR(FindFiles(env, path, id, infix, out));
    } else if (entry.path.find(id) != std::string::npos &&
               entry.path.find(infix) != std::string::npos) {
      out.push_back(path);
    }
  }
  return Status();
}

Status RemoveUnnamed(Env& env, const std::string& table, const std::string& id,
                     const std::string& infix, const Snapshot* snapshot) {
  std::vector<std::string> paths;
  WEIR_RETURN_IF_ERROR(FindFiles(env, table, id, infix, paths));
  if (paths.empty()) return Status();
  std::set<std::string> named;
  if (snapshot != nullptr) {
    for (const auto& add : snapshot->files()) named.insert(snapshot->FilePath(add));
    for (const auto& remove : snapshot->tombstones()) {
      named.insert(ResolveLogPath(table, remove.path));
    }
  }
  for (const auto& path : paths) {
    if (named.contains(path)) continue;
    Status removed = env.RemoveFile(path);
    if (!removed.ok() && removed.error().code() != ErrorCode::kNotFound) return removed;
  }
  return Status();
}

}  // namespace

Staging::Staging(Env& env, std::string table, std::string flow_id, std::string id)
    : env_(env),
      table_(std::move(table)),
      id_(std::move(id)),
      folder_(JoinPath(JoinPath(table_, kStagingFolder), FlowName(flow_id) + "." + id_)) {}

Status Staging::Begin() { return env_.CreateDirsSynced(folder_); }

Status Staging::End() {
  WEIR_RETURN_IF_ERROR(env_.RemoveTree(folder_));
  // Gone with the last change of any flow; not an error while others are there.
  (void)env_.RemoveEmptyDir(JoinPath(table_, kStagingFolder));
  return Status();
}

Status Staging::RemoveFiles(const Snapshot* snapshot, const std::string& infix) {
  return RemoveUnnamed(env_, table_, id_, infix, snapshot);
}

Status Staging::RemoveLeftovers(Env& env, const std::string& table, const std::string& flow_id,
                                const Snapshot* snapshot) {
  const std::string root = JoinPath(table, kStagingFolder);
  auto entries = env.ListDir(root);
  if (!entries.ok()) {
    return entries.error().code() == ErrorCode::kNotFound ? Status() : entries.status();
  }
  const std::string prefix = FlowName(flow_id) + ".";
  for (const auto& entry : *entries) {
    if (entry.path.rfind(prefix, 0) != 0 || entry.path.size() == prefix.size()) continue;
    const std::string id = entry.path.substr(prefix.size());
    WEIR_RETURN_IF_ERROR(RemoveUnnamed(env, table, id, "", snapshot));
    WEIR_RETURN_IF_ERROR(env.RemoveTree(JoinPath(root, entry.path)));
  }
  return Status();
}

}  // namespace weir::lake
