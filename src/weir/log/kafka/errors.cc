#include "weir/log/kafka/errors.h"

#include <algorithm>
#include <iterator>

namespace weir::log::kafka {
namespace {

struct Named {
  KafkaError error;
  std::string_view name;
  bool retriable;
};

// Ascending by code.
constexpr Named kErrors[] = {};

const Named* Find(KafkaError error) {
  const auto* found =
      std::lower_bound(std::begin(kErrors), std::end(kErrors), error,
                       [](const Named& named, KafkaError wanted) { return named.error < wanted; });
  return found != std::end(kErrors) && found->error == error ? found : nullptr;
}

}  // namespace

std::string_view KafkaErrorName(KafkaError error) {
  const Named* found = Find(error);
  return found != nullptr ? found->name : "UNKNOWN";
}

bool IsRetriable(KafkaError error) {
  const Named* found = Find(error);
  return found != nullptr && found->retriable;
}

}  // namespace weir::log::kafka
