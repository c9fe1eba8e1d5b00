#include "weir/log/security/sasl_session.h"

#include <algorithm>

namespace weir::log {

using kafka::KafkaError;

std::string_view SaslMechanismName(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::kPlain:
      return "PLAIN";
    case SaslMechanism::kScramSha256:
      return "SCRAM-SHA-256";
    case SaslMechanism::kScramSha512:
      return "SCRAM-SHA-512";
  }
  return "";
}

std::optional<SaslMechanism> FindSaslMechanism(std::string_view name) {
  for (const SaslMechanism mechanism :
       {SaslMechanism::kPlain, SaslMechanism::kScramSha256, SaslMechanism::kScramSha512}) {
    if (SaslMechanismName(mechanism) == name) return mechanism;
  }
  return std::nullopt;
}

KafkaError SaslSession::Begin(const std::string& mechanism) {
  if ((begun_ && !done_) || ended_) return KafkaError::kIllegalSaslState;
  const auto found = FindSaslMechanism(mechanism);
  if (!found || std::find(mechanisms_.begin(), mechanisms_.end(), *found) == mechanisms_.end()) {
    ended_ = true;
    return KafkaError::kUnsupportedSaslMechanism;
  }
  if (done_ && *found != *begun_) {
    other_mechanism_ = "SASL mechanism '" + mechanism +
                       "' requested by client is not supported for re-authentication of mechanism "
                       "'" +
                       std::string(this->mechanism()) + "'";
  }
  begun_ = found;
  done_ = false;
  scram_began_ = false;
  if (*found != SaslMechanism::kPlain) {
    const ScramMechanism scram =
        *found == SaslMechanism::kScramSha256 ? ScramMechanism::kSha256 : ScramMechanism::kSha512;
    scram_.emplace(scram,
                   [&state = state_, &passwords = passwords_, scram](const std::string& user) {
                     auto credential = FindUser(state, scram, user);
                     return credential ? credential : passwords.OfNobody(scram, user);
                   });
  }
  return KafkaError::kNone;
}

SaslStep SaslSession::Refuse(std::string reason) const {
  SaslStep step;
  step.refused =
      "Authentication failed during authentication due to invalid credentials with "
      "SASL mechanism " +
      std::string(mechanism());
  step.reason = std::move(reason);
  return step;
}

SaslStep SaslSession::RefuseSaying(std::string why) {
  ended_ = true;
  SaslStep step;
  step.refused = why;
  step.reason = std::move(why);
  return step;
}

SaslStep SaslSession::Done(const std::string& user, std::string token) {
  if (!user_.empty() && user != user_) {
    return RefuseSaying("Cannot change principals during re-authentication from User." + user_ +
                        ": User." + user);
  }
  done_ = true;
  ended_ = false;  // it may begin anew
  user_ = user;
  SaslStep step;
  step.token = std::move(token);
  step.done = true;
  return step;
}

void SaslSession::Step(std::string_view token, std::function<void(SaslStep)> then) {
  if (!begun_ || done_ || ended_ || token.size() > kTokenBytesMax) {
    ended_ = true;
    return then(Refuse("a token where none was due, or too large a one"));
  }
  if (!other_mechanism_.empty()) return then(RefuseSaying(other_mechanism_));
  if (*begun_ == SaslMechanism::kPlain) return Plain(token, std::move(then));
  SaslStep step = Scram(token);
  if (!step.refused.empty()) ended_ = true;
  then(std::move(step));
}

SaslStep SaslSession::Scram(std::string_view token) {
  const bool first = !scram_began_;
  scram_began_ = true;
  auto answer = first ? scram_->First(token) : scram_->Final(token);
  if (!answer.ok()) return Refuse(answer.error().message());
  if (!first) return Done(scram_->user(), std::move(answer).value());
  SaslStep step;
  step.token = std::move(answer).value();
  return step;
}

// [authzid] NUL authcid NUL passwd (RFC 4616).
void SaslSession::Plain(std::string_view token, std::function<void(SaslStep)> then) {
  ended_ = true;  // one token, right or wrong
  const auto refuse = [&](std::string why) { then(RefuseSaying(std::move(why))); };
  const auto zeros = std::count(token.begin(), token.end(), '\0');
  if (zeros != 2) {
    return refuse("Invalid SASL/PLAIN response: expected 3 tokens, got " +
                  std::to_string(zeros + 1));
  }
  const size_t one = token.find('\0');
  const size_t two = token.find('\0', one + 1);
  const std::string authorization_id(token.substr(0, one));
  const std::string user(token.substr(one + 1, two - one - 1));
  std::string password(token.substr(two + 1));
  if (user.empty()) return refuse("Authentication failed: username not specified");
  if (password.empty()) return refuse("Authentication failed: password not specified");
  if (!authorization_id.empty() && authorization_id != user) {
    return refuse(
        "Authentication failed: Client requested an authorization id that is different from "
        "username");
  }
  passwords_.Check(host_, user, password,
                   [self = shared_from_this(), user, then = std::move(then)](bool right) {
                     if (right) return then(self->Done(user, ""));
                     SaslStep step;
                     step.refused = "Authentication failed: Invalid username or password";
                     step.reason = "wrong password of user '" + user + "', or no such user";
                     then(std::move(step));
                   });
  Wipe(&password);
}

}  // namespace weir::log
