// How Delta spells files and partitions: URI-encoded paths in the log, Hive-style folder names, and
// the text form of partition values (Delta PROTOCOL, Partition Value Serialization).
//
// A folder name is Hive-escaped once ("a=b%2Fc"), and the path in the log is URI-encoded on top of
// that ("a=b%252Fc"); readers undo only the second.
//
// Thread rule: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace duckdb {
class Value;
struct LogicalType;
}  // namespace duckdb

namespace weir::lake {

// "a b/c%" -> "a%20b/c%25". Slashes stay.
std::string UriEncodePath(std::string_view path);
std::string UriDecodePath(std::string_view path);

// Where a path of the log lies: relative ones under the table, "file:/x" and "file:///x" as "/x",
// other URLs as they are. Decoded.
std::string ResolveLogPath(const std::string& table, std::string_view log_path);

// "month=3", "city=__HIVE_DEFAULT_PARTITION__". Values too long for a file name are hashed: readers
// take partition values from the log, never from the folder.
std::string PartitionFolder(const std::string& column, const std::optional<std::string>& value);

// Delta's text of a value; nullopt for NULL, and for the empty string, which Delta cannot tell
// from NULL in a partition column. kUnsupported: no text form (binary, nested).
Result<std::optional<std::string>> PartitionText(const duckdb::Value& value);

// May a column of this type partition a table?
Status CheckPartitionType(const std::string& column, const duckdb::LogicalType& type);

// The text of a partition value in a log, made castable to the column's type by DuckDB.
std::optional<std::string> CastableText(const std::optional<std::string>& text,
                                        const duckdb::LogicalType& type);

}  // namespace weir::lake
