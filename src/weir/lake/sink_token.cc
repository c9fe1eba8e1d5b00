#include "weir/lake/sink_token.h"

#include "weir/base/json.h"

namespace weir::lake {
namespace {

constexpr int64_t kFormatVersion = 1;

const char* KindName(columnar::WriteMode::Kind kind) {
  switch (kind) {
    case columnar::WriteMode::Kind::kAppend:
      return "append";
    case columnar::WriteMode::Kind::kOverwrite:
      return "overwrite";
    case columnar::WriteMode::Kind::kUpsert:
      return "upsert";
    case columnar::WriteMode::Kind::kChangelog:
      return "changelog";
  }
  return "append";
}

Result<columnar::WriteMode::Kind> KindFromName(const std::string& name) {
  if (name == "append") return columnar::WriteMode::Kind::kAppend;
  if (name == "overwrite") return columnar::WriteMode::Kind::kOverwrite;
  if (name == "upsert") return columnar::WriteMode::Kind::kUpsert;
  return Error::Operator(ErrorCode::kUnsupported, "unknown mode '" + name + "'");
}

Result<std::vector<std::string>> Strings(const Json& object, const char* key) {
  std::vector<std::string> out;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) {
    return Error::Operator(ErrorCode::kCorrupt, std::string("'") + key + "' is not a list");
  }
  for (const auto& item : *found) {
    if (!item.is_string()) {
      return Error::Operator(ErrorCode::kCorrupt, std::string("'") + key + "' holds no text");
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

Result<SinkToken> FromJson(const Json& json) {
  SinkToken token;
  WEIR_ASSIGN_OR_RETURN(const int64_t version, Int64Field(json, "version"));
  if (version != kFormatVersion) {
    return Error::Operator(ErrorCode::kUnsupported,
                           "it has format version " + std::to_string(version))
        .Fix("commit it with the version of Weir that prepared it");
  }
  WEIR_ASSIGN_OR_RETURN(token.flow_id, StringField(json, "flow"));
  WEIR_ASSIGN_OR_RETURN(token.epoch, Int64Field(json, "epoch"));
  WEIR_ASSIGN_OR_RETURN(token.staging_id, StringField(json, "staging"));
  WEIR_ASSIGN_OR_RETURN(const std::string kind, StringField(json, "mode"));
  WEIR_ASSIGN_OR_RETURN(token.mode.kind, KindFromName(kind));
  WEIR_ASSIGN_OR_RETURN(token.mode.overwrite_where, StringField(json, "where"));
  WEIR_ASSIGN_OR_RETURN(token.mode.keys, Strings(json, "keys"));
  const auto allow = json.find("allowNewColumns");
  token.allow_new_columns = allow != json.end() && allow->is_boolean() && allow->get<bool>();
  const auto replace = json.find("replaceSchema");
  token.replace_schema = replace != json.end() && replace->is_boolean() && replace->get<bool>();
  if (json.contains("replacedFlows")) {
    WEIR_ASSIGN_OR_RETURN(token.replaced_flows, Strings(json, "replacedFlows"));
  }
  WEIR_ASSIGN_OR_RETURN(token.table_id, StringField(json, "tableId"));
  WEIR_ASSIGN_OR_RETURN(token.new_table_id, StringField(json, "newTableId"));
  WEIR_ASSIGN_OR_RETURN(token.schema_json, StringField(json, "schema"));
  WEIR_ASSIGN_OR_RETURN(token.partition_columns, Strings(json, "partitionColumns"));
  const auto properties = json.find("properties");
  if (properties != json.end() && properties->is_object()) {
    for (const auto& [name, value] : properties->items()) {
      if (value.is_string()) token.properties[name] = value.get<std::string>();
    }
  }
  WEIR_ASSIGN_OR_RETURN(token.now_us, Int64Field(json, "nowUs"));
  WEIR_ASSIGN_OR_RETURN(token.rows, Int64Field(json, "rows"));
  // The files are kept as they will stand in the log.
  WEIR_ASSIGN_OR_RETURN(const std::string actions, StringField(json, "actions"));
  WEIR_ASSIGN_OR_RETURN(Commit commit, ParseCommit(actions));
  token.adds = std::move(commit.adds);
  return token;
}

}  // namespace

std::string WriteToken(const SinkToken& token) {
  Commit commit;
  commit.adds = token.adds;
  OrderedJson json;
  json["format"] = "weir-delta-sink";
  json["version"] = kFormatVersion;
  json["flow"] = token.flow_id;
  json["epoch"] = token.epoch;
  json["staging"] = token.staging_id;
  json["mode"] = KindName(token.mode.kind);
  json["where"] = token.mode.overwrite_where;
  json["keys"] = token.mode.keys;
  json["allowNewColumns"] = token.allow_new_columns;
  if (token.replace_schema) json["replaceSchema"] = true;
  if (!token.replaced_flows.empty()) json["replacedFlows"] = token.replaced_flows;
  json["tableId"] = token.table_id;
  json["newTableId"] = token.new_table_id;
  json["schema"] = token.schema_json;
  json["partitionColumns"] = token.partition_columns;
  json["properties"] = token.properties;
  json["nowUs"] = token.now_us;
  json["rows"] = token.rows;
  json["actions"] = WriteCommit(commit);
  return ToText(json);
}

Result<SinkToken> ParseToken(const std::string& text) {
  auto json = ParseJson(text);
  if (!json.ok() || !json->is_object() || !json->contains("format") ||
      json->at("format") != "weir-delta-sink") {
    return Error::Operator(ErrorCode::kCorrupt, "this is not a token of a Delta sink");
  }
  auto token = FromJson(*json);
  if (!token.ok()) return std::move(token).error().While("reading a token of a Delta sink");
  return token;
}

}  // namespace weir::lake
