// SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677), the server's side: one exchange of two
// messages each way. Passwords and names are taken as bytes, as Kafka takes them (no SASLprep).
//
//   ScramExchange exchange(ScramMechanism::kSha256, find_credential);
//   auto first = exchange.First("n,,n=alice,r=abc");   // "r=abc...,s=...,i=8192"
//   auto last = exchange.Final("c=biws,r=abc...,p=..."); // "v=..."
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/log/security/digest.h"

namespace weir::log {

// Codes of the protocol (KIP-554).
enum class ScramMechanism : int8_t { kSha256 = 1, kSha512 = 2 };

constexpr ScramMechanism kScramMechanisms[] = {ScramMechanism::kSha256, ScramMechanism::kSha512};
constexpr int32_t kScramIterationsMin = 4096;
constexpr int32_t kScramIterationsMax = 16'384;

HashKind HashOf(ScramMechanism mechanism);
std::string_view ScramMechanismName(ScramMechanism mechanism);  // "SCRAM-SHA-256"

// What is kept of a password; neither it nor what logs in can be computed from it (RFC 5803).
struct ScramCredential {
  int32_t iterations = 0;
  std::string salt;
  std::string stored_key;
  std::string server_key;

  bool operator==(const ScramCredential&) const = default;
};

ScramCredential CredentialOf(ScramMechanism mechanism, std::string_view password,
                             std::string_view salt, int32_t iterations);
// Of what a client computed from the password already: Hi(password, salt, iterations).
ScramCredential CredentialOfSaltedPassword(ScramMechanism mechanism,
                                           std::string_view salted_password, std::string_view salt,
                                           int32_t iterations);
bool IsPasswordOf(ScramMechanism mechanism, const ScramCredential& credential,
                  std::string_view password);

// --- messages, as a client may write them ---
struct ScramClientFirst {
  std::string gs2_header;  // "n,,"
  std::string authorization_id;
  std::string user;
  std::string nonce;
  std::string bare;  // all behind the header
};
struct ScramClientFinal {
  std::string channel_binding;  // decoded
  std::string nonce;
  std::string proof;  // decoded
  std::string without_proof;
};
std::optional<ScramClientFirst> ReadScramClientFirst(std::string_view message);
std::optional<ScramClientFinal> ReadScramClientFinal(std::string_view message);

class ScramExchange {
 public:
  using Find = std::function<std::optional<ScramCredential>(const std::string& user)>;

  // `nonce`: the server's part, for tests; secret bytes unless given.
  ScramExchange(ScramMechanism mechanism, Find find, std::string nonce = "");

  // The answers, each asked for once. kInvalid: no such message; kPermission: not this user, with a
  // reason for the broker's own log.
  Result<std::string> First(std::string_view message);
  Result<std::string> Final(std::string_view message);
  const std::string& user() const { return first_.user; }

 private:
  const ScramMechanism mechanism_;
  const Find find_;
  std::string nonce_;
  ScramClientFirst first_;
  ScramCredential credential_;
  std::string server_first_;
};

}  // namespace weir::log
