// Where a topic has been read up to, as the text that is committed with the rows:
//
//   {"version":1,"cluster":"q8E…","topic":"orders","id":"6Vpz…","partitions":{"0":4711,"1":0}}
//
// Thread rule: values and free functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "weir/base/result.h"

namespace weir::connect {

struct RecordPosition {
  std::string cluster;  // its id; "" in positions of before it was kept
  std::string topic;
  std::string id;                         // "" if the log told none
  std::map<int32_t, int64_t> partitions;  // the next offset to read
  bool operator==(const RecordPosition&) const = default;
};

// nullopt for the empty text: nothing was read. kCorrupt for what WriteRecordPosition does not
// write.
Result<std::optional<RecordPosition>> ParseRecordPosition(const std::string& text);
std::string WriteRecordPosition(const RecordPosition& position);

}  // namespace weir::connect
