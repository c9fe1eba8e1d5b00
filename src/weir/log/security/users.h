// Users: who may log in, as rows of the state store: "u<mechanism>:<name>", with what SCRAM keeps
// of the password. PLAIN is checked against the same rows.
//
// Thread rule: the log's thread.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "weir/log/security/scram.h"
#include "weir/log/state_store.h"

namespace weir::log {

// What makes a credential of a password that is told to us and not computed by the client.
constexpr int32_t kNewUserIterations = 8192;
constexpr size_t kNewUserSaltBytes = 24;

StateChange PutUser(ScramMechanism mechanism, const std::string& name,
                    const ScramCredential& credential);
StateChange RemoveUser(ScramMechanism mechanism, const std::string& name);
// A user with this password, for every mechanism.
std::vector<StateChange> NewUser(const std::string& name, std::string_view password);

std::optional<ScramCredential> FindUser(const StateStore& state, ScramMechanism mechanism,
                                        const std::string& name);
// Rows of what no user has: a secret of this log, for answers to names that are nobody's.
StateChange NewNobodysSecret();
const std::string* FindNobodysSecret(const StateStore& state);
// How a credential looks from outside, before anybody proved anything.
struct CredentialForm {
  int32_t iterations = kNewUserIterations;
  size_t salt_bytes = kNewUserSaltBytes;
  bool salt_is_text = false;  // digits and small letters, as Kafka's tools make it

  auto operator<=>(const CredentialForm&) const = default;
};
CredentialForm FormOf(const ScramCredential& credential);
// What is told of a name that is nobody's, the same each time: no password has it.
ScramCredential NobodysCredential(std::string_view secret, ScramMechanism mechanism,
                                  const std::string& name, const CredentialForm& form);

// By mechanism, then by name.
void ForEachUser(const StateStore& state,
                 const std::function<void(ScramMechanism mechanism, const std::string& name,
                                          const ScramCredential& credential)>& f);

}  // namespace weir::log
