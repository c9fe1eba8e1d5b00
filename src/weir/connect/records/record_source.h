// A topic as a BatchSource: what the connectors `kafka` and `topic` share. Records become rows by
// the table's formats, metadata columns say where a record stood, and each run reads from the
// offsets committed with the last one's rows to the ends found at its start.
//
// docs/sources.md, "Topics", is the user's page.
//
// Thread rule: OpenRecordSource and the source it returns are thread-safe; the rest as in ports.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/codec/record_decode.h"
#include "weir/columnar/ports.h"
#include "weir/columnar/schema.h"
#include "weir/connect/records/record_log.h"
#include "weir/connect/records/record_options.h"
#include "weir/connect/records/scan_options.h"

namespace weir::connect {

struct RecordSourceOptions {
  std::string name;  // for messages: the table's name
  RecordOptions records;
  RecordScanOptions scan;
  std::string group_id;  // for ScanStart::kGroup
  std::optional<columnar::Schema> declared;
  std::vector<columnar::MetadataColumn> metadata;
};

// Opens the log when it is first needed: a table may be declared while its topic is not there.
using OpenRecordLog = std::function<Result<std::shared_ptr<RecordLog>>()>;

// User errors: columns that the formats can't hold, metadata keys that do not exist, no columns.
Result<std::shared_ptr<columnar::BatchSource>> OpenRecordSource(RecordSourceOptions options,
                                                                OpenRecordLog open);

// What a source knows of its table once; shared by its scans.
struct RecordSourceFacts {
  RecordSourceOptions options;
  columnar::Schema schema;  // of the source: all columns in their places
  struct Column {
    enum class From { kKey, kValue, kValueMetadata, kMetadata };
    From from = From::kValue;
    int field = -1;   // within the key's or the value's fields
    std::string key;  // of metadata
  };
  std::vector<Column> columns;  // as schema
  columnar::Schema key_fields;  // as the record has them
  columnar::Schema value_fields;
  columnar::RecordFormatOptions key_format;  // if the table reads keys
  columnar::RecordFormatOptions value_format;
};

}  // namespace weir::connect
