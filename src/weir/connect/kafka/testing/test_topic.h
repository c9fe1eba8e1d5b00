// A topic of a broker on this machine, for tests of what reads and writes topics: made, and filled
// by a producer of librdkafka.
//
// Thread rule: the test's own thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"

namespace weir::connect::testing {

class TestTopic {
 public:
  // Makes the topic at the broker, "127.0.0.1:9092".
  static Result<std::unique_ptr<TestTopic>> Make(const std::string& servers,
                                                 const std::string& name, int partitions);
  virtual ~TestTopic() = default;
  // Returns when all are acknowledged.
  virtual Status Produce(int32_t partition, const std::vector<std::string>& values) = 0;
};

}  // namespace weir::connect::testing
