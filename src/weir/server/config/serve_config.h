// ServeConfig: how `weir serve` is to run, as weir.toml and its flags say it.
//
//   [serve]
//   data = "/var/lib/weir"
//   listen = ["127.0.0.1:9092", "sasl+tls://0.0.0.0:9093"]
//   [tls]
//   certificate = "server.pem"
//   key = "server.key"
//
// Every key and what it means: docs/security.md. Secrets are not in the file: it names a variable
// or another file.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/groups/group_options.h"
#include "weir/server/broker/broker_server.h"
#include "weir/server/config/listen_address.h"

namespace weir::server {

constexpr const char* kConfigFileName = "weir.toml";

struct ServeConfig {
  // [serve]
  std::string data = "data";
  std::vector<ListenAddress> listen = {{"127.0.0.1", 9092, false, false}};
  std::string advertise;                                   // host; "": the listener's
  ListenAddress http = {"127.0.0.1", 8080, false, false};  // port 0: none
  int32_t partitions = 1;
  bool auto_create = true;
  int32_t node_id = 1;               // what clients are told
  std::string replication = "auto";  // "strict": factors above 1 are refused
  // [log]
  std::string durability = "fsync";
  // [groups]
  int32_t min_session_timeout_ms = log::GroupOptions().min_session_timeout_ms;  // of members
  int32_t consumer_session_timeout_ms = log::GroupOptions().consumer_session_timeout_ms;
  int32_t consumer_heartbeat_interval_ms = log::GroupOptions().consumer_heartbeat_interval_ms;
  // [tls]
  TlsOptions tls;
  // [security]
  std::vector<log::SaslMechanism> mechanisms;  // none: what is safe on the listener
  bool acls = false;                           // who logged in may do what entries allow
  std::vector<std::string> super_users;        // "User:admin": may do everything
  int32_t max_reauth_ms = 0;                   // how long a login lasts; 0: as its connection
  bool insecure = false;                       // beyond this machine without asking who it is
  std::string first_user;
  std::string first_user_password_env;
  std::string first_user_password_file;
};

// The file; with `path` "" weir.toml of the current folder, if there is one. Paths in it are
// relative to its folder. Errors name file, line and column.
Result<ServeConfig> ReadServeConfig(Env& env, const std::string& path);

// Where the topics of a folder lie for programs that work in it: as its weir.toml says, else in
// data/ there. Errors: those of its weir.toml.
Result<std::string> DataFolderIn(Env& env, const std::string& folder);

// kUser: what should not be: listeners that anybody reaches and that ask for nothing, PLAIN
// passwords that travel readable, TLS without certificate. Reads the first user's password.
Result<BrokerServerOptions> ToBrokerServerOptions(Env& env, const ServeConfig& config);

}  // namespace weir::server
