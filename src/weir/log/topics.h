// Topics: which topics there are, their settings and the numbers of their partitions, kept as rows
// of the state store under "t<name>".
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/log/kafka/types.h"
#include "weir/log/state_store.h"
#include "weir/log/topic_config.h"

namespace weir::log {

using TopicId = kafka::Uuid;

struct Topic {
  std::string name;
  TopicId id{};
  int64_t created_ms = 0;
  std::vector<uint32_t> partitions;            // partition index -> number in the journal
  std::map<std::string, std::string> configs;  // those set for this topic
  TopicSettings settings;                      // what they and the defaults say
};

class Topics {
 public:
  static constexpr const char* kKeyPrefix = "t";

  static StateChange Put(const Topic& topic);
  static StateChange Remove(const std::string& name);
  // Takes over a row of the state store that was changed.
  bool Apply(const StateChange& change);

  const Topic* Find(std::string_view name) const;
  const Topic* Find(const TopicId& id) const;
  // Another topic whose name differs only in '.' and '_': Kafka's metrics can't tell them apart.
  const Topic* FindColliding(std::string_view name) const;
  const std::map<std::string, Topic, std::less<>>& all() const { return topics_; }

 private:
  std::map<std::string, Topic, std::less<>> topics_;
  std::map<TopicId, std::string> names_;
};

// Kafka keeps committed offsets and transactions in topics of these names. Here they are empty: the
// state store has that. Clients may read them and not write.
inline constexpr const char* kGroupOffsetsTopic = "__consumer_offsets";
inline constexpr const char* kTransactionsTopic = "__transaction_state";
bool IsInternalTopic(std::string_view name);

// "" if the name may be a topic's, else what is wrong with it, as Kafka says it.
std::string WrongWithTopicName(std::string_view name);

}  // namespace weir::log
