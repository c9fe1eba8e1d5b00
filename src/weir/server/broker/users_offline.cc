#include "weir/server/broker/users_offline.h"

#include <map>
#include <memory>

#include "weir/base/metrics.h"
#include "weir/log/event_log.h"
#include "weir/log/security/users.h"

namespace weir::server {
namespace {

// The log of a folder, held for one command.
class HeldLog {
 public:
  static Result<std::unique_ptr<HeldLog>> Open(Env& env, const std::string& data) {
    if (!env.Exists(data)) {
      return Error::User(ErrorCode::kNotFound, "there are no users: no such folder of topics")
          .At(data)
          .Fix("`weir user add NAME` makes it with its first user; or name another with --data");
    }
    auto held = std::make_unique<HeldLog>();
    auto lock = env.LockFile(JoinPath(data, "LOCK"));
    if (!lock.ok()) {
      if (lock.error().code() != ErrorCode::kConflict) return std::move(lock).error();
      return Error::User(ErrorCode::kConflict,
                         "a weir serves this folder: " + lock.error().message())
          .At(data)
          .Fix(
              "change its users through it: kafka-configs --alter --entity-type users "
              "--entity-name NAME --add-config 'SCRAM-SHA-512=[password=...]'; or stop it");
    }
    held->lock_ = std::move(lock).value();
    log::EventLogOptions options;
    options.journal.folder = JoinPath(data, "log");
    log::EventLogRecovery recovery;
    WEIR_ASSIGN_OR_RETURN(held->log_, log::EventLog::Open(env, held->metrics_, options, &recovery));
    return held;
  }

  const log::StateStore& state() const { return log_->state(); }

  Status Commit(const std::vector<log::StateChange>& changes) {
    WEIR_ASSIGN_OR_RETURN(const log::Position end, log_->Commit({}, changes, nullptr));
    WEIR_RETURN_IF_ERROR(log_->journal().Flush());
    log_->Advance(end);
    return Status::Ok();
  }

 private:
  MetricRegistry metrics_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<log::EventLog> log_;
};

std::vector<ListedUser> List(const log::StateStore& state) {
  std::map<std::string, ListedUser> users;
  log::ForEachUser(state, [&](log::ScramMechanism mechanism, const std::string& name,
                              const log::ScramCredential&) {
    users[name].name = name;
    users[name].mechanisms.push_back(mechanism);
  });
  std::vector<ListedUser> listed;
  for (auto& [name, user] : users) listed.push_back(std::move(user));
  return listed;
}

bool Has(const log::StateStore& state, const std::string& name) {
  for (const log::ScramMechanism mechanism : log::kScramMechanisms) {
    if (log::FindUser(state, mechanism, name)) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<ListedUser>> ListUsersOffline(Env& env, const std::string& data) {
  WEIR_ASSIGN_OR_RETURN(const auto held, HeldLog::Open(env, data));
  return List(held->state());
}

Result<bool> PutUserOffline(Env& env, const std::string& data, const std::string& name,
                            const std::string& password) {
  WEIR_RETURN_IF_ERROR(env.CreateDirsSynced(data));
  WEIR_ASSIGN_OR_RETURN(const auto held, HeldLog::Open(env, data));
  const bool was = Has(held->state(), name);
  WEIR_RETURN_IF_ERROR(held->Commit(log::NewUser(name, password)));
  return was;
}

Status RemoveUserOffline(Env& env, const std::string& data, const std::string& name) {
  WEIR_ASSIGN_OR_RETURN(const auto held, HeldLog::Open(env, data));
  if (!Has(held->state(), name)) {
    return Error::User(ErrorCode::kNotFound, "no user '" + name + "'").At(data);
  }
  std::vector<log::StateChange> changes;
  for (const log::ScramMechanism mechanism : log::kScramMechanisms) {
    if (log::FindUser(held->state(), mechanism, name)) {
      changes.push_back(log::RemoveUser(mechanism, name));
    }
  }
  return held->Commit(changes);
}

}  // namespace weir::server
