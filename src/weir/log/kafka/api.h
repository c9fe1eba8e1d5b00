// The requests that the codec knows: their keys, version ranges and header versions. What a broker
// serves is up to it; what it tells in ApiVersions may be less.
//
// Thread rule: constants.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "weir/log/kafka/messages/api_key.h"

namespace weir::log::kafka {

constexpr int16_t kNeverFlexible = std::numeric_limits<int16_t>::max();

struct ApiInfo {
  ApiKey key;
  std::string_view name;  // "Fetch"
  int16_t min_version;
  int16_t max_version;  // the last stable one: InitProducerId 6 has a codec and is not in here
  // What ApiVersions tells as the least version. Produce says 0 and serves 3: librdkafka takes a
  // least version above 0 for a broker without message format 2 (KAFKA-18659).
  int16_t listed_min_version;
  int16_t first_flexible_version;

  bool Has(int16_t version) const { return version >= min_version && version <= max_version; }
  int16_t RequestHeaderVersion(int16_t version) const {
    return version >= first_flexible_version ? 2 : 1;
  }
  // ApiVersions is answered with header version 0 always: the client that asks does not know yet
  // what the broker speaks (KIP-511).
  int16_t ResponseHeaderVersion(int16_t version) const {
    return version >= first_flexible_version && key != ApiKey::kApiVersions ? 1 : 0;
  }
};

// Sorted by key.
std::span<const ApiInfo> Apis();
// Null for a key that the codec does not know.
const ApiInfo* FindApi(int16_t key);

}  // namespace weir::log::kafka
