// A small honest sink for tests of the exactly-once step: rows are lines, a table is a folder of
// numbered versions, each with the epoch it came with. It keeps the promises of step.h with nothing
// but Env: Prepare and Commit are durable when they return, Commit is idempotent.
//
//   <folder>/staged/<name>        rows of an epoch, not visible
//   <folder>/00000003             version 3: "<epoch>\n" and the rows it added
//   <folder>/BROKEN               Commit of new epochs is refused as if the schema had changed
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/env.h"
#include "weir/columnar/ports.h"

namespace weir::epoch::testing {

class FileSink : public columnar::SinkCommitter {
 public:
  FileSink(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  Status Create() { return env_.CreateDirsSynced(JoinPath(folder_, "staged")); }

  // Stages the rows durably; the token is "<epoch> <name>".
  Result<std::string> Prepare(uint64_t epoch, const std::string& rows) {
    const std::string name = std::to_string(env_.RandomU64());
    WEIR_RETURN_IF_ERROR(env_.PutIfAbsent(StagedPath(name), rows));
    return std::to_string(epoch) + " " + name;
  }

  Result<columnar::CommitResult> Commit(const std::string& token) override {
    const uint64_t epoch = strtoull(token.c_str(), nullptr, 10);
    const std::string name = token.substr(token.find(' ') + 1);
    while (true) {
      WEIR_ASSIGN_OR_RETURN(const auto versions, Versions());
      columnar::CommitResult result;
      result.version = static_cast<int64_t>(versions.size());
      for (size_t i = 0; i < versions.size(); ++i) {
        if (versions[i].first != epoch) continue;
        // Seen is not yet durable, if the process that wrote it was killed.
        WEIR_RETURN_IF_ERROR(env_.SyncDir(folder_));
        result.version = static_cast<int64_t>(i);
        result.already_done = true;
        return result;
      }
      if (env_.Exists(JoinPath(folder_, "BROKEN"))) {
        return Error::Operator(ErrorCode::kConflict, "the schema has changed").At(folder_);
      }
      WEIR_ASSIGN_OR_RETURN(const std::string rows, env_.ReadFile(StagedPath(name)));
      Status put =
          env_.PutIfAbsent(VersionPath(versions.size()), std::to_string(epoch) + "\n" + rows);
      if (!put.ok() && put.error().code() == ErrorCode::kAlreadyExists) continue;
      WEIR_RETURN_IF_ERROR(std::move(put));
      return result;
    }
  }

  Status Abort(const std::string& token) override {
    Status removed = env_.RemoveFile(StagedPath(token.substr(token.find(' ') + 1)));
    if (!removed.ok() && removed.error().code() == ErrorCode::kNotFound) return Status::Ok();
    return removed;
  }

  Status SetBroken(bool broken) {
    const std::string path = JoinPath(folder_, "BROKEN");
    if (broken) return env_.WriteFileAtomic(path, "");
    Status removed = env_.RemoveFile(path);
    if (!removed.ok() && removed.error().code() != ErrorCode::kNotFound) return removed;
    return env_.SyncDir(folder_);
  }

  // Epoch and rows of each version, in order.
  Result<std::vector<std::pair<uint64_t, std::string>>> Versions() {
    std::vector<std::pair<uint64_t, std::string>> versions;
    while (true) {
      auto bytes = env_.ReadFile(VersionPath(versions.size()));
      if (!bytes.ok() && bytes.error().code() == ErrorCode::kNotFound) return versions;
      WEIR_RETURN_IF_ERROR(bytes.status());
      versions.emplace_back(strtoull(bytes->c_str(), nullptr, 10),
                            bytes->substr(bytes->find('\n') + 1));
    }
  }

  // All rows of the table.
  Result<std::string> Rows() {
    WEIR_ASSIGN_OR_RETURN(const auto versions, Versions());
    std::string all;
    for (const auto& [epoch, rows] : versions) all += rows;
    return all;
  }

 private:
  std::string StagedPath(const std::string& name) const {
    return JoinPath(folder_, "staged/" + name);
  }
  std::string VersionPath(size_t version) const {
    char name[16];
    snprintf(name, sizeof name, "%08zu", version);
    return JoinPath(folder_, name);
  }

  Env& env_;
  const std::string folder_;
};

}  // namespace weir::epoch::testing
