// KafkaTransactions: transactions of a Kafka cluster through librdkafka, behind the port of
// topic_transaction.h.
//
// The note of an epoch is a record of __weir_epochs (one partition, compacted; made if it is not
// there): key "<flow>/<topic>", value {"flow":"f","topic":"t","epoch":7}. It is the last record of
// its transaction, so that readers of other flows' notes are not held up for long; who looks for
// one first takes over the transactional id, which ends what is open, and then reads to the end
// that the topic has at that moment.
//
// Thread rule: as the port says.
#pragma once

#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/connect/kafka/kafka_properties.h"
#include "weir/connect/kafka/topic_transaction.h"

namespace weir::connect {

// Which partition a record goes to: by its key as Kafka's Java producer does (and those without a
// key anywhere), all to the first, or one after the other.
enum class Partitioner { kDefault, kFixed, kRoundRobin };

struct KafkaSinkOptions {
  KafkaProperties properties;
  Partitioner partitioner = Partitioner::kDefault;
  std::string transactional_id_prefix = "weir.";
};

class KafkaTransactions : public TopicTransactions {
 public:
  KafkaTransactions(Env& env, KafkaSinkOptions options) : env_(env), options_(std::move(options)) {}

  Result<TopicLimits> Check(const std::string& topic) override;
  Result<std::unique_ptr<TopicTransaction>> Open(const TransactionRequest& request) override;

 private:
  Env& env_;
  const KafkaSinkOptions options_;
};

}  // namespace weir::connect
