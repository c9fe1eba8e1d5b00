// Messages of a client that logs in, split at the first line feed: they are refused or understood,
// and what is understood of a first message is in the message.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/log/security/scram.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::log;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(bytes.find('\n'), bytes.size());
  const std::string_view first = bytes.substr(0, cut);
  const std::string_view final = cut < bytes.size() ? bytes.substr(cut + 1) : std::string_view();
  if (const auto read = ReadScramClientFirst(first)) {
    if (read->user.empty() || read->nonce.empty()) abort();
    if (read->gs2_header + read->bare != first) abort();
  }
  if (const auto read = ReadScramClientFinal(final)) {
    if (read->nonce.empty() || !final.starts_with(read->without_proof)) abort();
  }
  ScramExchange exchange(
      ScramMechanism::kSha256,
      [](const std::string&) {
        return ScramCredential{4096, "salt", std::string(32, 's'), std::string(32, 'k')};
      },
      "nonce");
  // Nobody has the key of these credentials.
  if (exchange.First(first).ok() && exchange.Final(final).ok()) abort();
  return 0;
}
