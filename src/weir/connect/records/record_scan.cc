#include "weir/connect/records/record_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "weir/connect/records/moved_topic.h"
#include "weir/connect/records/record_position.h"
#include "weir/connect/records/record_split.h"

namespace weir::connect {

namespace {

using columnar::Origin;
using columnar::Position;
using columnar::Split;

// A split costs a connection: not worth it below.
constexpr int64_t kSplitRecordsMin = 100'000;
constexpr int64_t kSplitRecordsMax = 1'000'000;
constexpr int64_t kSplitsWanted = 4;

class RecordScan : public columnar::SourceScan {
 public:
  RecordScan(std::shared_ptr<const RecordSourceFacts> facts, std::shared_ptr<RecordLog> log)
      : facts_(std::move(facts)), log_(std::move(log)) {}

  Status Plan(const columnar::ScanRequest& request);

  const columnar::SourceChanges& changes() const override { return changes_; }
  Position end_position() const override { return WriteRecordPosition(position_); }
  const std::vector<std::string>& files() const override { return files_; }
  int64_t OffsetEnd(size_t file) const override { return ends_[file]; }
  const std::vector<Split>& splits() const override { return splits_; }

  Result<std::unique_ptr<columnar::SplitReader>> Open(size_t split,
                                                      const std::vector<uint64_t>& columns,
                                                      columnar::UnparsedRows* unparsed) override {
    return OpenRecordSplit(facts_, log_, ranges_[split], columns, unparsed);
  }

  Result<std::string> ReadRaw(const Origin& origin, size_t max_bytes) override {
    if (origin.file < 0 || static_cast<size_t>(origin.file) >= partitions_.size()) {
      return Error::Bug(fmt::format("no partition with the ordinal {}", origin.file));
    }
    std::lock_guard lock(raw_mutex_);
    WEIR_ASSIGN_OR_RETURN(const LogRecord* const record, FindRaw(origin));
    return std::string(record->value.value_or(std::string_view()).substr(0, max_bytes));
  }

 private:
  Error Gone(const std::string& what) const {
    return Error::User(ErrorCode::kConflict, what).At(facts_->options.name);
  }
  Status CheckTopic(const RecordPosition& before, const TopicEnds& ends) const;
  // By partition; where the first run begins.
  Result<std::map<int32_t, int64_t>> Begins(const TopicEnds& ends);
  Result<std::map<int32_t, int64_t>> Bounds(const TopicEnds& ends);
  // From the offset that is next, or what is left of it.
  Result<int64_t> StartOf(const PartitionEnds& ends, int64_t next);
  // Takes from the range what a query does not want.
  Status Narrow(const std::vector<columnar::ColumnBound>& bounds, int32_t partition, int64_t* from,
                int64_t* to);
  void CutSplits();
  Result<const LogRecord*> FindRaw(const Origin& origin);

  const std::shared_ptr<const RecordSourceFacts> facts_;
  const std::shared_ptr<RecordLog> log_;
  columnar::SourceChanges changes_;
  RecordPosition position_;
  std::vector<std::string> files_;       // of partitions with records to read
  std::vector<int64_t> ends_;            // as files_
  std::vector<RecordRange> partitions_;  // as files_: all that is read of each
  std::vector<RecordRange> ranges_;      // of the splits
  std::vector<Split> splits_;

  // The records that were read last for ReadRaw, and the reader that goes on behind them.
  std::mutex raw_mutex_;  // guards the rest
  int32_t raw_file_ = -1;
  std::unique_ptr<RecordRangeReader> raw_reader_;
  std::vector<LogRecord> raw_records_;
};

Status RecordScan::CheckTopic(const RecordPosition& before, const TopicEnds& ends) const {
  if (before.topic != log_->topic()) {
    return Gone(fmt::format("the table was read from topic '{}', now from '{}'", before.topic,
                            log_->topic()))
        .Fix(
            "give the other topic a table of its own, or read it from its beginning with "
            "--full-refresh");
  }
  if (!before.id.empty() && !ends.id.empty() && before.id != ends.id) {
    return Gone(fmt::format("topic '{}' was deleted and made again since it was read",
                            log_->topic()))
        .Fix("read the new one from its beginning with --full-refresh");
  }
  for (const auto& [partition, next] : before.partitions) {
    const bool there = std::any_of(ends.partitions.begin(), ends.partitions.end(),
                                   [&p = partition](const auto& e) { return e.partition == p; });
    if (!there) {
      return Gone(fmt::format("partition {} of topic '{}' is gone: the topic was deleted and made "
                              "again since it was read",
                              partition, log_->topic()))
          .Fix("read the new one from its beginning with --full-refresh");
    }
  }
  return Status::Ok();
}

Result<std::map<int32_t, int64_t>> RecordScan::Begins(const TopicEnds& ends) {
  const RecordScanOptions& scan = facts_->options.scan;
  std::vector<int32_t> partitions;
  std::map<int32_t, int64_t> begins;
  for (const PartitionEnds& p : ends.partitions) {
    partitions.push_back(p.partition);
    begins[p.partition] = p.begin;
  }
  switch (scan.start) {
    case ScanStart::kEarliest:
      break;
    case ScanStart::kLatest:
      for (const PartitionEnds& p : ends.partitions) begins[p.partition] = p.end;
      break;
    case ScanStart::kTimestamp: {
      WEIR_ASSIGN_OR_RETURN(const auto at, log_->OffsetsAt(partitions, scan.start_timestamp_ms));
      for (const PartitionEnds& p : ends.partitions) {
        const auto found = at.find(p.partition);
        begins[p.partition] = found == at.end() ? p.end : std::clamp(found->second, p.begin, p.end);
      }
      break;
    }
    case ScanStart::kOffsets:
      for (const PartitionEnds& p : ends.partitions) {
        const auto found = scan.start_offsets.find(p.partition);
        if (found == scan.start_offsets.end()) continue;
        if (found->second > p.end) {
          return Error::User(ErrorCode::kInvalid,
                             fmt::format("option 'scan.startup.specific-offsets' begins partition "
                                         "{} with offset {}, and it ends at {}",
                                         p.partition, found->second, p.end))
              .At(facts_->options.name);
        }
        begins[p.partition] = found->second;
      }
      break;
    case ScanStart::kGroup: {
      WEIR_ASSIGN_OR_RETURN(const auto committed,
                            log_->GroupOffsets(partitions, facts_->options.group_id));
      for (const PartitionEnds& p : ends.partitions) {
        const auto found = committed.find(p.partition);
        if (found != committed.end()) begins[p.partition] = found->second;
      }
      break;
    }
  }
  return begins;
}

Result<std::map<int32_t, int64_t>> RecordScan::Bounds(const TopicEnds& ends) {
  const RecordScanOptions& scan = facts_->options.scan;
  std::map<int32_t, int64_t> bounds;
  std::vector<int32_t> partitions;
  for (const PartitionEnds& p : ends.partitions) {
    bounds[p.partition] = p.end;
    partitions.push_back(p.partition);
  }
  if (scan.end == ScanEnd::kLatest) return bounds;
  std::map<int32_t, int64_t> given = scan.end_offsets;
  if (scan.end == ScanEnd::kTimestamp) {
    WEIR_ASSIGN_OR_RETURN(given, log_->OffsetsAt(partitions, scan.end_timestamp_ms));
  }
  for (auto& [partition, bound] : bounds) {
    const auto found = given.find(partition);
    if (found != given.end()) bound = std::min(bound, found->second);
  }
  return bounds;
}

Result<int64_t> RecordScan::StartOf(const PartitionEnds& ends, int64_t next) {
  const std::string name = fmt::format("{}/{}", log_->topic(), ends.partition);
  if (next > ends.end) {
    if (facts_->options.scan.skip_lost) {
      changes_.notes.push_back(fmt::format(
          "{}: was read up to offset {} and ends at {} now: read from its beginning again "
          "('scan.offset-out-of-range' = 'earliest')",
          name, next, ends.end));
      return ends.begin;
    }
    return Gone(fmt::format("{} was read up to offset {} and ends at {} now: the topic was deleted "
                            "and made again, or records were lost",
                            name, next, ends.end))
        .Fix("read it from its beginning with --full-refresh");
  }
  if (next >= ends.begin) return next;
  const int64_t lost = ends.begin - next;
  const std::string what = fmt::format(
      "{}: {} records from offset {} on were removed before they "
      "were read (retention)",
      name, lost, next);
  if (!facts_->options.scan.skip_lost) {
    return Gone(what).Fix(
        "'scan.offset-out-of-range' = 'earliest' goes on with what is left; let the topic keep its "
        "records longer (retention.ms), or run more often");
  }
  changes_.notes.push_back(what);
  return ends.begin;
}

Status RecordScan::Plan(const columnar::ScanRequest& request) {
  WEIR_ASSIGN_OR_RETURN(std::optional<RecordPosition> before, ParseRecordPosition(request.from));
  WEIR_ASSIGN_OR_RETURN(const TopicEnds ends, log_->Ends());
  if (before && !before->cluster.empty() && before->cluster != ends.cluster &&
      before->topic == log_->topic()) {
    WEIR_ASSIGN_OR_RETURN(before, PositionInCopy(*log_, *before, ends));
    changes_.notes.push_back(
        fmt::format("topic {} was moved to another cluster: reading goes on in its copy at the "
                    "same records",
                    log_->topic()));
  }
  if (before) WEIR_RETURN_IF_ERROR(CheckTopic(*before, ends));
  std::map<int32_t, int64_t> begins;
  if (!before) {
    WEIR_ASSIGN_OR_RETURN(begins, Begins(ends));
  }
  WEIR_ASSIGN_OR_RETURN(const auto bounds, Bounds(ends));
  position_.cluster = ends.cluster;
  position_.topic = log_->topic();
  // A log that tells no id may be one that told it before, reached in another way.
  position_.id = ends.id.empty() && before ? before->id : ends.id;
  for (const PartitionEnds& p : ends.partitions) {
    int64_t next = 0;  // of a partition that was added since
    if (before) {
      const auto found = before->partitions.find(p.partition);
      if (found != before->partitions.end()) next = found->second;
    } else {
      next = begins.at(p.partition);
    }
    WEIR_ASSIGN_OR_RETURN(int64_t from, StartOf(p, next));
    int64_t to = std::max(from, bounds.at(p.partition));
    position_.partitions[p.partition] = to;
    if (from < to && !request.bounds.empty()) {
      WEIR_RETURN_IF_ERROR(Narrow(request.bounds, p.partition, &from, &to));
    }
    if (from >= to) continue;
    partitions_.push_back({p.partition, static_cast<int32_t>(files_.size()), from, to});
    files_.push_back(fmt::format("{}/{}", log_->topic(), p.partition));
    ends_.push_back(to);
  }
  changes_.grown_partitions = static_cast<int64_t>(files_.size());
  CutSplits();
  return Status::Ok();
}

Status RecordScan::Narrow(const std::vector<columnar::ColumnBound>& bounds, int32_t partition,
                          int64_t* from, int64_t* to) {
  for (const columnar::ColumnBound& bound : bounds) {
    const RecordSourceFacts::Column& column = facts_->columns[bound.column];
    if (column.from != RecordSourceFacts::Column::From::kMetadata) continue;
    if (column.key == "partition" && (partition < bound.least || partition > bound.most)) {
      *to = *from;
    } else if (column.key == "offset") {
      *from = std::max(*from, bound.least);
      if (bound.most < *to) *to = bound.most + 1;
    } else if (column.key == "timestamp" && bound.least > 0) {
      // Times need not grow with offsets: only what stands before the first record of this time or
      // later is known not to be wanted.
      const bool is_ms =
          facts_->schema.fields[bound.column].type.id() == duckdb::LogicalTypeId::BIGINT;
      const int64_t ms = is_ms ? bound.least : bound.least / 1000;
      WEIR_ASSIGN_OR_RETURN(const auto at, log_->OffsetsAt({partition}, ms));
      const auto found = at.find(partition);
      *from = found == at.end() ? *to : std::max(*from, found->second);
    }
    if (*from >= *to) break;
  }
  return Status::Ok();
}

void RecordScan::CutSplits() {
  int64_t total = 0;
  for (const RecordRange& range : partitions_) total += range.to - range.from;
  int64_t records = facts_->options.scan.split_records;
  if (records == 0) {
    records = std::clamp(total / kSplitsWanted + 1, kSplitRecordsMin, kSplitRecordsMax);
  }
  for (const RecordRange& whole : partitions_) {
    for (int64_t from = whole.from; from < whole.to;) {
      RecordRange range = whole;
      range.from = from;
      range.to = whole.to - from <= records ? whole.to : from + records;
      from = range.to;
      Split split;
      split.name = fmt::format("{}[{},{})", files_[static_cast<size_t>(range.ordinal)], range.from,
                               range.to);
      split.bytes = static_cast<uint64_t>(range.to - range.from) * kGuessedRecordBytes;
      splits_.push_back(std::move(split));
      ranges_.push_back(range);
    }
  }
}

Result<const LogRecord*> RecordScan::FindRaw(const Origin& origin) {
  constexpr size_t kBatch = 500;
  const auto at = [&]() -> const LogRecord* {
    const auto found = std::lower_bound(
        raw_records_.begin(), raw_records_.end(), origin.offset,
        [](const LogRecord& record, int64_t offset) { return record.offset < offset; });
    return found != raw_records_.end() && found->offset == origin.offset ? &*found : nullptr;
  };
  if (raw_file_ == origin.file && raw_reader_) {
    if (const LogRecord* record = at()) return record;
    // Rejected rows are asked for in order, mostly: the next batch is the likely one.
    if (!raw_records_.empty() && origin.offset > raw_records_.back().offset &&
        origin.offset - raw_records_.back().offset <= int64_t{kBatch}) {
      WEIR_RETURN_IF_ERROR(raw_reader_->Next(kBatch, &raw_records_));
      if (const LogRecord* record = at()) return record;
    }
  }
  const RecordRange& range = partitions_[static_cast<size_t>(origin.file)];
  raw_records_.clear();
  raw_file_ = origin.file;
  WEIR_ASSIGN_OR_RETURN(raw_reader_, log_->Read(range.partition, origin.offset, range.to, false));
  WEIR_RETURN_IF_ERROR(raw_reader_->Next(kBatch, &raw_records_));
  if (const LogRecord* record = at()) return record;
  return Error::Operator(ErrorCode::kNotFound,
                         fmt::format("the record at offset {} of {} is gone", origin.offset,
                                     files_[static_cast<size_t>(origin.file)]));
}

}  // namespace

Result<std::unique_ptr<columnar::SourceScan>> PlanRecordScan(
    std::shared_ptr<const RecordSourceFacts> facts, std::shared_ptr<RecordLog> log,
    const columnar::ScanRequest& request) {
  auto scan = std::make_unique<RecordScan>(std::move(facts), std::move(log));
  WEIR_RETURN_IF_ERROR(scan->Plan(request));
  return scan;
}

}  // namespace weir::connect
