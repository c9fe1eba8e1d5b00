// Metadata columns of a file source: what is known of the file that a row came from. Keys and
// meaning are those of Flink's filesystem connector, but for file.path, which is the name that
// reports and quarantines show: relative to the project's folder, or a URL.
//
// Thread rule: free functions.
#pragma once

#include "duckdb/common/types/value.hpp"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/connect/files/file_bytes.h"
#include "weir/connect/files/file_list.h"

namespace weir::connect {

// kUser error for a key that does not exist, with the nearest one.
Status CheckMetadataKey(const columnar::MetadataColumn& column);

// The column's value for all rows of the file. kUser error if its type can't hold it.
Result<duckdb::Value> MetadataValue(const columnar::MetadataColumn& column,
                                    const ListedFile& listed, const FileBytes& bytes);

}  // namespace weir::connect
