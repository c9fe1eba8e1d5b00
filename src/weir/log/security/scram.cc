#include "weir/log/security/scram.h"

#include <algorithm>

namespace weir::log {
namespace {

constexpr size_t kNonceBytes = 24;

bool IsPrintable(char c) { return c >= 0x21 && c <= 0x7e && c != ','; }

// Takes what stands before the next comma; false if there is none.
bool TakePart(std::string_view* rest, std::string_view* part) {
  const size_t comma = rest->find(',');
  if (comma == std::string_view::npos) return false;
  *part = rest->substr(0, comma);
  rest->remove_prefix(comma + 1);
  return true;
}

// "=2C" is a comma and "=3D" an equals sign.
std::optional<std::string> ReadName(std::string_view text) {
  std::string name;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return std::nullopt;
    if (text[i] != '=') {
      name += text[i];
    } else if (text.substr(i, 3) == "=2C") {
      name += ',';
      i += 2;
    } else if (text.substr(i, 3) == "=3D") {
      name += '=';
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return name;
}

// "a=value", where the value may be anything without a comma.
bool AreExtensions(std::string_view text) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, comma);
    const bool letter =
        !one.empty() && ((one[0] >= 'a' && one[0] <= 'z') || (one[0] >= 'A' && one[0] <= 'Z'));
    if (one.size() < 3 || !letter || one[1] != '=') return false;
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
    if (text.empty()) return false;
  }
  return true;
}

bool IsNonce(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsPrintable);
}

std::string Xor(std::string_view a, std::string_view b) {
  std::string out(a);
  for (size_t i = 0; i < out.size() && i < b.size(); ++i) {
    out[i] = static_cast<char>(out[i] ^ b[i]);
  }
  return out;
}

Error Invalid(const char* what) {
  return Error::User(ErrorCode::kInvalid, std::string("not SCRAM's ") + what);
}
Error Refused(const std::string& why) { return Error::User(ErrorCode::kPermission, why); }

}  // namespace

HashKind HashOf(ScramMechanism mechanism) {
  return mechanism == ScramMechanism::kSha256 ? HashKind::kSha256 : HashKind::kSha512;
}

std::string_view ScramMechanismName(ScramMechanism mechanism) {
  return mechanism == ScramMechanism::kSha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512";
}

ScramCredential CredentialOfSaltedPassword(ScramMechanism mechanism,
                                           std::string_view salted_password, std::string_view salt,
                                           int32_t iterations) {
  const HashKind hash = HashOf(mechanism);
  ScramCredential credential;
  credential.iterations = iterations;
  credential.salt = salt;
  credential.stored_key = Hash(hash, Hmac(hash, salted_password, "Client Key"));
  credential.server_key = Hmac(hash, salted_password, "Server Key");
  return credential;
}

ScramCredential CredentialOf(ScramMechanism mechanism, std::string_view password,
                             std::string_view salt, int32_t iterations) {
  std::string salted = Pbkdf2(HashOf(mechanism), password, salt, iterations);
  ScramCredential credential = CredentialOfSaltedPassword(mechanism, salted, salt, iterations);
  Wipe(&salted);
  return credential;
}

bool IsPasswordOf(ScramMechanism mechanism, const ScramCredential& credential,
                  std::string_view password) {
  const ScramCredential given =
      CredentialOf(mechanism, password, credential.salt, credential.iterations);
  return EqualInConstantTime(given.stored_key, credential.stored_key);
}

// gs2-header client-first-message-bare (RFC 5802, 7).
std::optional<ScramClientFirst> ReadScramClientFirst(std::string_view message) {
  ScramClientFirst first;
  std::string_view rest = message;
  std::string_view part;
  // No channel binding: "n", or "y" from a client that could but thinks that we can't.
  if (!TakePart(&rest, &part) || (part != "n" && part != "y")) return std::nullopt;
  if (!TakePart(&rest, &part)) return std::nullopt;
  if (!part.empty()) {
    const auto name =
        part.starts_with("a=") ? ReadName(part.substr(2)) : std::optional<std::string>();
    if (!name || name->empty()) return std::nullopt;
    first.authorization_id = *name;
  }
  first.gs2_header = message.substr(0, message.size() - rest.size());
  first.bare = rest;
  // A message that begins with "m=" asks for what we do not know, and must fail.
  if (!TakePart(&rest, &part) || !part.starts_with("n=")) return std::nullopt;
  const auto user = ReadName(part.substr(2));
  if (!user || user->empty()) return std::nullopt;
  first.user = *user;
  if (!TakePart(&rest, &part)) {
    part = rest;
    rest = {};
  } else if (rest.empty()) {
    return std::nullopt;
  }
  if (!part.starts_with("r=") || !IsNonce(part.substr(2))) return std::nullopt;
  first.nonce = part.substr(2);
  if (!AreExtensions(rest)) return std::nullopt;
  return first;
}

// client-final-message (RFC 5802, 7).
std::optional<ScramClientFinal> ReadScramClientFinal(std::string_view message) {
  ScramClientFinal final;
  const size_t proof = message.rfind(",p=");
  if (proof == std::string_view::npos) return std::nullopt;
  final.without_proof = message.substr(0, proof);
  const auto proof_bytes = FromBase64(message.substr(proof + 3));
  std::string_view rest = message.substr(0, proof + 1);
  std::string_view part;
  if (!TakePart(&rest, &part) || !part.starts_with("c=")) return std::nullopt;
  const auto binding = FromBase64(part.substr(2));
  if (!TakePart(&rest, &part) || !part.starts_with("r=")) return std::nullopt;
  if (!binding || !proof_bytes || !IsNonce(part.substr(2))) return std::nullopt;
  final.channel_binding = *binding;
  final.nonce = part.substr(2);
  final.proof = *proof_bytes;
  if (!rest.empty()) rest.remove_suffix(1);  // the comma before the proof
  if (!AreExtensions(rest)) return std::nullopt;
  return final;
}

ScramExchange::ScramExchange(ScramMechanism mechanism, Find find, std::string nonce)
    : mechanism_(mechanism),
      find_(std::move(find)),
      nonce_(nonce.empty() ? ToBase64(SecretBytes(kNonceBytes)) : std::move(nonce)) {}

Result<std::string> ScramExchange::First(std::string_view message) {
  auto first = ReadScramClientFirst(message);
  if (!first) return Invalid("first message");
  if (nonce_.empty()) return Error::Operator(ErrorCode::kInternal, "no random bytes to be had");
  first_ = std::move(*first);
  if (!first_.authorization_id.empty() && first_.authorization_id != first_.user) {
    return Refused("another authorization id than the user's own");
  }
  auto credential = find_(first_.user);
  if (!credential) {
    return Refused("no user '" + first_.user + "' with " +
                   std::string(ScramMechanismName(mechanism_)));
  }
  credential_ = std::move(*credential);
  server_first_ = "r=" + first_.nonce + nonce_ + ",s=" + ToBase64(credential_.salt) +
                  ",i=" + std::to_string(credential_.iterations);
  return server_first_;
}

Result<std::string> ScramExchange::Final(std::string_view message) {
  const auto final = ReadScramClientFinal(message);
  if (!final || server_first_.empty()) return Invalid("final message");
  if (final->channel_binding != first_.gs2_header) return Refused("another channel binding");
  // librdkafka before 2.6.1 puts its own nonce in front of ours once more, which is there already.
  const std::string both = first_.nonce + nonce_;
  if (final->nonce != both && final->nonce != first_.nonce + both) return Refused("another nonce");
  const HashKind hash = HashOf(mechanism_);
  const std::string exchange = first_.bare + "," + server_first_ + "," + final->without_proof;
  const std::string signature = Hmac(hash, credential_.stored_key, exchange);
  if (final->proof.size() != signature.size()) return Refused("wrong password");
  std::string client_key = Xor(final->proof, signature);
  const bool right = EqualInConstantTime(Hash(hash, client_key), credential_.stored_key);
  Wipe(&client_key);
  server_first_.clear();  // once
  if (!right) return Refused("wrong password of user '" + first_.user + "', or no such user");
  return "v=" + ToBase64(Hmac(hash, credential_.server_key, exchange));
}

}  // namespace weir::log
