#include "weir/server/topics/embedded_topic.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "weir/log/groups/group_offsets.h"
#include "weir/log/record_batch_reader.h"

namespace weir::server {

namespace {

using connect::LogRecord;
using connect::PartitionEnds;
using connect::TopicEnds;

constexpr uint64_t kReadBytes = 4 << 20;

class EmbeddedRangeReader : public connect::RecordRangeReader {
 public:
  EmbeddedRangeReader(std::shared_ptr<EmbeddedLog> log, std::string name, uint32_t number,
                      int64_t from, int64_t to, bool with_headers)
      : log_(std::move(log)),
        name_(std::move(name)),
        number_(number),
        position_(from),
        to_(to),
        with_headers_(with_headers) {}
  ~EmbeddedRangeReader() override {
    // What was read goes back to the log's buffers, which are for one thread at a time.
    log_->With([this](log::EventLog&) { fetched_ = {}; });
  }
  EmbeddedRangeReader(const EmbeddedRangeReader&) = delete;
  EmbeddedRangeReader& operator=(const EmbeddedRangeReader&) = delete;

  Status Next(size_t most, std::vector<LogRecord>* out) override {
    out->clear();
    // The records of one batch at a time: views into a decompressed one end with it.
    while (out->empty()) {
      if (!in_batch_) {
        WEIR_ASSIGN_OR_RETURN(const bool more, NextBatch());
        if (!more) return Status::Ok();
      }
      log::Record record;
      while (out->size() < most) {
        if (!reader_.Next(record)) {
          in_batch_ = false;
          break;
        }
        if (record.offset < position_) continue;
        if (record.offset >= to_) {
          in_batch_ = false;
          break;
        }
        position_ = record.offset + 1;
        out->push_back(Convert(record));
      }
      if (!reader_.status().ok()) {
        Error error = reader_.status().error();
        return std::move(error).At(name_);
      }
      if (!in_batch_) position_ = std::max(position_, std::min(to_, batch_end_));
    }
    return Status::Ok();
  }

 private:
  LogRecord Convert(const log::Record& record) const {
    LogRecord out;
    const log::BatchHeader& header = reader_.header();
    out.offset = record.offset;
    out.timestamp_ms = header.log_append_time() ? header.max_timestamp : record.timestamp;
    out.timestamp_type = record.timestamp < 0       ? connect::TimestampType::kNone
                         : header.log_append_time() ? connect::TimestampType::kLogAppendTime
                                                    : connect::TimestampType::kCreateTime;
    out.leader_epoch = header.leader_epoch;
    out.key = record.key;
    out.value = record.value;
    if (with_headers_) {
      for (const log::RecordHeader& h : record.Headers()) out.headers.emplace_back(h.key, h.value);
    }
    return out;
  }

  // Opens the next batch with records to read. False: the range has ended.
  Result<bool> NextBatch() {
    while (position_ < to_) {
      if (batches_.empty()) {
        WEIR_ASSIGN_OR_RETURN(const bool more, Fetch());
        if (!more) return false;
        continue;
      }
      const std::string_view batch = batches_.front();
      batches_.pop_front();
      const auto header = log::ReadBatchHeader(batch);
      if (!header || header->base_offset >= to_) {
        position_ = to_;
        return false;
      }
      batch_end_ = header->last_offset() + 1;
      if (header->control() || IsAborted(*header)) {
        position_ = std::max(position_, std::min(to_, batch_end_));
        continue;
      }
      Status opened = reader_.Open(batch);
      if (!opened.ok()) return std::move(opened).error().At(name_);
      in_batch_ = true;
      return true;
    }
    return false;
  }

  Result<bool> Fetch() {
    return log_->With([&](log::EventLog& log) -> Result<bool> {
      log::PartitionLog* const partition = log.FindPartition(number_);
      if (partition == nullptr || position_ < partition->start_offset()) {
        return Error::User(ErrorCode::kConflict,
                           fmt::format("{}: the records from offset {} on were removed while they "
                                       "were read",
                                       name_, position_))
            .Fix("run again; let the topic keep its records longer (retention.ms)");
      }
      fetched_ = log.Read(number_, position_, {.max_bytes = kReadBytes, .end_offset = to_});
      if (fetched_.error != log::kafka::KafkaError::kNone) {
        return Error::Operator(ErrorCode::kIo,
                               fmt::format("{} can't be read at offset {}", name_, position_));
      }
      batches_.assign(fetched_.batches.begin(), fetched_.batches.end());
      aborted_ = partition->AbortedBetween(position_, to_);
      // Nothing: compaction left no batch of the rest.
      if (batches_.empty()) position_ = to_;
      return !batches_.empty();
    });
  }

  bool IsAborted(const log::BatchHeader& header) const {
    return header.transactional() &&
           std::any_of(aborted_.begin(), aborted_.end(), [&](const auto& transaction) {
             return transaction.producer_id == header.producer_id &&
                    header.base_offset >= transaction.first_offset &&
                    header.base_offset < transaction.marker_offset;
           });
  }

  const std::shared_ptr<EmbeddedLog> log_;
  const std::string name_;
  const uint32_t number_;
  int64_t position_;
  const int64_t to_;
  const bool with_headers_;
  log::FetchedBatches fetched_;  // keeps the bytes of batches_
  std::deque<std::string_view> batches_;
  std::vector<log::AbortedTransaction> aborted_;
  log::RecordReader reader_;  // of the batch that is being read
  int64_t batch_end_ = 0;
  bool in_batch_ = false;
};

class EmbeddedTopicLog : public connect::RecordLog {
 public:
  EmbeddedTopicLog(std::shared_ptr<EmbeddedLog> log, std::string topic)
      : log_(std::move(log)), topic_(std::move(topic)) {}

  const std::string& topic() const override { return topic_; }

  Result<TopicEnds> Ends() override {
    WEIR_ASSIGN_OR_RETURN(const std::string cluster, log_->ClusterId());
    return log_->With([&](log::EventLog& log) -> Result<TopicEnds> {
      WEIR_ASSIGN_OR_RETURN(const log::Topic* const topic, Find(log));
      TopicEnds ends;
      ends.cluster = cluster;
      ends.id = TopicIdText(topic->id);
      for (size_t i = 0; i < topic->partitions.size(); ++i) {
        const log::PartitionLog* const partition = log.FindPartition(topic->partitions[i]);
        if (partition == nullptr) continue;
        const int64_t begin = partition->start_offset();
        ends.partitions.push_back(
            {static_cast<int32_t>(i), begin, std::max(begin, partition->last_stable_offset())});
      }
      return ends;
    });
  }

  Result<std::shared_ptr<RecordLog>> Other(const std::string& topic) override {
    return std::make_shared<EmbeddedTopicLog>(log_, topic);
  }

  Result<std::map<int32_t, int64_t>> OffsetsAt(const std::vector<int32_t>& partitions,
                                               int64_t timestamp_ms) override {
    std::map<int32_t, int64_t> offsets;
    for (const int32_t partition : partitions) {
      WEIR_ASSIGN_OR_RETURN(const uint32_t number, NumberOf(partition));
      struct Place {
        std::optional<int64_t> batch;
        int64_t end = 0;
      };
      WEIR_ASSIGN_OR_RETURN(const Place place, log_->With([&](log::EventLog& log) -> Result<Place> {
        const log::PartitionLog* const found = log.FindPartition(number);
        if (found == nullptr) return Place{};
        WEIR_ASSIGN_OR_RETURN(const auto batch, log.BatchAtTimestamp(number, timestamp_ms));
        return Place{batch, found->last_stable_offset()};
      }));
      if (!place.batch || *place.batch >= place.end) continue;
      EmbeddedRangeReader reader(log_, NameOf(partition), number, *place.batch, place.end, false);
      std::vector<LogRecord> records;
      bool found = false;
      while (!found) {
        WEIR_RETURN_IF_ERROR(reader.Next(1000, &records));
        if (records.empty()) break;
        for (const LogRecord& record : records) {
          if (record.timestamp_ms < timestamp_ms) continue;
          offsets[partition] = record.offset;
          found = true;
          break;
        }
      }
    }
    return offsets;
  }

  Result<std::map<int32_t, int64_t>> GroupOffsets(const std::vector<int32_t>& partitions,
                                                  const std::string& group) override {
    return log_->With([&](log::EventLog& log) -> Result<std::map<int32_t, int64_t>> {
      WEIR_ASSIGN_OR_RETURN(const log::Topic* const topic, Find(log));
      log::GroupOffsets committed;
      log.state().ForEach(log::GroupOffsets::kCommittedPrefix,
                          [&](const std::string& key, const std::string& value) {
                            committed.Apply({key, value});
                          });
      std::map<int32_t, int64_t> offsets;
      for (const int32_t partition : partitions) {
        const log::CommittedOffset* const found = committed.Find(group, {topic->id, partition});
        if (found != nullptr && found->offset >= 0) offsets[partition] = found->offset;
      }
      return offsets;
    });
  }

  Result<std::unique_ptr<connect::RecordRangeReader>> Read(int32_t partition, int64_t from,
                                                           int64_t to, bool with_headers) override {
    WEIR_ASSIGN_OR_RETURN(const uint32_t number, NumberOf(partition));
    return std::make_unique<EmbeddedRangeReader>(log_, NameOf(partition), number, from, to,
                                                 with_headers);
  }

 private:
  std::string NameOf(int32_t partition) const { return fmt::format("{}/{}", topic_, partition); }

  Result<const log::Topic*> Find(const log::EventLog& log) const {
    const log::Topic* const topic = log.topics().Find(topic_);
    if (topic != nullptr) return topic;
    std::string names;
    for (const auto& [name, other] : log.topics().all()) {
      names += (names.empty() ? "" : ", ") + name;
    }
    return Error::User(ErrorCode::kNotFound,
                       fmt::format("there is no topic '{}' in {}", topic_, log_->folder()))
        .Fix(names.empty() ? "create it with 'weir topic create'" : "there are " + names);
  }

  Result<uint32_t> NumberOf(int32_t partition) {
    return log_->With([&](log::EventLog& log) -> Result<uint32_t> {
      WEIR_ASSIGN_OR_RETURN(const log::Topic* const topic, Find(log));
      if (partition < 0 || static_cast<size_t>(partition) >= topic->partitions.size()) {
        return Error::User(ErrorCode::kNotFound, fmt::format("there is no {}", NameOf(partition)));
      }
      return topic->partitions[static_cast<size_t>(partition)];
    });
  }

  const std::shared_ptr<EmbeddedLog> log_;
  const std::string topic_;
};

}  // namespace

std::string TopicIdText(const log::TopicId& id) {
  std::string text;
  for (const uint8_t byte : id.bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::shared_ptr<connect::RecordLog> EmbeddedTopic(std::shared_ptr<EmbeddedLog> log,
                                                  std::string topic) {
  return std::make_shared<EmbeddedTopicLog>(std::move(log), std::move(topic));
}

}  // namespace weir::server
