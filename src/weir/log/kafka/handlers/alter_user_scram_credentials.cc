// AlterUserScramCredentials (51): users come, go, get another password. The client computed what is
// kept: the password itself never travels (KIP-554).
#include <map>
#include <set>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/alter_user_scram_credentials.h"
#include "weir/log/security/users.h"

namespace weir::log::kafka {
namespace {

struct Verdict {
  KafkaError error = KafkaError::kNone;
  std::string message;
};

std::optional<ScramMechanism> FindMechanism(int8_t code) {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    if (static_cast<int8_t>(mechanism) == code) return mechanism;
  }
  return std::nullopt;
}

Verdict CheckName(const std::string& name, int8_t mechanism) {
  if (name.empty()) return {KafkaError::kUnacceptableCredential, "Username must not be empty"};
  if (!FindMechanism(mechanism)) {
    return {KafkaError::kUnsupportedSaslMechanism, "Unknown SCRAM mechanism"};
  }
  return {};
}

void Handle(const CallPtr& call) {
  AlterUserScramCredentialsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  const StateStore& state = broker.log().state();
  std::map<std::string, Verdict> verdicts;
  std::map<std::string, std::vector<StateChange>> changes;
  std::set<std::pair<std::string, int8_t>> named;
  const bool allowed = call->AllowsCluster(AclOperation::kAlter);
  const auto judge = [&](const std::string& name, int8_t mechanism, Verdict verdict) {
    if (!named.emplace(name, mechanism).second) {
      verdict = {KafkaError::kDuplicateResource,
                 "A user credential cannot be altered twice in the same request"};
    }
    if (!allowed) {
      verdict = {KafkaError::kClusterAuthorizationFailed, "Cluster authorization failed."};
    }
    Verdict& kept = verdicts[name];
    if (kept.error == KafkaError::kNone) kept = std::move(verdict);
    return kept.error == KafkaError::kNone;
  };
  for (const auto& deletion : request.deletions) {
    Verdict verdict = CheckName(deletion.name, deletion.mechanism);
    const auto mechanism = FindMechanism(deletion.mechanism);
    if (verdict.error == KafkaError::kNone && !FindUser(state, *mechanism, deletion.name)) {
      verdict = {KafkaError::kResourceNotFound,
                 "Attempt to delete a user credential that does not exist"};
    }
    if (!judge(deletion.name, deletion.mechanism, std::move(verdict))) continue;
    changes[deletion.name].push_back(RemoveUser(*mechanism, deletion.name));
  }
  for (const auto& upsertion : request.upsertions) {
    Verdict verdict = CheckName(upsertion.name, upsertion.mechanism);
    if (verdict.error == KafkaError::kNone && upsertion.iterations < kScramIterationsMin) {
      verdict = {KafkaError::kUnacceptableCredential, "Too few iterations"};
    } else if (verdict.error == KafkaError::kNone && upsertion.iterations > kScramIterationsMax) {
      verdict = {KafkaError::kUnacceptableCredential, "Too many iterations"};
    }
    if (!judge(upsertion.name, upsertion.mechanism, std::move(verdict))) continue;
    const ScramMechanism mechanism = *FindMechanism(upsertion.mechanism);
    const ScramCredential credential = CredentialOfSaltedPassword(
        mechanism, upsertion.salted_password, upsertion.salt, upsertion.iterations);
    broker.passwords().NoteForm(credential);
    changes[upsertion.name].push_back(PutUser(mechanism, upsertion.name, credential));
  }
  AlterUserScramCredentialsResponse response;
  Position end = 0;
  for (auto& [name, verdict] : verdicts) {
    if (verdict.error == KafkaError::kNone) {
      verdict.error = broker.Write(changes[name], &end, &verdict.message);
    }
    response.results.push_back({name, Code(verdict.error), MessageOrNull(verdict.message)});
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kAlterUserScramCredentialsHandler = {ApiKey::kAlterUserScramCredentials, 0, 0,
                                                   &Handle};

}  // namespace weir::log::kafka
