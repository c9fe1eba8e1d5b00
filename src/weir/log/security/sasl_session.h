// SaslSession: how one connection logs in: a mechanism is chosen, tokens go to and fro until the
// user is known or refused. It may log in again (KIP-368), by the same mechanism, as the same user.
// Words of refusals are Kafka's (SaslServerAuthenticator, PlainSaslServer, ScramSaslServer).
//
// Thread rule: the log's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/log/kafka/errors.h"
#include "weir/log/security/password_check.h"
#include "weir/log/security/scram.h"
#include "weir/log/state_store.h"

namespace weir::log {

enum class SaslMechanism { kPlain, kScramSha256, kScramSha512 };

std::string_view SaslMechanismName(SaslMechanism mechanism);  // "PLAIN"
std::optional<SaslMechanism> FindSaslMechanism(std::string_view name);

struct SaslStep {
  std::string token;    // for the client
  bool done = false;    // it is `user` of the session
  std::string refused;  // why not, for the client; "": not refused
  std::string reason;   // for the broker's log, more than the client is told
};

class SaslSession : public std::enable_shared_from_this<SaslSession> {
 public:
  static constexpr size_t kTokenBytesMax = 16 << 10;

  // `host`: the client's.
  SaslSession(const StateStore& state, PasswordCheck& passwords,
              std::vector<SaslMechanism> mechanisms, std::string host)
      : state_(state),
        passwords_(passwords),
        mechanisms_(std::move(mechanisms)),
        host_(std::move(host)) {}

  const std::vector<SaslMechanism>& mechanisms() const { return mechanisms_; }
  // UNSUPPORTED_SASL_MECHANISM, or ILLEGAL_SASL_STATE when there is one under way. Once `done`, it
  // begins anew and is not done until the user is known again; another mechanism than before is
  // refused at its first token.
  kafka::KafkaError Begin(const std::string& mechanism);
  bool begun() const { return begun_.has_value(); }
  // `then` is called once, now or later. After a refusal the session is at its end.
  void Step(std::string_view token, std::function<void(SaslStep)> then);

  bool done() const { return done_; }
  const std::string& user() const { return user_; }
  std::string_view mechanism() const { return begun_ ? SaslMechanismName(*begun_) : ""; }

 private:
  void Plain(std::string_view token, std::function<void(SaslStep)> then);
  SaslStep Scram(std::string_view token);
  SaslStep Refuse(std::string reason) const;
  SaslStep Done(const std::string& user, std::string token);
  SaslStep RefuseSaying(std::string why);

  const StateStore& state_;
  PasswordCheck& passwords_;
  const std::vector<SaslMechanism> mechanisms_;
  const std::string host_;
  std::optional<SaslMechanism> begun_;
  std::optional<ScramExchange> scram_;
  bool scram_began_ = false;
  bool done_ = false;
  bool ended_ = false;
  std::string user_;             // who logged in first, too
  std::string other_mechanism_;  // what is said to who logs in again in another way
};

}  // namespace weir::log
