#include "weir/lake/protocol_check.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "weir/lake/schema_json.h"

namespace weir::lake {
namespace {

Error Refuse(const std::string& what) {
  return Error::User(ErrorCode::kUnsupported, what)
      .Fix("turn the feature off for this table, or write a copy of the table without it");
}

// Features that only matter when something in the table uses them; the use is checked below.
const std::set<std::string_view> kReadable = {
    "columnMapping",    // refused below unless the mode is none
    "deletionVectors",  // refused by the snapshot if a live file has one
    "timestampNtz",    "v2Checkpoint", "vacuumProtocolCheck",
};

const std::set<std::string_view> kWritable = {
    "appendOnly",        "invariants",          "checkConstraints",    "changeDataFeed",
    "generatedColumns",  "columnMapping",       "identityColumns",     "deletionVectors",
    "timestampNtz",      "v2Checkpoint",        "vacuumProtocolCheck", "domainMetadata",
    "inCommitTimestamp", "allowColumnDefaults",
};

// Features that come with a legacy writer version, oldest first.
struct LegacyFeature {
  int version;
  const char* name;
};
constexpr LegacyFeature kLegacyWriter[] = {
    {2, "appendOnly"},       {2, "invariants"},    {3, "checkConstraints"}, {4, "changeDataFeed"},
    {4, "generatedColumns"}, {5, "columnMapping"}, {6, "identityColumns"},
};

bool Contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

std::string Property(const Metadata& metadata, const std::string& name, std::string otherwise) {
  const auto found = metadata.configuration.find(name);
  return found == metadata.configuration.end() ? otherwise : found->second;
}

bool BoolProperty(const Metadata& metadata, const std::string& name, bool otherwise) {
  const std::string text = Property(metadata, name, otherwise ? "true" : "false");
  return text == "true" || text == "TRUE" || text == "True";
}

int64_t IntProperty(const Metadata& metadata, const std::string& name, int64_t otherwise) {
  const std::string text = Property(metadata, name, "");
  int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? value : otherwise;
}

bool HasFeature(const Protocol& protocol, const std::string& name) {
  if (Contains(protocol.reader_features, name) || Contains(protocol.writer_features, name)) {
    return true;
  }
  if (protocol.min_writer_version >= 7) return false;
  for (const auto& feature : kLegacyWriter) {
    if (feature.name == name && protocol.min_writer_version >= feature.version) return true;
  }
  return false;
}

Status CheckReadable(const Protocol& protocol, const Metadata& metadata) {
  if (protocol.min_reader_version > 3) {
    return Refuse("the table needs Delta reader version " +
                  std::to_string(protocol.min_reader_version) + "; Weir reads versions 1 to 3");
  }
  if (protocol.min_reader_version == 3) {
    for (const auto& feature : protocol.reader_features) {
      if (!kReadable.contains(feature)) {
        return Refuse("the table uses the Delta feature '" + feature +
                      "', which Weir cannot read yet");
      }
    }
  }
  if (metadata.format_provider != "parquet") {
    return Refuse("the table's files are of format '" + metadata.format_provider +
                  "'; Weir reads parquet");
  }
  const std::string mapping = Property(metadata, "delta.columnMapping.mode", "none");
  if (mapping != "none" && HasFeature(protocol, "columnMapping")) {
    return Refuse("the table uses the Delta feature 'columnMapping' (mode " + mapping +
                  "), which Weir cannot read yet");
  }
  return Status();
}

Status CheckWritable(const Protocol& protocol, const Metadata& metadata, WriteKind kind) {
  WEIR_RETURN_IF_ERROR(CheckReadable(protocol, metadata));
  if (protocol.min_writer_version > 7) {
    return Refuse("the table needs Delta writer version " +
                  std::to_string(protocol.min_writer_version) + "; Weir writes versions up to 7");
  }
  if (protocol.min_writer_version == 7) {
    for (const auto& feature : protocol.writer_features) {
      if (!kWritable.contains(feature)) {
        return Refuse("the table uses the Delta feature '" + feature +
                      "', which Weir cannot write yet");
      }
    }
  }
  const auto in_use = [](const char* feature) {
    return Refuse(std::string("the table uses the Delta feature '") + feature +
                  "', which Weir cannot write yet");
  };
  if (!metadata.schema_string.empty()) {
    WEIR_ASSIGN_OR_RETURN(const auto keys, FieldMetadataKeys(metadata.schema_string));
    for (const auto& key : keys) {
      if (key == "delta.invariants") return in_use("invariants");
      if (key == "delta.generationExpression") return in_use("generatedColumns");
      if (key.rfind("delta.identity.", 0) == 0) return in_use("identityColumns");
      if (key == "CURRENT_DEFAULT") return in_use("allowColumnDefaults");
    }
  }
  for (const auto& [name, value] : metadata.configuration) {
    if (name.rfind("delta.constraints.", 0) == 0) return in_use("checkConstraints");
  }
  if (kind == WriteKind::kRewrite) {
    if (BoolProperty(metadata, "delta.appendOnly", false)) {
      return Error::User(ErrorCode::kPermission,
                         "the table takes appends only (delta.appendOnly is true)")
          .Fix("append, or set delta.appendOnly to false");
    }
    if (BoolProperty(metadata, "delta.enableChangeDataFeed", false)) {
      return in_use("changeDataFeed");
    }
  }
  return Status();
}

Status CheckProperties(const std::map<std::string, std::string>& properties) {
  static const std::set<std::string_view> kSwitches = {
      "delta.enableChangeDataFeed",     "delta.enableDeletionVectors",
      "delta.enableInCommitTimestamps", "delta.enableRowTracking",
      "delta.enableTypeWidening",       "delta.enableIcebergCompatV1",
      "delta.enableIcebergCompatV2",    "delta.enableIcebergCompatV3"};
  for (const auto& [name, value] : properties) {
    const bool on = (kSwitches.contains(name) && value != "false") ||
                    (name == "delta.columnMapping.mode" && value != "none") ||
                    (name == "delta.checkpointPolicy" && value != "classic") ||
                    name.rfind("delta.constraints.", 0) == 0 ||
                    name.rfind("delta.feature.", 0) == 0 || name == "delta.minReaderVersion" ||
                    name == "delta.minWriterVersion";
    if (!on) continue;
    return Error::User(ErrorCode::kUnsupported, "the table property '" + name + "' = '" + value +
                                                    "' needs a Delta feature that Weir cannot "
                                                    "write yet")
        .Fix("leave the property out");
  }
  return Status();
}

Protocol ProtocolFor(const columnar::Schema& schema) {
  Protocol protocol;
  for (const auto& field : schema.fields) {
    if (HoldsTimestampNtz(field.type)) return WithFeature(protocol, "timestampNtz");
  }
  return protocol;
}

Protocol WithFeature(Protocol protocol, const std::string& name) {
  if (protocol.min_writer_version < 7) {
    for (const auto& feature : kLegacyWriter) {
      if (protocol.min_writer_version >= feature.version) {
        protocol.writer_features.push_back(feature.name);
      }
    }
    protocol.min_writer_version = 7;
  }
  if (protocol.min_reader_version < 3) {
    if (protocol.min_reader_version == 2) protocol.reader_features.push_back("columnMapping");
    protocol.min_reader_version = 3;
  }
  if (!Contains(protocol.reader_features, name)) protocol.reader_features.push_back(name);
  if (!Contains(protocol.writer_features, name)) protocol.writer_features.push_back(name);
  return protocol;
}

}  // namespace weir::lake
