#include "weir/log/kafka/api.h"

#include <algorithm>

namespace weir::log::kafka {

const ApiInfo* FindApi(int16_t key) {
  const auto apis = Apis();
  const auto found = std::lower_bound(
      apis.begin(), apis.end(), key,
      [](const ApiInfo& info, int16_t k) { return static_cast<int16_t>(info.key) < k; });
  return found != apis.end() && static_cast<int16_t>(found->key) == key ? &*found : nullptr;
}

}  // namespace weir::log::kafka
