// StateStore: the broker's own tables (topics, offsets of groups, transactional ids, users …) as
// one ordered map from key to value, all in memory. A key is a table's letter and what names the
// row. Changes are bodies of kState frames, so that they count together with whatever else is in
// their group.
//
// Thread rule: one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/byte_codec.h"

namespace weir::log {

struct StateChange {
  std::string key;
  std::optional<std::string> value;  // nothing: the key is removed
};

std::string EncodeChanges(const std::vector<StateChange>& changes);
// False for anything that EncodeChanges did not write.
bool DecodeChanges(std::string_view body, std::vector<StateChange>* changes);

class StateStore {
 public:
  void Apply(const StateChange& change);
  const std::string* Find(const std::string& key) const;
  // Every row whose key begins so, ascending.
  void ForEach(
      const std::string& prefix,
      const std::function<void(const std::string& key, const std::string& value)>& f) const;
  uint64_t bytes() const { return bytes_; }  // of keys and values

  void Encode(ByteWriter& out) const;
  bool Decode(ByteReader& in);

 private:
  std::map<std::string, std::string> rows_;
  uint64_t bytes_ = 0;
};

}  // namespace weir::log
