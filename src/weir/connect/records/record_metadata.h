// Metadata columns of records, with Flink's keys: topic, partition, offset, timestamp,
// timestamp-type, headers, leader-epoch.
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "duckdb/common/types.hpp"
#include "duckdb/common/types/vector.hpp"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/connect/records/record_log.h"

namespace weir::connect {

// kUser errors: no such key ("did you mean"), a type that it can't have.
Status CheckRecordMetadata(const columnar::MetadataColumn& column, const std::string& value_format);
inline constexpr const char* kValueMetadataPrefix = "value.";

// Fills rows [0, rows.size()) of a flat vector of the column's type with what records[rows[i]] say.
void FillRecordMetadata(const std::string& key, const std::string& topic, int32_t partition,
                        std::span<const LogRecord> records, std::span<const uint32_t> rows,
                        duckdb::Vector& out);

}  // namespace weir::connect
