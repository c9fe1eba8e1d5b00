// Transactions and topics of an embedded log, behind the ports of the topic sink and of CREATE
// TOPIC: the same transactions, notes and partitions as a client of the served log makes, so that a
// flow may go on with either.
//
// Thread rule: as the ports say.
#pragma once

#include <memory>

#include "weir/base/env.h"
#include "weir/columnar/ports.h"
#include "weir/connect/kafka/kafka_transaction.h"
#include "weir/connect/kafka/topic_transaction.h"
#include "weir/server/topics/embedded_log.h"

namespace weir::server {

// Makes the topic, with one partition, if it is not there.
Result<connect::TopicLimits> CheckEmbeddedTopic(Env& env, const std::shared_ptr<EmbeddedLog>& log,
                                                const std::string& topic);

Result<std::unique_ptr<connect::TopicTransaction>> OpenEmbeddedTransaction(
    Env& env, const std::shared_ptr<EmbeddedLog>& log, const connect::TransactionRequest& request,
    const std::string& transactional_id_prefix, connect::Partitioner partitioner);

std::shared_ptr<columnar::TopicAdmin> EmbeddedTopics(Env& env, std::shared_ptr<EmbeddedLog> log);

}  // namespace weir::server
