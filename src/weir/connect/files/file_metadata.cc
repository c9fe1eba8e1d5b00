#include "weir/connect/files/file_metadata.h"

#include <fmt/format.h>

#include "duckdb/common/string_util.hpp"
#include "weir/base/env.h"

namespace weir::connect {

namespace {

constexpr const char* kPath = "file.path";
constexpr const char* kName = "file.name";
constexpr const char* kSize = "file.size";
constexpr const char* kModified = "file.modification-time";

duckdb::Value ValueOf(const std::string& key, const ListedFile& listed, const FileBytes& bytes) {
  if (key == kPath) return duckdb::Value(listed.name);
  if (key == kName) return duckdb::Value(BaseName(listed.name));
  if (key == kSize) return duckdb::Value::BIGINT(static_cast<int64_t>(bytes.size()));
  // A server may not say when.
  if (bytes.modified_us() == 0) return duckdb::Value(duckdb::LogicalType::TIMESTAMP_TZ);
  return duckdb::Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(bytes.modified_us()));
}

}  // namespace

Status CheckMetadataKey(const columnar::MetadataColumn& column) {
  const duckdb::vector<std::string> keys = {kPath, kName, kSize, kModified};
  for (const std::string& key : keys) {
    if (column.key == key) return Status::Ok();
  }
  const auto nearest = duckdb::StringUtil::TopNJaroWinkler(keys, column.key, 1);
  return Error::User(ErrorCode::kNotFound, fmt::format("column '{}': a file has no metadata '{}'",
                                                       column.name, column.key))
      .Fix(fmt::format("did you mean '{}'? There are {}",
                       nearest.empty() ? keys.front() : nearest.front(), fmt::join(keys, ", ")));
}

Result<duckdb::Value> MetadataValue(const columnar::MetadataColumn& column,
                                    const ListedFile& listed, const FileBytes& bytes) {
  duckdb::Value value = ValueOf(column.key, listed, bytes);
  const std::string text = value.ToString();
  if (!value.DefaultTryCastAs(column.type)) {
    return Error::User(ErrorCode::kInvalid,
                       fmt::format("column '{}': {} is '{}', which is no {}", column.name,
                                   column.key, text, column.type.ToString()))
        .Fix("declare it as VARCHAR, BIGINT (file.size) or TIMESTAMPTZ (file.modification-time)");
  }
  return value;
}

}  // namespace weir::connect
