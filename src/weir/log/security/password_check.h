// PasswordCheck: whether a password is a user's, for SASL PLAIN; and what SCRAM says of nobody's.
// To compute that is slow on purpose (thousands of hashes), so it is done kChecksPerSecond times a
// second at most, whoever asks; a password that was right is known again at once, as long as the
// user's row is the same. Who asks for the same user and password at the same time shares one
// check, so that a fleet that starts together does not wait for itself, and one host has few checks
// waiting, so that whoever guesses from there does not keep others waiting long. A password of
// nobody is checked as long as anyone's and waits as they do: how long a refusal takes does not
// tell whether there is such a user.
//
// Limits: kWaitingMax checks wait their turn, kWaitingOfHostMax of one host, the rest is refused;
// kKnownMax passwords are known.
//
// Thread rule: the log's thread.
#pragma once

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "weir/log/security/users.h"
#include "weir/log/timers.h"

namespace weir::log {

class PasswordCheck {
 public:
  static constexpr int64_t kChecksPerSecond = 20;
  static constexpr size_t kWaitingMax = 1000;
  static constexpr size_t kWaitingOfHostMax = 50;
  static constexpr size_t kKnownMax = 10'000;
  static constexpr size_t kPasswordBytesMax = 1024;
  static constexpr size_t kFormsMax = 16;

  PasswordCheck(Timers& timers, const StateStore& state);
  ~PasswordCheck();
  PasswordCheck(const PasswordCheck&) = delete;
  PasswordCheck& operator=(const PasswordCheck&) = delete;

  // For SCRAM, whose first answer tells how a user's password is kept: what to tell of a name that
  // is nobody's, so that the answer does not say so. It looks like that of some user.
  ScramCredential OfNobody(ScramMechanism mechanism, const std::string& name) const;
  // Of a user that came while the broker runs.
  void NoteForm(const ScramCredential& credential);

  // `then` is called once, now or later; never if the PasswordCheck ends first.
  void Check(const std::string& host, const std::string& user, const std::string& password,
             std::function<void(bool)> then);

 private:
  struct Waiting {
    std::string host;
    std::string user;
    std::string password;
    std::string known_as;
    std::vector<std::function<void(bool)>> then;
  };
  struct Credential {
    ScramMechanism mechanism;
    ScramCredential credential;
  };
  Credential Find(const std::string& user) const;
  // What is remembered of a right password: neither it nor what is in its row.
  std::string KnownAs(const Credential& credential, const std::string& password) const;
  bool IsKnown(const std::string& user, const std::string& known_as) const;
  bool IsRight(const Waiting& asked);
  void Next();

  Timers& timers_;
  const StateStore& state_;
  const std::string key_;                               // of this process
  const Credential nobody_;                             // of who is no user: no password has it
  std::set<CredentialForm> forms_;                      // of users, kFormsMax of them
  std::unordered_map<std::string, std::string> known_;  // by user
  std::deque<Waiting> waiting_;
  Timers::Id timer_ = 0;
  int64_t next_us_ = 0;
};

}  // namespace weir::log
