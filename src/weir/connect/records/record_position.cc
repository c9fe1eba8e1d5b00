#include "weir/connect/records/record_position.h"

#include <charconv>

#include "weir/base/json.h"

namespace weir::connect {

namespace {

Error NotOurs(const std::string& why) {
  return Error::Operator(ErrorCode::kCorrupt,
                         "the recorded position of the topic is broken: " + why)
      .Fix("run with --full-refresh to read the topic from the beginning");
}

}  // namespace

Result<std::optional<RecordPosition>> ParseRecordPosition(const std::string& text) {
  if (text.empty()) return std::optional<RecordPosition>();
  auto json = ParseJson(text);
  if (!json.ok()) return NotOurs(json.error().message());
  if (!json->is_object()) return NotOurs("it is no object");
  const auto version = Uint64Field(*json, "version");
  if (!version.ok() || *version != 1) return NotOurs("its version is not 1");
  RecordPosition position;
  auto topic = StringField(*json, "topic");
  if (!topic.ok()) return NotOurs(topic.error().message());
  position.topic = std::move(topic).value();
  if (json->contains("cluster")) {
    auto cluster = StringField(*json, "cluster");
    if (!cluster.ok()) return NotOurs(cluster.error().message());
    position.cluster = std::move(cluster).value();
  }
  if (json->contains("id")) {
    auto id = StringField(*json, "id");
    if (!id.ok()) return NotOurs(id.error().message());
    position.id = std::move(id).value();
  }
  const auto partitions = json->find("partitions");
  if (partitions == json->end() || !partitions->is_object()) {
    return NotOurs("'partitions' is missing");
  }
  for (const auto& [name, offset] : partitions->items()) {
    int32_t partition = 0;
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data(), end, partition);
    if (error != std::errc() || rest != end || partition < 0 || std::to_string(partition) != name) {
      return NotOurs("'" + name + "' is no partition");
    }
    if (!offset.is_number_integer() ||
        (offset.is_number_unsigned() && offset.get<uint64_t>() > uint64_t{INT64_MAX}) ||
        offset.get<int64_t>() < 0) {
      return NotOurs("partition " + name + " has no offset");
    }
    position.partitions[partition] = offset.get<int64_t>();
  }
  return std::optional<RecordPosition>(std::move(position));
}

std::string WriteRecordPosition(const RecordPosition& position) {
  OrderedJson json;
  json["version"] = 1;
  if (!position.cluster.empty()) json["cluster"] = position.cluster;
  json["topic"] = position.topic;
  if (!position.id.empty()) json["id"] = position.id;
  OrderedJson partitions = OrderedJson::object();
  for (const auto& [partition, offset] : position.partitions) {
    partitions[std::to_string(partition)] = offset;
  }
  json["partitions"] = std::move(partitions);
  return ToText(json);
}

}  // namespace weir::connect
