#include "weir/log/security/users.h"

#include "weir/base/byte_codec.h"

namespace weir::log {
namespace {

constexpr const char* kRowPrefix = "u";

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
