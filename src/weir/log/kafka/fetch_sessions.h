// FetchSessions: incremental fetches (KIP-227). A consumer names its partitions once; later
// requests say only what changed, and answers leave out partitions with nothing new.
//
// Limits: kSessionsMax sessions with kPartitionsMax partitions together. As in Kafka, a new session
// takes the place of the one used longest ago, if it was idle for kIdleUs, else of the smallest
// that is older than that, if it is smaller. Otherwise it is refused and its consumer sends full
// requests; so does one whose session grows beyond that.
// Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/metrics.h"
#include "weir/log/kafka/errors.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/timers.h"

namespace weir::log::kafka {

struct FetchPartitionKey {
  std::string topic;  // "" where the request names ids
  Uuid topic_id;
  int32_t partition = 0;
  auto operator<=>(const FetchPartitionKey&) const = default;
};

struct FetchSessionPartition {
  FetchPartitionKey key;
  int64_t fetch_offset = 0;
  int32_t current_leader_epoch = -1;
  int32_t max_bytes = 0;
};

// What one request is to read.
struct FetchSessionView {
  KafkaError error = KafkaError::kNone;
  int32_t session_id = 0;  // 0: no session
  bool incremental = false;
  std::vector<FetchSessionPartition> partitions;  // in the order in which they are to be read
};

class FetchSessions {
 public:
  static constexpr size_t kSessionsMax = 1000;
  static constexpr size_t kPartitionsMax = 500'000;
  static constexpr int64_t kIdleUs = 120'000'000;

  FetchSessions(Env& env, Timers& timers, MetricRegistry& metrics,
                size_t partitions_max = kPartitionsMax);

  // `owner`: who asks. To others a session is not there: its number can be guessed, and it would
  // tell the names of topics.
  FetchSessionView Begin(const FetchRequest& request, int16_t version,
                         const std::string& owner = "");
  // Before the answer goes: notes what the consumer will know, and leaves out what it knows.
  void End(const FetchSessionView& view, FetchResponse* response);
  size_t size() const { return sessions_.size(); }
  size_t partitions() const { return partitions_; }  // of all sessions

 private:
  struct Known {
    FetchSessionPartition wanted;
    int64_t high_watermark = -2;  // as last answered
    int64_t start_offset = -2;
    uint64_t turn = 0;  // partitions that got records go to the end
  };
  struct Session {
    std::string owner;
    int32_t epoch = 1;
    int64_t made_us = 0;
    int64_t used_us = 0;
    uint64_t turns = 0;
    std::map<FetchPartitionKey, Known> partitions;
  };
  using Sessions = std::map<int32_t, Session>;

  // For about so many partitions.
  int32_t Create(size_t partitions);
  // Whose place a new session may take; end(): nobody's.
  Sessions::iterator Evictable(size_t partitions, int64_t now_us);
  void Remove(Sessions::iterator session);
  void Merge(const FetchRequest& request, Session* session);
  void Count();

  Env& env_;
  Timers& timers_;
  const size_t partitions_max_;
  Sessions sessions_;
  size_t partitions_ = 0;
  Gauge& sessions_gauge_;
  Gauge& partitions_gauge_;
  Counter& refused_;
};

}  // namespace weir::log::kafka
