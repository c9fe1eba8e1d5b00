// FetchSessions: incremental fetches (KIP-227). A consumer names its partitions once; later
// requests say only what changed, and answers leave out partitions with nothing new.
//
// Limits: kSessionsMax sessions; the one used longest ago makes room if it was idle for
// kIdleUs, else a new one is refused and its consumer sends full requests.
// Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/env.h"
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
  static constexpr int64_t kIdleUs = 120'000'000;

  FetchSessions(Env& env, Timers& timers) : env_(env), timers_(timers) {}

  FetchSessionView Begin(const FetchRequest& request, int16_t version);
  // Before the answer goes: notes what the consumer will know, and leaves out what it knows.
  void End(const FetchSessionView& view, FetchResponse* response);
  size_t size() const { return sessions_.size(); }

 private:
  struct Known {
    FetchSessionPartition wanted;
    int64_t high_watermark = -2;  // as last answered
    int64_t start_offset = -2;
    uint64_t turn = 0;  // partitions that got records go to the end
  };
  struct Session {
    int32_t epoch = 1;
    int64_t used_us = 0;
    uint64_t turns = 0;
    std::map<FetchPartitionKey, Known> partitions;
  };
  int32_t Create();
  static void Merge(const FetchRequest& request, Session* session);

  Env& env_;
  Timers& timers_;
  std::map<int32_t, Session> sessions_;
};

}  // namespace weir::log::kafka
