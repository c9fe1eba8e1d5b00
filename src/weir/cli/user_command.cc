// weir user: who may log in to `weir serve`, while no server holds the folder.
#include <fmt/core.h>

#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include "weir/cli/commands.h"
#include "weir/cli/terminal.h"
#include "weir/server/broker/users_offline.h"
#include "weir/server/config/serve_config.h"

namespace weir::cli {
namespace {

struct UserFlags {
  std::string config;
  std::string data;
  std::string name;
  std::string password_env;
};

// --data, or where weir.toml says.
Result<std::string> DataFolder(const UserFlags& flags) {
  if (!flags.data.empty()) return flags.data;
  WEIR_ASSIGN_OR_RETURN(const auto config, server::ReadServeConfig(RealEnv(), flags.config));
  return config.data;
}

Result<std::string> ReadPassword(const UserFlags& flags) {
  if (!flags.password_env.empty()) {
    const auto value = RealEnv().Variable(flags.password_env);
    if (value && !value->empty()) return *value;
    return Error::User(ErrorCode::kNotFound, "no password in the environment")
        .At(flags.password_env);
  }
  std::string password;
  const bool person = IsTerminal(0);
  if (person) fmt::print(stderr, "password of {}: ", flags.name);
  const bool read = person ? ReadHiddenLine(&password) : !!std::getline(std::cin, password);
  if (!password.empty() && password.back() == '\r') password.pop_back();
  if (!read || password.empty()) {
    return Error::User(ErrorCode::kInvalid, "no password given")
        .Fix("write it as a line on stdin, or name a variable with --password-env");
  }
  if (person) {
    std::string again;
    fmt::print(stderr, "once more: ");
    if (!ReadHiddenLine(&again) || again != password) {
      return Error::User(ErrorCode::kInvalid, "these were two passwords");
    }
  }
  return password;
}

Status AddUser(const UserFlags& flags) {
  if (flags.name.empty()) return Error::User(ErrorCode::kInvalid, "a user needs a name");
  WEIR_ASSIGN_OR_RETURN(const std::string data, DataFolder(flags));
  WEIR_ASSIGN_OR_RETURN(const std::string password, ReadPassword(flags));
  WEIR_ASSIGN_OR_RETURN(const bool was,
                        server::PutUserOffline(RealEnv(), data, flags.name, password));
  fmt::print("user {} {}\n", flags.name, was ? "has another password" : "added");
  return Status::Ok();
}

Status ListUsers(const UserFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const std::string data, DataFolder(flags));
  WEIR_ASSIGN_OR_RETURN(const auto users, server::ListUsersOffline(RealEnv(), data));
  for (const server::ListedUser& user : users) {
    std::string mechanisms;
    for (const log::ScramMechanism mechanism : user.mechanisms) {
      mechanisms += (mechanisms.empty() ? "" : ", ");
      mechanisms += log::ScramMechanismName(mechanism);
    }
    fmt::print("{}\t{}\n", user.name, mechanisms);
  }
  return Status::Ok();
}

Status RemoveUser(const UserFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const std::string data, DataFolder(flags));
  WEIR_RETURN_IF_ERROR(server::RemoveUserOffline(RealEnv(), data, flags.name));
  fmt::print("user {} removed\n", flags.name);
  return Status::Ok();
}

}  // namespace

void AddUserCommand(CLI::App& app, Outcome& outcome) {
  auto flags = std::make_shared<UserFlags>();
  CLI::App* command = app.add_subcommand("user", "Users of `weir serve`, while it does not run");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, Status (*run)(const UserFlags&)) {
    CLI::App* sub = command->add_subcommand(name, description);
    sub->add_option("--data", flags->data, "Folder of the topics; as weir.toml says unless given");
    sub->add_option("--config", flags->config, "Settings; weir.toml of this folder unless given");
    sub->callback([flags, run, &outcome] {
      const Status status = run(*flags);
      if (!status.ok()) outcome.exit_code = Fail(status.error());
    });
    return sub;
  };
  CLI::App* added =
      add("add", "A new user, or another password of one (a line on stdin)", &AddUser);
  added->add_option("NAME", flags->name)->required();
  added->add_option("--password-env", flags->password_env,
                    "The environment variable that holds the password");
  add("ls", "The users and their mechanisms", &ListUsers);
  add("rm", "Takes a user away", &RemoveUser)->add_option("NAME", flags->name)->required();
}

}  // namespace weir::cli
