// Delta actions: the lines of a log entry, read and written (Delta PROTOCOL, Actions).
//
// A commit is a set of actions; their order within it means nothing, so a parsed commit is one
// struct with a list per kind. Actions and fields that are not known are skipped, as the protocol
// asks for: what they mean is announced by table features, and those are checked
// (protocol_check.h).
//
//   WEIR_ASSIGN_OR_RETURN(Commit commit, ParseCommit(bytes));
//   std::string bytes = WriteCommit(commit);
//
// Thread rule: values.
// Errors: kCorrupt for bytes that are not a log entry.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir::lake {

// Values of partition columns in Delta's text form; nullopt is NULL.
using PartitionValues = std::map<std::string, std::optional<std::string>>;

struct Protocol {
  int min_reader_version = 1;
  int min_writer_version = 2;
  std::vector<std::string> reader_features;  // with reader version 3
  std::vector<std::string> writer_features;  // with writer version 7
  bool operator==(const Protocol&) const = default;
};

struct Metadata {
  std::string id;
  std::string name;
  std::string description;
  std::string format_provider = "parquet";
  std::string schema_string;  // JSON, see schema_json.h
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> configuration;
  std::optional<int64_t> created_time_ms;
  bool operator==(const Metadata&) const = default;
};

struct DeletionVector {
  std::string storage_type;  // "u", "i", "p"
  std::string path_or_inline;
  std::optional<int64_t> offset;
  int64_t size_in_bytes = 0;
  int64_t cardinality = 0;
  bool operator==(const DeletionVector&) const = default;
};

struct AddFile {
  std::string path;  // as in the log: URI-encoded, relative to the table or absolute
  PartitionValues partition_values;
  int64_t size = 0;
  int64_t modification_time_ms = 0;
  bool data_change = true;
  std::string stats;  // JSON; empty: none
  std::optional<DeletionVector> deletion_vector;
  std::map<std::string, std::optional<std::string>> tags;
};

struct RemoveFile {
  std::string path;
  std::optional<int64_t> deletion_timestamp_ms;
  bool data_change = true;
  bool extended_file_metadata = false;  // the three fields below are given
  PartitionValues partition_values;
  int64_t size = 0;
  std::optional<DeletionVector> deletion_vector;
};

struct SetTransaction {
  std::string app_id;
  int64_t version = 0;
  std::optional<int64_t> last_updated_ms;
};

struct DomainMetadata {
  std::string domain;
  std::string configuration;
  bool removed = false;
};

// What is used of commitInfo, which every writer fills as it likes.
struct CommitInfo {
  int64_t timestamp_ms = 0;
  std::string operation;
  std::map<std::string, std::string> operation_parameters;  // values are JSON; not read back
  std::map<std::string, std::string> operation_metrics;
  std::optional<int64_t> read_version;
  std::string isolation_level;
  std::optional<bool> is_blind_append;
  std::string engine_info;
  std::string txn_id;
  std::string user_metadata;
  std::optional<int64_t> in_commit_timestamp_ms;
};

struct Sidecar {
  std::string path;
  int64_t size = 0;
};

struct Commit {
  std::optional<CommitInfo> info;
  std::optional<Protocol> protocol;
  std::optional<Metadata> metadata;
  std::vector<SetTransaction> transactions;
  std::vector<DomainMetadata> domains;
  std::vector<AddFile> adds;
  std::vector<RemoveFile> removes;
  std::vector<Sidecar> sidecars;  // in V2 checkpoints only
  int64_t cdc_files = 0;          // counted only: change data is read by a later version
};

// Newline-separated JSON actions: a log entry, or a V2 checkpoint in JSON form.
Result<Commit> ParseCommit(std::string_view bytes);
// One action a line, commitInfo first (In-Commit Timestamps ask for that).
std::string WriteCommit(const Commit& commit);

}  // namespace weir::lake
