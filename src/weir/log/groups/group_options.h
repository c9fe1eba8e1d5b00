// GroupOptions: the settings of group coordination under Kafka's names (dots instead of
// underscores), and what is kept at most.
//
// Thread rule: values.
#pragma once

#include <cstdint>

namespace weir::log {

struct GroupOptions {
  // group.*
  int32_t min_session_timeout_ms = 6'000;
  int32_t max_session_timeout_ms = 1'800'000;
  // The first member of an empty classic group waits so long for others that start with it: one
  // rebalance, not one each. Kafka waits 3,000 ms.
  int32_t initial_rebalance_delay_ms = 100;
  int32_t max_size = 10'000;  // members of a group

  // offsets.*, offset.*
  int32_t offset_metadata_max_bytes = 4'096;
  int64_t offsets_retention_minutes = 7 * 24 * 60;  // of groups without members
  int64_t offsets_retention_check_interval_ms = 600'000;

  // group.consumer.*
  int32_t consumer_session_timeout_ms = 45'000;
  int32_t consumer_heartbeat_interval_ms = 5'000;
  int32_t consumer_max_size = 10'000;
  // How soon partitions added, and topics that match an expression, are seen at the latest.
  int64_t consumer_metadata_refresh_ms = 1'000;

  // An expression matches only topics that its member may describe (GroupCaller::may_describe).
  bool hides_topics = false;

  // What is kept in memory, of all groups together. More is refused with an error that clients
  // take for a passing one.
  uint64_t groups_max = 100'000;
  uint64_t members_max = 200'000;            // also those that were given an id and have not joined
  uint64_t member_bytes_max = 1 << 20;       // of what one member sends about itself
  uint64_t generation_bytes_max = 16 << 20;  // of a classic group with its assignments
  uint64_t offsets_max = 2'000'000;          // committed and pending
};

}  // namespace weir::log
