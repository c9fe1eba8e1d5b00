// Staged records: the output of one epoch for a topic, encoded, in one file of ours that survives a
// crash: from a sink's Prepare to the end of its Commit. Rows come from several threads in no order
// and are read back in theirs: each thread sorts what it has in memory and writes it as a run, and
// the reader merges the runs. The bytes: docs/formats/staged-records.md.
//
// Thread rule: a StagedRun belongs to one thread; StagedFile::Append is thread-safe; a reader
// belongs to one thread.
// Errors: those of Env; kCorrupt naming the file; kLimit for a record or a number of runs beyond
// the limits.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"

namespace weir::connect {

inline constexpr size_t kStagedRecordBytesMax = size_t{256} << 20;
inline constexpr size_t kStagedRunsMax = 16384;

struct StagedHeader {
  std::string name;
  std::optional<std::string> value;

  bool operator==(const StagedHeader& other) const = default;
};

// One record as it will stand in the topic. No key, no value: null in Kafka's words.
struct StagedRecord {
  int64_t order_major = -1;  // the row's place; records with equal places stay as they came
  int64_t order_minor = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<int64_t> timestamp_ms;
  std::vector<StagedHeader> headers;

  bool operator==(const StagedRecord& other) const = default;
};

// Records in memory, until they are enough for a run of the file.
class StagedRun {
 public:
  Status Add(const StagedRecord& record);
  size_t bytes() const { return bytes_.size() + entries_.size() * sizeof(Entry); }
  bool empty() const { return entries_.empty(); }
  void Clear();

 private:
  friend class StagedFile;
  struct Entry {
    int64_t major;
    int64_t minor;
    size_t begin;
    size_t end;
  };
  std::string bytes_;
  std::vector<Entry> entries_;
};

// What Finish gives, and the token keeps: with it a file that is not the one is found out.
struct StagedTotals {
  int64_t records = 0;
  uint64_t bytes = 0;     // of the file
  uint64_t checksum = 0;  // of its index
};

class StagedFile {
 public:
  // The file must not exist.
  static Result<std::unique_ptr<StagedFile>> Create(Env& env, const std::string& path);
  // Sorts the records and writes them. The run can be used again after Clear.
  Status Append(StagedRun& run);
  // Writes the index and syncs the file (not its folder). No Append after it.
  Result<StagedTotals> Finish();

 private:
  struct RunPlace {
    uint64_t offset;
    uint64_t bytes;
    uint64_t records;
  };
  StagedFile() = default;
  Status Write(std::string_view bytes);  // with mutex_

  std::mutex mutex_;  // protects everything below
  std::unique_ptr<File> file_;
  uint64_t size_ = 0;
  std::vector<RunPlace> runs_;
};

class StagedReader {
 public:
  // `expected`: what Finish gave; kCorrupt if the file is another.
  static Result<std::unique_ptr<StagedReader>> Open(Env& env, const std::string& path,
                                                    const std::optional<StagedTotals>& expected);
  ~StagedReader();
  // In order; false at the end.
  Result<bool> Next(StagedRecord* record);
  int64_t records() const { return records_; }

 private:
  struct Cursor;
  StagedReader() = default;
  Status Advance(Cursor& cursor);
  Error Damaged(const std::string& what) const;

  std::string path_;
  std::unique_ptr<File> file_;
  int64_t records_ = 0;
  std::vector<std::unique_ptr<Cursor>> cursors_;
  std::vector<Cursor*> heap_;  // by their next record's place, then the number of the run
};

}  // namespace weir::connect
