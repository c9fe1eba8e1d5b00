#include "weir/log/security/users.h"

#include <algorithm>

#include "weir/base/byte_codec.h"

namespace weir::log {
namespace {

constexpr const char* kRowPrefix = "u";
constexpr const char* kNobodysSecret = "#nobody";
constexpr size_t kSecretBytes = 32;
constexpr std::string_view kSaltText = "0123456789abcdefghijklmnopqrstuvwxyz";

std::string RowsOf(ScramMechanism mechanism) {
  return kRowPrefix + std::to_string(static_cast<int>(mechanism)) + ":";
}

std::optional<ScramCredential> ReadRow(std::string_view row) {
  ByteReader in(row);
  ScramCredential credential;
  credential.iterations = static_cast<int32_t>(in.Varint());
  credential.salt = in.String();
  credential.stored_key = in.String();
  credential.server_key = in.String();
  if (!in.ok() || credential.iterations <= 0) return std::nullopt;
  return credential;
}

}  // namespace

StateChange PutUser(ScramMechanism mechanism, const std::string& name,
                    const ScramCredential& credential) {
  ByteWriter out;
  out.Varint(static_cast<uint64_t>(credential.iterations));
  out.String(credential.salt);
  out.String(credential.stored_key);
  out.String(credential.server_key);
  return {RowsOf(mechanism) + name, out.Take()};
}

StateChange RemoveUser(ScramMechanism mechanism, const std::string& name) {
  return {RowsOf(mechanism) + name, std::nullopt};
}

std::vector<StateChange> NewUser(const std::string& name, std::string_view password) {
  std::vector<StateChange> changes;
  for (const ScramMechanism mechanism : kScramMechanisms) {
    changes.push_back(PutUser(
        mechanism, name,
        CredentialOf(mechanism, password, SecretBytes(kNewUserSaltBytes), kNewUserIterations)));
  }
  return changes;
}

std::optional<ScramCredential> FindUser(const StateStore& state, ScramMechanism mechanism,
                                        const std::string& name) {
  const std::string* row = state.Find(RowsOf(mechanism) + name);
  return row != nullptr ? ReadRow(*row) : std::nullopt;
}

StateChange NewNobodysSecret() { return {kNobodysSecret, SecretBytes(kSecretBytes)}; }

const std::string* FindNobodysSecret(const StateStore& state) { return state.Find(kNobodysSecret); }

CredentialForm FormOf(const ScramCredential& credential) {
  return {credential.iterations, credential.salt.size(),
          credential.salt.find_first_not_of(kSaltText) == std::string::npos};
}

ScramCredential NobodysCredential(std::string_view secret, ScramMechanism mechanism,
                                  const std::string& name, const CredentialForm& form) {
  const auto bytes = [&](const char* what, HashKind hash) {
    return Hmac(hash, secret,
                std::string(what) + " " + std::string(ScramMechanismName(mechanism)) + " " + name);
  };
  ScramCredential credential;
  credential.iterations = form.iterations;
  credential.salt = bytes("salt", HashKind::kSha512);
  credential.salt.resize(std::min(form.salt_bytes, credential.salt.size()));
  if (form.salt_is_text) {
    for (char& c : credential.salt) c = kSaltText[static_cast<uint8_t>(c) % kSaltText.size()];
  }
  credential.stored_key = bytes("key", HashOf(mechanism));
  credential.server_key = bytes("server", HashOf(mechanism));
  return credential;
}

void ForEachUser(
    const StateStore& state,
    const std::function<void(ScramMechanism, const std::string&, const ScramCredential&)>& f) {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    const std::string rows = RowsOf(mechanism);
    state.ForEach(rows, [&](const std::string& key, const std::string& value) {
      if (const auto credential = ReadRow(value))
        f(mechanism, key.substr(rows.size()), *credential);
    });
  }
}

}  // namespace weir::log
