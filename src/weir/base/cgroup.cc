#include "weir/base/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "weir/base/env.h"

namespace weir {
namespace {

// v1 writes "no limit" as the largest multiple of a page; nothing real comes near it.
constexpr uint64_t kNoLimitBytes = uint64_t{1} << 60;

// The group's folder and all above it, the hierarchy's root last. In a container the path may name
// a folder of the host that is not there; the root then holds the container's own limits.
std::vector<std::string> FoldersUp(const std::string& root, std::string group) {
  std::vector<std::string> folders;
  while (group.size() > 1) {
    folders.push_back(JoinPath(root, group.substr(1)));
    group = ParentPath(group);
  }
  folders.push_back(root);
  return folders;
}

std::optional<std::vector<std::string>> WordsOf(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::optional<int64_t> Number(const std::string& word) {
  std::istringstream in(word);
  int64_t value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

void LimitMemory(const std::string& path, CgroupLimits& limits) {
  const auto words = WordsOf(path);
  if (!words || words->empty()) return;
  const auto bytes = Number((*words)[0]);  // "max" is not a number
  if (!bytes || *bytes <= 0 || static_cast<uint64_t>(*bytes) >= kNoLimitBytes) return;
  const auto value = static_cast<uint64_t>(*bytes);
  limits.memory_bytes = std::min(limits.memory_bytes.value_or(value), value);
}

void LimitCpus(std::optional<int64_t> quota_us, std::optional<int64_t> period_us,
               CgroupLimits& limits) {
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0) return;
  const double cpus = static_cast<double>(*quota_us) / static_cast<double>(*period_us);
  limits.cpus = std::min(limits.cpus.value_or(cpus), cpus);
}

std::optional<int64_t> FirstNumber(const std::string& path) {
  const auto words = WordsOf(path);
  if (!words || words->empty()) return std::nullopt;
  return Number((*words)[0]);
}

}  // namespace

CgroupLimits ReadCgroupLimits(const std::string& membership, const std::string& mount) {
  CgroupLimits limits;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {
    // "4:memory:/group" (v1) or "0::/group" (v2)
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") {
      for (const char* root : {"", "unified"}) {
        for (const std::string& folder : FoldersUp(JoinPath(mount, root), group)) {
          LimitMemory(folder + "/memory.max", limits);
          const auto cpu = WordsOf(folder + "/cpu.max");
          if (cpu && cpu->size() == 2) LimitCpus(Number((*cpu)[0]), Number((*cpu)[1]), limits);
        }
      }
    }
    if (controllers.find(",memory,") != std::string::npos) {
      for (const std::string& folder : FoldersUp(JoinPath(mount, "memory"), group)) {
        LimitMemory(folder + "/memory.limit_in_bytes", limits);
      }
    }
    if (controllers.find(",cpu,") != std::string::npos) {
      for (const std::string& folder : FoldersUp(JoinPath(mount, "cpu"), group)) {
        LimitCpus(FirstNumber(folder + "/cpu.cfs_quota_us"),
                  FirstNumber(folder + "/cpu.cfs_period_us"), limits);
      }
    }
  }
  return limits;
}

}  // namespace weir
