// ListenAddress: where a listener is and how clients come in, as people write it:
//
//   127.0.0.1:9092    sasl://127.0.0.1:9092    tls://0.0.0.0:9093    sasl+tls://[::]:9093
//
// Kafka's names are understood too: plaintext, ssl, sasl_plaintext, sasl_ssl.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/result.h"

namespace weir::server {

struct ListenAddress {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: any free one
  bool tls = false;
  bool sasl = false;

  // Only this machine reaches it.
  bool is_loopback() const;
  // As above; `port` in place of its own, which may be 0.
  std::string Text(uint16_t port) const;
  std::string Text() const { return Text(port); }

  bool operator==(const ListenAddress&) const = default;
};

// kInvalid.
Result<ListenAddress> ParseListenAddress(const std::string& text);
// For HTTP: also a port alone, which is on this machine only. No SASL.
Result<ListenAddress> ParseHttpAddress(const std::string& text);

}  // namespace weir::server
