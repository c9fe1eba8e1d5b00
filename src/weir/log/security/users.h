// Users: who may log in, as rows of the state store: "u<mechanism>:<name>", with what SCRAM keeps
// of the password. PLAIN is checked against the same rows.
//
// Thread rule: the log's thread.
#pragma once

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
// By mechanism, then by name.
void ForEachUser(const StateStore& state,
                 const std::function<void(ScramMechanism mechanism, const std::string& name,
                                          const ScramCredential& credential)>& f);

}  // namespace weir::log
