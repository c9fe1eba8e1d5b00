// Users of a folder that no server holds: how the first one comes to be, and how the last password
// that was forgotten is replaced.
//
// Thread rule: functions, one at a time.
#pragma once

#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/security/scram.h"

namespace weir::server {

struct ListedUser {
  std::string name;
  std::vector<log::ScramMechanism> mechanisms;
};

// kConflict: a server holds the folder. All are durable when they return.
Result<std::vector<ListedUser>> ListUsersOffline(Env& env, const std::string& data);
// A new user, or another password of one; the folder is made if absent. True: there was one.
Result<bool> PutUserOffline(Env& env, const std::string& data, const std::string& name,
                            const std::string& password);
// kNotFound: no such user.
Status RemoveUserOffline(Env& env, const std::string& data, const std::string& name);

}  // namespace weir::server
