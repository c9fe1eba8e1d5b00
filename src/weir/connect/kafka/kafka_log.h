// A topic of a Kafka cluster, to be read: RecordLog on librdkafka.
//
// Thread rule: as record_log.h; each reader has a consumer of its own, assigned to its partition
// (no group is joined).
// Errors: kNotFound for a topic that is not there; records that were removed while they were read
// are kConflict; else as KafkaHandle's.
#pragma once

#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/connect/kafka/kafka_properties.h"
#include "weir/connect/records/record_log.h"

namespace weir::connect {

Result<std::shared_ptr<RecordLog>> OpenKafkaLog(Env& env, const KafkaProperties& properties,
                                                const std::string& topic);

}  // namespace weir::connect
