// SimFetcher: reads partitions as Kafka's consumers do: by name or topic id, with or without fetch
// sessions, leaving out control records and, of committed records, those of aborted transactions by
// the list that comes with them.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/kafka/sim/testing/sim_process.h"
#include "weir/log/record_batch_reader.h"

namespace weir::log::kafka::sim {

struct Got {
  int partition = 0;
  int64_t offset = 0;
  Value value = 0;
};

class SimFetcher {
 public:
  SimFetcher(SimProcess& process, bool committed) : process_(process), committed_(committed) {
    static constexpr int16_t kVersions[] = {4, 6, 7, 10, 12, 13, 16};
    version_ = kVersions[process_.loop().Below(std::size(kVersions))];
    sessions_ = version_ >= 7 && process_.loop().OneIn(2);
    NewSession();
  }

  // Positions by partition; whoever changes them begins a new session of the history.
  std::map<int, int64_t> positions;
  void NewSession() { session_ = process_.context().next_session++; }

  // Where it stands at the end of each partition, as last answered.
  const std::map<int, int64_t>& ends() const { return ends_; }

  // One fetch. False: no answer.
  Task<bool> Poll(uint64_t transaction, std::vector<Got>* got) {
    if (positions.empty()) co_return true;
    FetchRequest request;
    request.max_wait_ms = static_cast<int32_t>(process_.loop().Below(500));
    request.min_bytes = 1;
    request.max_bytes = static_cast<int32_t>(process_.loop().Between(1, 4000));
    request.isolation_level = committed_ && !AsksForAll() ? 1 : 0;
    Name(&request);
    const std::map<int, int64_t> asked = positions;
    const Reply<FetchResponse> reply =
        co_await process_.Ask<FetchRequest, FetchResponse>(request, version_);
    if (!reply.message) {
      ForgetFetchSession();
      co_return false;
    }
    const FetchResponse& response = *reply.message;
    if (response.error_code != 0) {
      process_.Tell("Fetch: " + std::string(KafkaErrorName(Error(response.error_code))));
      ForgetFetchSession();
      co_return true;
    }
    if (sessions_) {
      fetch_session_ = response.session_id;
      fetch_epoch_ = response.session_id == 0 ? 0 : request.session_epoch + 1;
      known_ = asked;
    }
    for (const auto& topic : response.responses) {
      for (const auto& data : topic.partitions) {
        const int partition = FirstOf(topic.topic, topic.topic_id) + data.partition_index;
        // Taken away while it waited.
        if (positions.count(partition) > 0) Take(partition, data, transaction, got);
      }
    }
    co_return true;
  }

 private:
  static KafkaError Error(int16_t code) { return static_cast<KafkaError>(code); }
  bool AsksForAll() const { return process_.context().wrong == Wrong::kReadsUncommitted; }

  void ForgetFetchSession() {
    fetch_session_ = 0;
    fetch_epoch_ = 0;
    known_.clear();
  }

  void Name(FetchRequest* request) {
    const bool incremental = sessions_ && fetch_session_ != 0;
    if (sessions_) {
      request->session_id = fetch_session_;
      request->session_epoch = fetch_epoch_;
    }
    for (const auto& [partition, position] : positions) {
      const auto known = known_.find(partition);
      if (incremental && known != known_.end() && known->second == position) continue;
      const SimTopic& topic = process_.context().TopicOf(partition);
      FetchRequest::FetchTopic& wanted = request->topics.emplace_back();
      if (version_ >= 13) {
        wanted.topic_id = topic.id;
      } else {
        wanted.topic = topic.name;
      }
      FetchRequest::FetchPartition& each = wanted.partitions.emplace_back();
      each.partition = partition - topic.first;
      each.fetch_offset = position;
      each.partition_max_bytes = static_cast<int32_t>(process_.loop().Between(1, 2000));
    }
    if (!incremental) return;
    for (const auto& [partition, position] : known_) {
      if (positions.count(partition) > 0) continue;
      const SimTopic& topic = process_.context().TopicOf(partition);
      FetchRequest::ForgottenTopic& forgotten = request->forgotten_topics_data.emplace_back();
      if (version_ >= 13) {
        forgotten.topic_id = topic.id;
      } else {
        forgotten.topic = topic.name;
      }
      forgotten.partitions.push_back(partition - topic.first);
    }
  }

  int FirstOf(const std::string& name, const Uuid& id) {
    for (const SimTopic& topic : process_.context().topics) {
      if (version_ >= 13 ? topic.id == id : topic.name == name) return topic.first;
    }
    process_.history().Wrong("garbage", "an answer of a topic that was not asked for");
    return 0;
  }

  void Take(int partition, const FetchResponse::PartitionData& data, uint64_t transaction,
            std::vector<Got>* got) {
    const KafkaError error = Error(data.error_code);
    if (error != KafkaError::kNone) {
      process_.Tell("Fetch of partition " + std::to_string(partition) + ": " +
                    std::string(KafkaErrorName(error)));
      if (error == KafkaError::kOffsetOutOfRange && !process_.context().strange) {
        process_.history().Wrong("phantom-read", process_.name() +
                                                     " is beyond the end of partition " +
                                                     std::to_string(partition) + " at " +
                                                     std::to_string(positions[partition]));
      }
      // As auto.offset.reset does, a step at a time: what was there is damaged.
      if (error == KafkaError::kOffsetOutOfRange && positions[partition] > 0) {
        positions[partition] -= 1;
        NewSession();
      }
      return;
    }
    const bool settles = committed_ && !AsksForAll();
    ends_[partition] = settles ? data.last_stable_offset : data.high_watermark;
    PollOp poll;
    poll.process = process_.number();
    poll.session = session_;
    poll.transaction = transaction;
    poll.committed = committed_;
    poll.at = process_.history().Tick();
    poll.partition = partition;
    poll.from = positions[partition];
    poll.to = poll.from;
    const std::string bytes = data.records ? std::string(data.records->first()) : std::string();
    BatchCursor batches(bytes);
    std::set<int64_t> aborting;
    std::vector<FetchResponse::AbortedTransaction> aborted;
    if (data.aborted_transactions) aborted = *data.aborted_transactions;
    std::sort(aborted.begin(), aborted.end(),
              [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
    size_t next_aborted = 0;
    while (batches.Next()) {
      const BatchHeader& header = batches.header();
      if (!CheckBatch(batches.bytes()).ok()) {
        process_.history().Wrong("garbage", "an unsound batch is served");
        break;
      }
      while (next_aborted < aborted.size() &&
             aborted[next_aborted].first_offset <= header.last_offset()) {
        aborting.insert(aborted[next_aborted++].producer_id);
      }
      // Nothing was removed or compacted: each record and each marker has its offset.
      const bool gap =
          header.base_offset > poll.to || (header.control() && header.last_offset_delta != 0);
      if (gap && !process_.context().strange) {
        process_.history().Wrong("gap", "partition " + std::to_string(partition) + " goes on at " +
                                            std::to_string(header.base_offset) + " after " +
                                            std::to_string(poll.to));
      }
      poll.to = std::max(poll.to, header.last_offset() + 1);
      if (header.control()) {
        aborting.erase(header.producer_id);
        continue;
      }
      const bool leave_out = settles && header.transactional() &&
                             aborting.count(header.producer_id) > 0 &&
                             process_.context().wrong != Wrong::kReadsAborted;
      if (leave_out) continue;
      RecordReader reader;
      if (!reader.Open(batches.bytes()).ok()) {
        process_.history().Wrong("garbage", "a batch that can't be read");
        break;
      }
      for (Record record; reader.Next(record);) {
        if (record.offset < poll.from) continue;
        Value value = 0;
        if (record.value && record.value->size() >= 16) memcpy(&value, record.value->data(), 8);
        poll.records.emplace_back(record.offset, value);
      }
    }
    const Wrong wrong = process_.context().wrong;
    if (wrong == Wrong::kSkipsRecords && poll.records.size() > 1) {
      poll.records.erase(poll.records.begin() + 1);
    }
    if (wrong == Wrong::kSkipsPositions && process_.loop().OneIn(5)) poll.from += 1;
    if (wrong == Wrong::kForgetsPositions && poll.from > 0 && process_.loop().OneIn(5)) {
      poll.from -= 1;
    }
    for (const auto& [offset, value] : poll.records) got->push_back({partition, offset, value});
    positions[partition] = poll.to;
    process_.history().polls.push_back(std::move(poll));
  }

  SimProcess& process_;
  const bool committed_;
  int16_t version_ = 4;
  bool sessions_ = false;
  uint64_t session_ = 0;
  int32_t fetch_session_ = 0;
  int32_t fetch_epoch_ = 0;
  std::map<int, int64_t> known_;  // to the broker, in the fetch session
  std::map<int, int64_t> ends_;
};

}  // namespace weir::log::kafka::sim
