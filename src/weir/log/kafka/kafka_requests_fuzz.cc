// The first four bytes are a request's key and version, the rest its body, as on the wire: it is
// refused, or a message that is written and read back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weir/log/kafka/testing/any_message.h"

namespace {

namespace kafka = weir::log::kafka;
using kafka::Decoder;
using kafka::Encoder;
using kafka::testing::MessageType;

constexpr size_t kMemoryMax = 64 << 20;

void Check(const MessageType& type, std::string_view bytes, int16_t version) {
  const auto message = type.make();
  Decoder d(bytes, kMemoryMax);
  if (!message->Decode(d, version).ok() || !d.Finish().ok()) return;
  Encoder e;
  if (!message->Encode(e, version).ok()) abort();
  const std::string again = std::move(e).Finish().ToString();
  const auto same = type.make();
  Decoder d2(again, kMemoryMax);
  if (!same->Decode(d2, version).ok() || !d2.Finish().ok()) abort();
  Encoder e2;  // bytes are compared, as a NaN is not equal to itself
  if (!same->Encode(e2, version).ok() || std::move(e2).Finish().ToString() != again) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Decoder head(bytes);
  const int16_t key = head.Int16("key");
  const int16_t version = head.Int16("version");
  if (!head.ok()) return 0;
  switch (key) {
#define X(M)                                                             \
  case kafka::M::kApiKey:                                                \
    Check(kafka::testing::TypeOf<kafka::M>(), bytes.substr(4), version); \
    break;
    WEIR_KAFKA_REQUESTS(X)
#undef X
    default:
      Check(kafka::testing::TypeOf<kafka::RequestHeader>(), bytes.substr(4), version);
  }
  return 0;
}
