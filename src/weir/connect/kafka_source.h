// The `kafka` connector, reading: a topic of any Kafka cluster as a BatchSource.
//
//   CREATE TABLE orders (id BIGINT, amount DOUBLE, at TIMESTAMPTZ METADATA FROM 'timestamp')
//   WITH ('connector' = 'kafka', 'topic' = 'orders', 'format' = 'json',
//         'properties.bootstrap.servers' = 'localhost:9092');
//
// docs/sources.md, "Topics", is the user's page.
//
// Thread rule: OpenKafkaSource and the source it returns are thread-safe; the rest as in ports.h.
#pragma once

#include <memory>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"

namespace weir::connect {

// Checks options and columns; the cluster is asked when a read is planned. User errors: options
// ("did you mean"), columns that the format can't hold.
Result<std::shared_ptr<columnar::BatchSource>> OpenKafkaSource(
    Env& env, const columnar::SourceDeclaration& declaration);

}  // namespace weir::connect
