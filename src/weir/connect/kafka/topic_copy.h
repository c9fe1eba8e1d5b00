// TopicCopier: copies topics of one Kafka cluster to another, each record once, in its partition,
// with its key, value, headers and timestamp; for moving to another cluster (docs/kafka.md).
//
//   WEIR_ASSIGN_OR_RETURN(auto copier, TopicCopier::Open(env, request));
//   while (true) {
//     WEIR_ASSIGN_OR_RETURN(const CopyRound round, copier->Round());
//     if (round.caught_up) break;
//   }
//
// What is read in a round is written in one transaction, together with notes that say where each
// record lies in the copy (copy_map.h). A copier that is killed leaves nothing half; the next one
// goes on behind the newest notes. Two copiers of one cluster: the later one fences the earlier.
//
// Limits: a round holds at most `round_records` or `round_bytes` and what librdkafka queues.
// Thread rule: one thread.
// Errors: Retry ends this copier; open another, which goes on where the last round was committed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/connect/kafka/copy_map.h"
#include "weir/connect/kafka/kafka_properties.h"

namespace weir::connect {

struct TopicCopyRequest {
  KafkaProperties from;
  KafkaProperties to;
  std::vector<std::string> topics;
  int replication_factor = -1;  // of topics that are made; -1: the cluster's default
  int64_t round_records = 100'000;
  int64_t round_bytes = 64 << 20;
  int64_t round_ms = 1'000;
};

struct CopyRound {
  int64_t records = 0;
  int64_t bytes = 0;  // of keys and values
  bool caught_up = false;
};

// What became of a group's offsets.
struct CopiedGroup {
  std::string group;
  int64_t partitions = 0;  // taken over
  int64_t behind = 0;      // not yet: the group has read what is not copied yet
};

class TopicCopier {
 public:
  // Makes the topics that the target lacks, with the settings and partitions of the source. User
  // errors: a topic that the source lacks; one that exists in the target with other partitions, or
  // with records that no copy of this source brought; source and target are one cluster.
  static Result<std::unique_ptr<TopicCopier>> Open(Env& env, const TopicCopyRequest& request);
  ~TopicCopier();

  // Copies what is there, until a limit of a round or the end of all partitions is reached.
  Result<CopyRound> Round();
  // Sets the offsets of the source's groups in the target, each to the same record there. Groups
  // that have offsets in these topics; all if `groups` is empty.
  Result<std::vector<CopiedGroup>> CopyGroups(const std::vector<std::string>& groups);

  // Topics that were made, in the order of the request.
  const std::vector<std::string>& made() const;
  const std::map<CopySource, CopyMap>& maps() const;

 private:
  class Impl;
  explicit TopicCopier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The notes of all copies that a cluster holds; of one source cluster if it is not "".
Result<std::map<CopySource, CopyMap>> ReadCopyNotes(Env& env, const KafkaProperties& properties,
                                                    const std::string& cluster);

// Whether somebody answers there, within seconds. Errors: as KafkaHandle::Retry.
Status ReachCluster(Env& env, KafkaProperties properties);

// Topics that a whole move copies: all but Kafka's own.
Result<std::vector<std::string>> TopicsToCopy(Env& env, const KafkaProperties& properties);

}  // namespace weir::connect
