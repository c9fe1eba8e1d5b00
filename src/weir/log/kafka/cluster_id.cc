#include "weir/log/kafka/cluster_id.h"

namespace weir::log::kafka {
namespace {

constexpr const char* kClusterKey = "#cluster";

// As Kafka writes its uuids: base64 for URLs, without padding.
std::string Base64Url(const TopicId& id) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const uint8_t byte : id.bytes) {
    bits = bits << 8 | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      out += kDigits[(bits >> held) & 63];
    }
  }
  if (held > 0) out += kDigits[(bits << (6 - held)) & 63];
  return out;
}

}  // namespace

TopicId NewUuid(Env& env) {
  TopicId id;
  for (size_t i = 0; i < 16; i += 8) {
    const uint64_t random = env.RandomU64();
    for (size_t j = 0; j < 8; ++j) id.bytes[i + j] = static_cast<uint8_t>(random >> (8 * j));
  }
  // Version 4, variant 1 (RFC 4122).
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | 0x40);
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

Result<ClusterId> ClusterIdOf(Env& env, EventLog& log) {
  if (const std::string* id = log.state().Find(kClusterKey)) {
    return ClusterId{*id, log.journal().end()};
  }
  ClusterId id;
  id.text = Base64Url(NewUuid(env));
  WEIR_ASSIGN_OR_RETURN(id.end, log.Commit({}, {{kClusterKey, id.text}}, nullptr));
  return id;
}

}  // namespace weir::log::kafka
