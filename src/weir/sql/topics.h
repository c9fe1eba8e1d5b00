// CREATE TOPIC, carried out at the beginning of a run: what is not there is made, what differs is
// changed as far as Kafka can, and all of it can be repeated.
//
// Thread rule: one thread at a time.
#pragma once

#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/sql/prepared.h"

namespace weir::sql {

// What was done, a line each: "topic orders: created on localhost:9092", "topic orders:
// retention.ms 604800000 -> 86400000". User errors have the statement's place.
Result<std::vector<std::string>> EnsureTopics(const PreparedProject& project);

}  // namespace weir::sql
