// Control batches: one record that ends a transaction in a partition. Key {i16 version, i16 type: 0
// abort, 1 commit}, value {i16 version, i32 coordinator epoch}.
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::log {

// What a control batch says.
struct Marker {
  bool commit = false;
  int32_t coordinator_epoch = 0;
};

// Nothing if the batch's first record is no marker.
std::optional<Marker> ReadMarker(std::string_view batch);

}  // namespace weir::log
