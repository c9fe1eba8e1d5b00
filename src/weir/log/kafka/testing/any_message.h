// Any of Kafka's messages behind one type, for tests and fuzzers that go through all of them: what
// they do is then compiled once and not once a message.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "weir/log/kafka/decoder.h"
#include "weir/log/kafka/encoder.h"
#include "weir/log/kafka/messages/all_messages.h"

namespace weir::log::kafka::testing {

class AnyMessage {
 public:
  virtual ~AnyMessage() = default;
  virtual Status Decode(Decoder& d, int16_t version) = 0;
  virtual Status Encode(Encoder& e, int16_t version) const = 0;
  // Both hold the same type.
  virtual bool Equals(const AnyMessage& other) const = 0;
};

template <typename M>
class MessageOf final : public AnyMessage {
 public:
  Status Decode(Decoder& d, int16_t version) override { return message.Decode(d, version); }
  Status Encode(Encoder& e, int16_t version) const override { return message.Encode(e, version); }
  bool Equals(const AnyMessage& other) const override {
    return message == static_cast<const MessageOf&>(other).message;
  }

  M message;
};

struct MessageType {
  std::string_view name;
  int16_t min_version;
  int16_t max_version;
  std::unique_ptr<AnyMessage> (*make)();
};

template <typename M>
constexpr MessageType TypeOf() {
  return {M::kName, M::kMinVersion, M::kMaxVersion,
          []() -> std::unique_ptr<AnyMessage> { return std::make_unique<MessageOf<M>>(); }};
}

}  // namespace weir::log::kafka::testing
