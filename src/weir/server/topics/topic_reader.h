// TopicReader: the records of ranges of partitions, one after the other, as a consumer sees them:
// without markers and, as asked, without aborted or unfinished transactions.
//
//   TopicReader reader(admin, {{{"orders", 0}, 17, 42}}, {});
//   for (;;) {
//     TopicRecord record;
//     WEIR_ASSIGN_OR_RETURN(const bool found, reader.Next(500, &record));
//     if (!found && reader.done()) break;
//     ...
//   }
//
// Records of one partition come in order; those of several as their batches come. Where a range
// begins before what is still kept, it begins there.
//
// Thread rule: one thread at a time. A record is valid until the next call.
// Errors: kCorrupt, a batch is damaged; as KafkaAdmin's.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "weir/base/result.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/record_batch_reader.h"
#include "weir/server/topics/kafka_admin.h"

namespace weir::server {

struct ReadRange {
  TopicPartition partition;
  int64_t begin = 0;
  int64_t end = std::numeric_limits<int64_t>::max();  // this one not; the greatest: as they come
};

struct TopicReaderOptions {
  bool committed = true;
  int32_t partition_bytes = 1 << 20;  // asked of a partition at a time
  int32_t answer_bytes = 16 << 20;    // and of a node
};

struct TopicRecord {
  const TopicPartition* partition = nullptr;
  bool log_append_time = false;  // else the producer gave the timestamp
  log::Record record;
};

class TopicReader {
 public:
  TopicReader(KafkaAdmin& admin, std::vector<ReadRange> ranges, TopicReaderOptions options);

  // False: nothing came within about wait_ms, or everything is read.
  Result<bool> Next(int32_t wait_ms, TopicRecord* out);
  bool done() const { return open_ == 0; }
  // True: Next has a record without asking the server.
  bool has_buffered() const { return in_batch_ || batch_at_ < parts_.size(); }

 private:
  struct State {
    ReadRange range;
    int64_t next = 0;  // offset
    bool done = false;
  };
  // What one answer has of a partition.
  struct Part {
    State* state;
    log::BatchCursor batches;
    std::vector<log::kafka::FetchResponse::AbortedTransaction> aborted;  // by first offset
    size_t aborted_at = 0;
    std::unordered_set<int64_t> aborted_producers;
  };

  // Opens the next batch of the answer with records to give. False: there is none.
  Result<bool> OpenBatch();
  static bool IsAborted(Part& part);
  // Asks one node; true if it had anything new.
  Result<bool> Fetch(int32_t node, const std::vector<State*>& states, int32_t wait_ms);
  Status Take(log::kafka::FetchResponse response, bool* moved);
  void Pass(State& state, int64_t next);

  KafkaAdmin& admin_;
  const TopicReaderOptions options_;
  std::map<TopicPartition, State> states_;
  size_t open_ = 0;   // states that are not done
  int failures_ = 0;  // answers in a row that only said to look elsewhere
  size_t fetches_ = 0;

  std::string frame_;  // of the answer that is read
  std::vector<Part> parts_;
  size_t batch_at_ = 0;  // in parts_
  bool in_batch_ = false;
  log::RecordReader reader_;
};

}  // namespace weir::server
