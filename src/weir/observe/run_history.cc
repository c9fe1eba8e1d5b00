#include "weir/observe/run_history.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "weir/observe/quantity.h"

namespace weir::observe {

namespace {

constexpr const char* kEnding = ".json";
constexpr size_t kTimeLength = 22;  // 20130131T070009.123456
constexpr int64_t kMicros = 1'000'000;

// "20130131T070009.123456-<id>.json": sorted by name is sorted by time.
std::string FileName(const RunReport& report) {
  std::string time;
  for (const char c : UtcTime(report.started_us)) {
    if (c == ' ') time += 'T';
    if (c >= '0' && c <= '9') time += c;
  }
  time += fmt::format(".{:06}", report.started_us % kMicros);
  return time + "-" + report.run + kEnding;
}

std::string IdOf(const std::string& file) {
  return file.substr(kTimeLength + 1, file.size() - kTimeLength - 1 - std::string(kEnding).size());
}

}  // namespace

Result<std::vector<std::string>> RunHistory::Files() {
  std::vector<std::string> files;
  if (!env_.Exists(folder_)) return files;
  WEIR_ASSIGN_OR_RETURN(std::vector<FileInfo> entries, env_.ListDir(folder_));
  for (const FileInfo& entry : entries) {
    const std::string& name = entry.path;
    const bool ours = name.size() > kTimeLength + 1 + 5 && name[kTimeLength] == '-' &&
                      name.compare(name.size() - 5, 5, kEnding) == 0;
    if (ours) files.push_back(name);
  }
  std::reverse(files.begin(), files.end());
  return files;
}

Result<RunReport> RunHistory::Read(const std::string& file) {
  const std::string path = JoinPath(folder_, file);
  WEIR_ASSIGN_OR_RETURN(const std::string text, env_.ReadFile(path));
  auto report = ReportFromJson(text);
  if (!report.ok()) return std::move(report).error().At(path);
  return report;
}

Status RunHistory::Save(const RunReport& report) {
  WEIR_RETURN_IF_ERROR(env_.CreateDirs(folder_));
  WEIR_RETURN_IF_ERROR(env_.WriteFileAtomic(JoinPath(folder_, FileName(report)),
                                            ToText(ReportJson(report), 1) + "\n"));
  WEIR_ASSIGN_OR_RETURN(std::vector<std::string> files, Files());
  for (size_t i = kRunsMax; i < files.size(); ++i) {
    const Status removed = env_.RemoveFile(JoinPath(folder_, files[i]));
    // Another run may have been first.
    if (!removed.ok() && removed.error().code() != ErrorCode::kNotFound) return removed;
  }
  return Status::Ok();
}

Result<std::vector<RunReport>> RunHistory::Newest(size_t count) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> files, Files());
  std::vector<RunReport> reports;
  for (const std::string& file : files) {
    if (reports.size() == count) break;
    auto report = Read(file);
    if (report.ok()) reports.push_back(std::move(report).value());
  }
  return reports;
}

Result<RunReport> RunHistory::Find(const std::string& name) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> files, Files());
  if (files.empty()) {
    return Error::User(ErrorCode::kNotFound, "no run is recorded in " + folder_)
        .Fix("name the project, or run it first");
  }
  if (name.rfind("last", 0) == 0) {
    size_t back = 0;
    if (name.size() > 4) {
      char* end = nullptr;
      back = name[4] == '~' ? std::strtoul(name.c_str() + 5, &end, 10) : files.size();
      if (end == nullptr || *end != '\0' || end == name.c_str() + 5) {
        return Error::User(ErrorCode::kInvalid, "'" + name + "' is not the name of a run")
            .Fix("write last, or last~2 for the third newest");
      }
    }
    if (back >= files.size()) {
      return Error::User(ErrorCode::kNotFound,
                         "there are only " + Counted(static_cast<int64_t>(files.size()), "run"));
    }
    return Read(files[back]);
  }
  std::vector<std::string> matches;
  for (const std::string& file : files) {
    if (IdOf(file).rfind(name, 0) == 0) matches.push_back(file);
  }
  if (matches.empty()) {
    return Error::User(ErrorCode::kNotFound, "no run '" + name + "'")
        .Fix("`weir runs list` shows those that there are");
  }
  if (matches.size() > 1) {
    return Error::User(ErrorCode::kInvalid, Counted(static_cast<int64_t>(matches.size()), "run") +
                                                " begin with '" + name + "'")
        .Fix("write more of it");
  }
  return Read(matches.front());
}

}  // namespace weir::observe
