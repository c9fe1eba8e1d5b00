#include "weir/log/security/password_check.h"

#include <utility>

namespace weir::log {
namespace {

constexpr size_t kKeyBytes = 32;

}  // namespace

PasswordCheck::PasswordCheck(Timers& timers, const StateStore& state)
    : timers_(timers), state_(state), key_(SecretBytes(kKeyBytes)) {}

PasswordCheck::~PasswordCheck() {
  if (timer_ != 0) timers_.Cancel(timer_);
  for (Waiting& waiting : waiting_) Wipe(&waiting.password);
}

std::optional<PasswordCheck::Credential> PasswordCheck::Find(const std::string& user) const {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    if (auto credential = FindUser(state_, mechanism, user)) {
      return Credential{mechanism, std::move(*credential)};
    }
  }
  return std::nullopt;
}

std::string PasswordCheck::KnownAs(const Waiting& asked, const Credential& credential) const {
  // The stored key has a fixed size, so nothing else reads as the same bytes.
  return Hmac(HashKind::kSha256, key_, credential.credential.stored_key + asked.password);
}

bool PasswordCheck::IsKnown(const Waiting& asked, const Credential& credential) const {
  const auto known = known_.find(asked.user);
  return !key_.empty() && known != known_.end() &&
         EqualInConstantTime(known->second, KnownAs(asked, credential));
}

bool PasswordCheck::IsRight(const Waiting& asked) {
  const auto credential = Find(asked.user);
  if (!credential) return false;
  if (IsKnown(asked, *credential)) return true;
  if (!IsPasswordOf(credential->mechanism, credential->credential, asked.password)) return false;
  if (known_.size() >= kKnownMax) known_.clear();
  known_[asked.user] = KnownAs(asked, *credential);
  return true;
}

void PasswordCheck::Check(const std::string& user, const std::string& password,
                          std::function<void(bool)> then) {
  Waiting asked{user, password, std::move(then)};
  const auto credential = Find(user);
  if (!credential || password.size() > kPasswordBytesMax || waiting_.size() >= kWaitingMax) {
    return asked.then(false);
  }
  if (IsKnown(asked, *credential)) return asked.then(true);
  waiting_.push_back(std::move(asked));
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
  asked.then(right);  // last: it may ask again
}

}  // namespace weir::log
