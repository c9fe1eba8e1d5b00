#include "weir/lake/actions.h"

#include <cstring>

#include <simdjson.h>

#include "weir/base/json_writer.h"

namespace weir::lake {
namespace {

namespace dom = simdjson::dom;

Error Corrupt(std::string message) {
  return Error::Operator(ErrorCode::kCorrupt, std::move(message))
      .Fix("restore the log entry from a copy, or ask the program that wrote it");
}

// Field access that treats an absent field and a null alike, and any other type as an error.
class Fields {
 public:
  Fields(dom::object object, const char* action) : object_(object), action_(action) {}

  bool Find(const char* name, dom::element& out) const {
    return object_[name].get(out) == simdjson::SUCCESS && !out.is_null();
  }
  void String(const char* name, std::string& out) { Get<std::string_view>(name, out, "a string"); }
  void Int(const char* name, int64_t& out) { Get<int64_t>(name, out, "an integer"); }
  void Int(const char* name, int& out) {
    int64_t value = out;
    Get<int64_t>(name, value, "an integer");
    out = static_cast<int>(std::min<int64_t>(std::max<int64_t>(value, 0), 1 << 30));
  }
  void Bool(const char* name, bool& out) { Get<bool>(name, out, "true or false"); }
  template <typename T>
  void Optional(const char* name, std::optional<T>& out) {
    dom::element element;
    if (!Find(name, element)) return;
    T value{};
    if constexpr (std::is_same_v<T, bool>) {
      Bool(name, value);
    } else {
      Int(name, value);
    }
    out = value;
  }
  void Required(const char* name, std::string& out) {
    dom::element element;
    if (!Find(name, element)) Fail(name, "is missing");
    String(name, out);
  }
  void Strings(const char* name, std::vector<std::string>& out) {
    dom::element element;
    if (!Find(name, element)) return;
    dom::array array;
    if (element.get(array) != simdjson::SUCCESS) return Fail(name, "is not a list");
    for (dom::element item : array) {
      std::string_view text;
      if (item.get(text) != simdjson::SUCCESS) return Fail(name, "is not a list of strings");
      out.emplace_back(text);
    }
  }
  template <typename Map>
  void Entries(const char* name, Map& out) {
    dom::element element;
    if (!Find(name, element)) return;
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return Fail(name, "is not an object");
    for (auto [key, value] : object) {
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) {
        out[std::string(key)] = std::string(text);
      } else if constexpr (std::is_same_v<typename Map::mapped_type, std::string>) {
        if (!value.is_null()) out[std::string(key)] = simdjson::minify(value);
      } else if (value.is_null()) {
        out[std::string(key)] = std::nullopt;
      } else {
        return Fail(name, "holds a value that is not a string");
      }
    }
  }
  void Vector(std::optional<DeletionVector>& out) {
    dom::element element;
    if (!Find("deletionVector", element)) return;
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) return Fail("deletionVector", "is not an object");
    Fields fields(object, "deletionVector");
    DeletionVector vector;
    fields.Required("storageType", vector.storage_type);
    fields.Required("pathOrInlineDv", vector.path_or_inline);
    fields.Optional("offset", vector.offset);
    fields.Int("sizeInBytes", vector.size_in_bytes);
    fields.Int("cardinality", vector.cardinality);
    if (error_.empty()) error_ = fields.error_;
    out = std::move(vector);
  }

  const std::string& error() const { return error_; }

 private:
  template <typename From, typename To>
  void Get(const char* name, To& out, const char* what) {
    dom::element element;
    if (!Find(name, element)) return;
    From value{};
    if (element.get(value) != simdjson::SUCCESS) return Fail(name, "is not " + std::string(what));
    out = To(value);
  }
  void Fail(const char* name, const std::string& what) {
    if (error_.empty()) error_ = std::string(action_) + "." + name + " " + what;
  }

  dom::object object_;
  const char* action_;
  std::string error_;
};

std::string ReadProtocol(dom::object object, Commit& out) {
  Fields fields(object, "protocol");
  Protocol protocol;
  fields.Int("minReaderVersion", protocol.min_reader_version);
  fields.Int("minWriterVersion", protocol.min_writer_version);
  fields.Strings("readerFeatures", protocol.reader_features);
  fields.Strings("writerFeatures", protocol.writer_features);
  if (out.protocol) return "two protocol actions in one commit";
  out.protocol = std::move(protocol);
  return fields.error();
}

std::string ReadMetadata(dom::object object, Commit& out) {
  Fields fields(object, "metaData");
  Metadata metadata;
  fields.String("id", metadata.id);
  fields.String("name", metadata.name);
  fields.String("description", metadata.description);
  fields.String("schemaString", metadata.schema_string);
  fields.Strings("partitionColumns", metadata.partition_columns);
  fields.Entries("configuration", metadata.configuration);
  fields.Optional("createdTime", metadata.created_time_ms);
  dom::element format;
  std::string_view provider;
  if (fields.Find("format", format) && format["provider"].get(provider) == simdjson::SUCCESS) {
    metadata.format_provider = provider;
  }
  if (out.metadata) return "two metaData actions in one commit";
  out.metadata = std::move(metadata);
  return fields.error();
}

std::string ReadAdd(dom::object object, Commit& out) {
  Fields fields(object, "add");
  AddFile& add = out.adds.emplace_back();
  fields.Required("path", add.path);
  fields.Entries("partitionValues", add.partition_values);
  fields.Int("size", add.size);
  fields.Int("modificationTime", add.modification_time_ms);
  fields.Bool("dataChange", add.data_change);
  fields.String("stats", add.stats);
  fields.Entries("tags", add.tags);
  fields.Vector(add.deletion_vector);
  return fields.error();
}

std::string ReadRemove(dom::object object, Commit& out) {
  Fields fields(object, "remove");
  RemoveFile& remove = out.removes.emplace_back();
  fields.Required("path", remove.path);
  fields.Optional("deletionTimestamp", remove.deletion_timestamp_ms);
  fields.Bool("dataChange", remove.data_change);
  fields.Bool("extendedFileMetadata", remove.extended_file_metadata);
  fields.Entries("partitionValues", remove.partition_values);
  fields.Int("size", remove.size);
  fields.Vector(remove.deletion_vector);
  return fields.error();
}

std::string ReadTransaction(dom::object object, Commit& out) {
  Fields fields(object, "txn");
  SetTransaction& transaction = out.transactions.emplace_back();
  fields.Required("appId", transaction.app_id);
  fields.Int("version", transaction.version);
  fields.Optional("lastUpdated", transaction.last_updated_ms);
  return fields.error();
}

std::string ReadDomain(dom::object object, Commit& out) {
  Fields fields(object, "domainMetadata");
  DomainMetadata& domain = out.domains.emplace_back();
  fields.Required("domain", domain.domain);
  fields.String("configuration", domain.configuration);
  fields.Bool("removed", domain.removed);
  return fields.error();
}

// Other writers' commitInfo may hold anything: what does not fit is left out, never an error.
std::string ReadInfo(dom::object object, Commit& out) {
  Fields fields(object, "commitInfo");
  CommitInfo info;
  fields.Int("timestamp", info.timestamp_ms);
  fields.String("operation", info.operation);
  fields.Entries("operationMetrics", info.operation_metrics);
  fields.Optional("readVersion", info.read_version);
  fields.String("isolationLevel", info.isolation_level);
  fields.Optional("isBlindAppend", info.is_blind_append);
  fields.String("engineInfo", info.engine_info);
  fields.String("txnId", info.txn_id);
  fields.String("userMetadata", info.user_metadata);
  fields.Optional("inCommitTimestamp", info.in_commit_timestamp_ms);
  out.info = std::move(info);
  return "";
}

std::string ReadSidecar(dom::object object, Commit& out) {
  Fields fields(object, "sidecar");
  Sidecar& sidecar = out.sidecars.emplace_back();
  fields.Required("path", sidecar.path);
  fields.Int("sizeInBytes", sidecar.size);
  return fields.error();
}

std::string ReadAction(std::string_view name, dom::object object, Commit& out) {
  if (name == "add") return ReadAdd(object, out);
  if (name == "remove") return ReadRemove(object, out);
  if (name == "txn") return ReadTransaction(object, out);
  if (name == "commitInfo") return ReadInfo(object, out);
  if (name == "metaData") return ReadMetadata(object, out);
  if (name == "protocol") return ReadProtocol(object, out);
  if (name == "domainMetadata") return ReadDomain(object, out);
  if (name == "sidecar") return ReadSidecar(object, out);
  if (name == "cdc") out.cdc_files += 1;
  return "";
}

void WriteVector(JsonWriter& json, const std::optional<DeletionVector>& vector) {
  if (!vector) return;
  json.Key("deletionVector").BeginObject();
  json.Key("storageType").String(vector->storage_type);
  json.Key("pathOrInlineDv").String(vector->path_or_inline);
  if (vector->offset) json.Key("offset").Int(*vector->offset);
  json.Key("sizeInBytes").Int(vector->size_in_bytes);
  json.Key("cardinality").Int(vector->cardinality);
  json.EndObject();
}

void WriteStrings(JsonWriter& json, const std::vector<std::string>& strings) {
  json.BeginArray();
  for (const auto& text : strings) json.String(text);
  json.EndArray();
}

void WriteInfo(JsonWriter& json, const CommitInfo& info) {
  if (info.in_commit_timestamp_ms) {
    json.Key("inCommitTimestamp").Int(*info.in_commit_timestamp_ms);
  }
  json.Key("timestamp").Int(info.timestamp_ms);
  json.Key("operation").String(info.operation);
  json.Key("operationParameters").BeginObject();
  for (const auto& [name, value] : info.operation_parameters) json.Key(name).Raw(value);
  json.EndObject();
  if (info.read_version) json.Key("readVersion").Int(*info.read_version);
  if (!info.isolation_level.empty()) json.Key("isolationLevel").String(info.isolation_level);
  if (info.is_blind_append) json.Key("isBlindAppend").Bool(*info.is_blind_append);
  json.Key("operationMetrics").StringMap(info.operation_metrics);
  if (!info.user_metadata.empty()) json.Key("userMetadata").String(info.user_metadata);
  json.Key("engineInfo").String(info.engine_info);
  json.Key("txnId").String(info.txn_id);
}

void WriteProtocol(JsonWriter& json, const Protocol& protocol) {
  json.Key("minReaderVersion").Int(protocol.min_reader_version);
  json.Key("minWriterVersion").Int(protocol.min_writer_version);
  if (protocol.min_reader_version >= 3) {
    WriteStrings(json.Key("readerFeatures"), protocol.reader_features);
  }
  if (protocol.min_writer_version >= 7) {
    WriteStrings(json.Key("writerFeatures"), protocol.writer_features);
  }
}

void WriteMetadata(JsonWriter& json, const Metadata& metadata) {
  json.Key("id").String(metadata.id);
  if (!metadata.name.empty()) json.Key("name").String(metadata.name);
  if (!metadata.description.empty()) json.Key("description").String(metadata.description);
  json.Key("format").BeginObject();
  json.Key("provider").String(metadata.format_provider);
  json.Key("options").BeginObject().EndObject();
  json.EndObject();
  json.Key("schemaString").String(metadata.schema_string);
  WriteStrings(json.Key("partitionColumns"), metadata.partition_columns);
  json.Key("configuration").StringMap(metadata.configuration);
  if (metadata.created_time_ms) json.Key("createdTime").Int(*metadata.created_time_ms);
}

void WriteAdd(JsonWriter& json, const AddFile& add) {
  json.Key("path").String(add.path);
  json.Key("partitionValues").NullableStringMap(add.partition_values);
  json.Key("size").Int(add.size);
  json.Key("modificationTime").Int(add.modification_time_ms);
  json.Key("dataChange").Bool(add.data_change);
  if (!add.stats.empty()) json.Key("stats").String(add.stats);
  if (!add.tags.empty()) json.Key("tags").NullableStringMap(add.tags);
  WriteVector(json, add.deletion_vector);
}

void WriteRemove(JsonWriter& json, const RemoveFile& remove) {
  json.Key("path").String(remove.path);
  if (remove.deletion_timestamp_ms) {
    json.Key("deletionTimestamp").Int(*remove.deletion_timestamp_ms);
  }
  json.Key("dataChange").Bool(remove.data_change);
  json.Key("extendedFileMetadata").Bool(remove.extended_file_metadata);
  if (remove.extended_file_metadata) {
    json.Key("partitionValues").NullableStringMap(remove.partition_values);
    json.Key("size").Int(remove.size);
  }
  WriteVector(json, remove.deletion_vector);
}

// {"name":{...}}\n
template <typename Body>
void WriteLine(std::string& out, const char* name, Body body) {
  JsonWriter json;
  json.BeginObject().Key(name).BeginObject();
  body(json);
  json.EndObject().EndObject();
  out += json.text();
  out.push_back('\n');
}

}  // namespace

Result<Commit> ParseCommit(std::string_view bytes) {
  // The parser may read a few bytes past the end of its input.
  std::string padded;
  padded.reserve(bytes.size() + simdjson::SIMDJSON_PADDING);
  padded.append(bytes);
  padded.append(simdjson::SIMDJSON_PADDING, ' ');

  Commit commit;
  dom::parser parser;
  size_t line_number = 0;
  for (size_t start = 0; start < bytes.size();) {
    line_number += 1;
    const void* newline = std::memchr(padded.data() + start, '\n', bytes.size() - start);
    const size_t end = newline == nullptr
                           ? bytes.size()
                           : static_cast<size_t>(static_cast<const char*>(newline) - padded.data());
    const std::string_view line(padded.data() + start, end - start);
    const char* line_data = padded.data() + start;
    start = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;

    const std::string where = "line " + std::to_string(line_number);
    dom::element element;
    dom::object object;
    const auto code = parser.parse(line_data, line.size(), false).get(element);
    if (code != simdjson::SUCCESS) {
      return Corrupt(where + " is not JSON: " + simdjson::error_message(code));
    }
    if (element.get(object) != simdjson::SUCCESS) return Corrupt(where + " is not an action");
    for (auto [name, value] : object) {
      dom::object body;
      if (value.is_null()) continue;
      if (value.get(body) != simdjson::SUCCESS) {
        return Corrupt(where + ": '" + std::string(name) + "' is not an object");
      }
      const std::string error = ReadAction(name, body, commit);
      if (!error.empty()) return Corrupt(where + ": " + error);
    }
  }
  return commit;
}

std::string WriteCommit(const Commit& commit) {
  std::string out;
  if (commit.info) {
    WriteLine(out, "commitInfo", [&](JsonWriter& json) { WriteInfo(json, *commit.info); });
  }
  if (commit.protocol) {
    WriteLine(out, "protocol", [&](JsonWriter& json) { WriteProtocol(json, *commit.protocol); });
  }
  if (commit.metadata) {
    WriteLine(out, "metaData", [&](JsonWriter& json) { WriteMetadata(json, *commit.metadata); });
  }
  for (const auto& transaction : commit.transactions) {
    WriteLine(out, "txn", [&](JsonWriter& json) {
      json.Key("appId").String(transaction.app_id);
      json.Key("version").Int(transaction.version);
      if (transaction.last_updated_ms) json.Key("lastUpdated").Int(*transaction.last_updated_ms);
    });
  }
  for (const auto& domain : commit.domains) {
    WriteLine(out, "domainMetadata", [&](JsonWriter& json) {
      json.Key("domain").String(domain.domain);
      json.Key("configuration").String(domain.configuration);
      json.Key("removed").Bool(domain.removed);
    });
  }
  for (const auto& remove : commit.removes) {
    WriteLine(out, "remove", [&](JsonWriter& json) { WriteRemove(json, remove); });
  }
  for (const auto& add : commit.adds) {
    WriteLine(out, "add", [&](JsonWriter& json) { WriteAdd(json, add); });
  }
  return out;
}

}  // namespace weir::lake
