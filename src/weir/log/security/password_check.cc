#include "weir/log/security/password_check.h"

#include <utility>

namespace weir::log {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr ScramMechanism kOfNobody = ScramMechanism::kSha256;  // as Find finds most users

}  // namespace

PasswordCheck::PasswordCheck(Timers& timers, const StateStore& state)
    : timers_(timers),
      state_(state),
      key_(SecretBytes(kKeyBytes)),
      nobody_{kOfNobody,
              {kNewUserIterations, SecretBytes(kNewUserSaltBytes), SecretBytes(kKeyBytes), ""}} {
  ForEachUser(state, [this](ScramMechanism, const std::string&, const ScramCredential& credential) {
    NoteForm(credential);
  });
}

PasswordCheck::~PasswordCheck() {
  if (timer_ != 0) timers_.Cancel(timer_);
  for (Waiting& waiting : waiting_) Wipe(&waiting.password);
}

void PasswordCheck::NoteForm(const ScramCredential& credential) {
  if (forms_.size() < kFormsMax) forms_.insert(FormOf(credential));
}

ScramCredential PasswordCheck::OfNobody(ScramMechanism mechanism, const std::string& name) const {
  const std::string* kept = FindNobodysSecret(state_);
  const std::string_view secret = kept != nullptr ? std::string_view(*kept) : key_;
  // One of them, and mostly the same when there comes another.
  CredentialForm chosen;
  std::string greatest;
  for (const CredentialForm& form : forms_) {
    std::string rank =
        Hmac(HashKind::kSha256, secret,
             std::to_string(form.iterations) + " " + std::to_string(form.salt_bytes) +
                 (form.salt_is_text ? " t " : " ") + name);
    if (rank <= greatest) continue;
    chosen = form;
    greatest = std::move(rank);
  }
  return NobodysCredential(secret, mechanism, name, chosen);
}

PasswordCheck::Credential PasswordCheck::Find(const std::string& user) const {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    if (auto credential = FindUser(state_, mechanism, user)) {
      return Credential{mechanism, std::move(*credential)};
    }
  }
  return nobody_;
}

std::string PasswordCheck::KnownAs(const Credential& credential,
                                   const std::string& password) const {
  if (key_.empty()) return {};
  // The stored key has a fixed size, so nothing else reads as the same bytes.
  return Hmac(HashKind::kSha256, key_, credential.credential.stored_key + password);
}

bool PasswordCheck::IsKnown(const std::string& user, const std::string& known_as) const {
  const auto known = known_.find(user);
  return known != known_.end() && EqualInConstantTime(known->second, known_as);
}

bool PasswordCheck::IsRight(const Waiting& asked) {
  const Credential credential = Find(asked.user);  // as it is now
  const std::string known_as = KnownAs(credential, asked.password);
  if (IsKnown(asked.user, known_as)) return true;
  if (!IsPasswordOf(credential.mechanism, credential.credential, asked.password)) return false;
  if (known_.size() >= kKnownMax) known_.clear();
  known_[asked.user] = known_as;
  return true;
}

void PasswordCheck::Check(const std::string& host, const std::string& user,
                          const std::string& password, std::function<void(bool)> then) {
  if (password.size() > kPasswordBytesMax) return then(false);
  const std::string known_as = KnownAs(Find(user), password);
  if (IsKnown(user, known_as)) return then(true);
  size_t of_host = 0;
  for (Waiting& waiting : waiting_) {
    if (waiting.user == user && EqualInConstantTime(waiting.known_as, known_as)) {
      waiting.then.push_back(std::move(then));
      return;
    }
    of_host += waiting.host == host ? 1 : 0;
  }
  if (waiting_.size() >= kWaitingMax || of_host >= kWaitingOfHostMax) return then(false);
  waiting_.push_back({host, user, password, known_as, {std::move(then)}});
  if (timer_ == 0) Next();
}

void PasswordCheck::Next() {
  const int64_t wait_us = next_us_ - timers_.NowUs();
  if (wait_us > 0) {
    timer_ = timers_.After(wait_us, [this] {
      timer_ = 0;
      Next();
    });
    return;
  }
  Waiting asked = std::move(waiting_.front());
  waiting_.pop_front();
  const bool right = IsRight(asked);
  Wipe(&asked.password);
  next_us_ = timers_.NowUs() + 1'000'000 / kChecksPerSecond;
  if (!waiting_.empty()) {
    timer_ = timers_.After(next_us_ - timers_.NowUs(), [this] {
      timer_ = 0;
      Next();
    });
  }
  for (const auto& then : asked.then) then(right);  // last: it may ask again
}

}  // namespace weir::log
