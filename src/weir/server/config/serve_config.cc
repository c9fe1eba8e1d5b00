#include "weir/server/config/serve_config.h"

#include <algorithm>
#include <limits>

#include <toml++/toml.h>

#include "weir/sql/lexer.h"

namespace weir::server {
namespace {

// A value of the file, and how to complain about it.
class Value {
 public:
  Value(const std::string& path, const std::string& folder, std::string name,
        const toml::node& node)
      : path_(path), folder_(folder), name_(std::move(name)), node_(node) {}

  Error Wrong(const std::string& what) const {
    const auto& begin = node_.source().begin;
    return Error::User(ErrorCode::kInvalid, name_ + " " + what)
        .At(path_ + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column));
  }

  Status Take(std::string* text) const {
    const auto value = node_.value_exact<std::string>();
    if (!value) return Wrong("is a text in quotes");
    *text = *value;
    return Status::Ok();
  }
  // Of a file or folder.
  Status TakePath(std::string* text) const {
    WEIR_RETURN_IF_ERROR(Take(text));
    if (text->empty()) return Wrong("is empty");
    if (text->front() != '/' && !folder_.empty()) *text = JoinPath(folder_, *text);
    return Status::Ok();
  }
  Status Take(bool* flag) const {
    const auto value = node_.value_exact<bool>();
    if (!value) return Wrong("is true or false");
    *flag = *value;
    return Status::Ok();
  }
  Status Take(int32_t* number, int32_t min, int32_t max) const {
    const auto value = node_.value_exact<int64_t>();
    if (!value || *value < min || *value > max) {
      return Wrong("is a number from " + std::to_string(min) + " to " + std::to_string(max));
    }
    *number = static_cast<int32_t>(*value);
    return Status::Ok();
  }
  // One text, or an array of some.
  Status Take(std::vector<std::string>* texts) const {
    texts->clear();
    if (const toml::array* array = node_.as_array()) {
      for (const toml::node& item : *array) {
        std::string text;
        WEIR_RETURN_IF_ERROR(Value(path_, folder_, name_, item).Take(&text));
        texts->push_back(std::move(text));
      }
      return Status::Ok();
    }
    std::string text;
    if (!Take(&text).ok()) return Wrong("is a text in quotes, or a list of some");
    texts->push_back(std::move(text));
    return Status::Ok();
  }
  bool is_number() const { return node_.is_integer(); }
  // An error of what the text means, here.
  Error Here(Error error) const {
    const auto& begin = node_.source().begin;
    return std::move(error).At(path_ + ":" + std::to_string(begin.line) + ":" +
                               std::to_string(begin.column));
  }

 private:
  const std::string& path_;
  const std::string& folder_;
  const std::string name_;
  const toml::node& node_;
};

Status TakeListen(const Value& value, ServeConfig* config) {
  std::vector<std::string> texts;
  WEIR_RETURN_IF_ERROR(value.Take(&texts));
  if (texts.empty()) return value.Wrong("is empty");
  config->listen.clear();
  for (const std::string& text : texts) {
    auto address = ParseListenAddress(text);
    if (!address.ok()) return value.Here(std::move(address).error());
    config->listen.push_back(*address);
  }
  return Status::Ok();
}

Status TakeHttp(const Value& value, ServeConfig* config) {
  std::string text;
  if (value.is_number()) {
    int32_t port = 0;
    WEIR_RETURN_IF_ERROR(value.Take(&port, 0, std::numeric_limits<uint16_t>::max()));
    text = std::to_string(port);
  } else {
    WEIR_RETURN_IF_ERROR(value.Take(&text));
  }
  auto address = ParseHttpAddress(text);
  if (!address.ok()) return value.Here(std::move(address).error());
  config->http = *address;
  return Status::Ok();
}

Status TakeDurability(const Value& value, ServeConfig* config) {
  WEIR_RETURN_IF_ERROR(value.Take(&config->durability));
  if (config->durability == "fsync" || config->durability == "os") return Status::Ok();
  return value.Wrong("is 'fsync' or 'os'");
}

Status TakeReplication(const Value& value, ServeConfig* config) {
  WEIR_RETURN_IF_ERROR(value.Take(&config->replication));
  if (config->replication == "auto" || config->replication == "strict") return Status::Ok();
  return value.Wrong("is 'auto' or 'strict'");
}

Status TakeMechanisms(const Value& value, ServeConfig* config) {
  std::vector<std::string> names;
  WEIR_RETURN_IF_ERROR(value.Take(&names));
  if (names.empty()) return value.Wrong("is empty");
  config->mechanisms.clear();
  for (const std::string& name : names) {
    const auto mechanism = log::FindSaslMechanism(name);
    if (!mechanism) {
      return value.Wrong("has '" + name + "'; there are SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN");
    }
    config->mechanisms.push_back(*mechanism);
  }
  return Status::Ok();
}

Status TakeSuperUsers(const Value& value, ServeConfig* config) {
  WEIR_RETURN_IF_ERROR(value.Take(&config->super_users));
  for (std::string& user : config->super_users) {
    if (user.empty()) return value.Wrong("has an empty name");
    // A certificate's subject may have a colon of its own.
    if (!user.starts_with("User:")) user = "User:" + user;
  }
  return Status::Ok();
}

// Clients log in again after nine tenths of a login, and may once a second.
constexpr int32_t kReauthMsMin = 2'000;

Status TakeMaxReauth(const Value& value, ServeConfig* config) {
  int32_t ms = 0;
  if (!value.Take(&ms, 0, std::numeric_limits<int32_t>::max()).ok() ||
      (ms != 0 && ms < kReauthMsMin)) {
    return value.Wrong("is 0 (a login lasts as long as its connection) or a number from " +
                       std::to_string(kReauthMsMin) + " to " +
                       std::to_string(std::numeric_limits<int32_t>::max()));
  }
  config->max_reauth_ms = ms;
  return Status::Ok();
}

struct Key {
  const char* section;
  const char* name;
  Status (*take)(const Value& value, ServeConfig* config);
};

constexpr int32_t kPartitionsMax = 10'000;
constexpr int32_t kNodeIdMax = 1'000;  // as Kafka's reserved.broker.max.id
constexpr int32_t kSessionTimeoutMsMax = log::GroupOptions().max_session_timeout_ms;

const Key kKeys[] = {
    {"serve", "data", [](const Value& v, ServeConfig* c) { return v.TakePath(&c->data); }},
    {"serve", "listen", &TakeListen},
    {"serve", "advertise", [](const Value& v, ServeConfig* c) { return v.Take(&c->advertise); }},
    {"serve", "http", &TakeHttp},
    {"serve", "partitions",
     [](const Value& v, ServeConfig* c) { return v.Take(&c->partitions, 1, kPartitionsMax); }},
    {"serve", "auto-create",
     [](const Value& v, ServeConfig* c) { return v.Take(&c->auto_create); }},
    {"serve", "node-id",
     [](const Value& v, ServeConfig* c) { return v.Take(&c->node_id, 0, kNodeIdMax); }},
    {"serve", "replication", &TakeReplication},
    {"log", "durability", &TakeDurability},
    {"groups", "min-session-timeout-ms",
     [](const Value& v, ServeConfig* c) {
       return v.Take(&c->min_session_timeout_ms, 1, kSessionTimeoutMsMax);
     }},
    {"groups", "consumer-session-timeout-ms",
     [](const Value& v, ServeConfig* c) {
       return v.Take(&c->consumer_session_timeout_ms, 1, kSessionTimeoutMsMax);
     }},
    {"groups", "consumer-heartbeat-interval-ms",
     [](const Value& v, ServeConfig* c) {
       return v.Take(&c->consumer_heartbeat_interval_ms, 1, kSessionTimeoutMsMax);
     }},
    {"tls", "certificate",
     [](const Value& v, ServeConfig* c) { return v.TakePath(&c->tls.certificate); }},
    {"tls", "key", [](const Value& v, ServeConfig* c) { return v.TakePath(&c->tls.key); }},
    {"tls", "client-ca",
     [](const Value& v, ServeConfig* c) { return v.TakePath(&c->tls.client_ca); }},
    {"security", "mechanisms", &TakeMechanisms},
    {"security", "acls", [](const Value& v, ServeConfig* c) { return v.Take(&c->acls); }},
    {"security", "super-users", &TakeSuperUsers},
    {"security", "max-reauth-ms", &TakeMaxReauth},
    {"security", "insecure", [](const Value& v, ServeConfig* c) { return v.Take(&c->insecure); }},
    {"security", "first-user",
     [](const Value& v, ServeConfig* c) { return v.Take(&c->first_user); }},
    {"security", "first-user-password-env",
     [](const Value& v, ServeConfig* c) { return v.Take(&c->first_user_password_env); }},
    {"security", "first-user-password-file",
     [](const Value& v, ServeConfig* c) { return v.TakePath(&c->first_user_password_file); }},
};

// "", or what to write in place of a name that there isn't.
std::string Suggestion(const std::string& wrong, const std::vector<std::string>& names) {
  std::string suggestion = sql::DidYouMean(wrong, names);
  if (!suggestion.empty()) return suggestion;
  suggestion = "there is ";
  for (size_t i = 0; i < names.size(); ++i) suggestion += (i == 0 ? "" : ", ") + names[i];
  return suggestion;
}

Error Unknown(const std::string& path, const toml::source_position& place, const std::string& what,
              const std::string& name, const std::vector<std::string>& names) {
  return Error::User(ErrorCode::kNotFound, "no " + what + " '" + name + "'")
      .At(path + ":" + std::to_string(place.line) + ":" + std::to_string(place.column))
      .Fix(Suggestion(name, names));
}

Status ReadSection(const std::string& path, const std::string& folder, const std::string& section,
                   const toml::table& table, ServeConfig* config) {
  std::vector<std::string> names;
  for (const Key& key : kKeys) {
    if (section == key.section) names.emplace_back(key.name);
  }
  for (const auto& [name, node] : table) {
    const std::string text(name.str());
    const auto* key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& known) {
      return section == known.section && text == known.name;
    });
    if (key == std::end(kKeys)) {
      return Unknown(path, name.source().begin, "key of [" + section + "]", text, names);
    }
    WEIR_RETURN_IF_ERROR(key->take(Value(path, folder, section + "." + text, node), config));
  }
  return Status::Ok();
}

Status ReadFile(const std::string& path, const std::string& text, ServeConfig* config) {
  std::vector<std::string> sections;
  for (const Key& key : kKeys) {
    if (sections.empty() || sections.back() != key.section) sections.emplace_back(key.section);
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash);
  try {
    const toml::table file = toml::parse(text, path);
    for (const auto& [name, node] : file) {
      const std::string section(name.str());
      if (std::find(sections.begin(), sections.end(), section) == sections.end()) {
        return Unknown(path, name.source().begin, "section", section, sections);
      }
      if (!node.is_table()) return Value(path, folder, section, node).Wrong("is a section");
      WEIR_RETURN_IF_ERROR(ReadSection(path, folder, section, *node.as_table(), config));
    }
  } catch (const toml::parse_error& error) {
    const auto& place = error.source().begin;
    return Error::User(ErrorCode::kInvalid, "not TOML: " + std::string(error.description()))
        .At(path + ":" + std::to_string(place.line) + ":" + std::to_string(place.column));
  }
  return Status::Ok();
}

Error Exposed(const ListenAddress& address) {
  ListenAddress better = address;
  better.sasl = true;
  better.tls = true;
  return Error::User(ErrorCode::kPermission, "other machines would reach " + address.Text() +
                                                 ", and nobody would be asked who they are")
      .Fix("listen on 127.0.0.1, or on " + better.Text() +
           " with users and a certificate; --insecure if it is wanted so");
}

// Which ways to log in a listener offers.
Result<std::vector<log::SaslMechanism>> MechanismsOf(const ServeConfig& config,
                                                     const ListenAddress& address) {
  const bool readable = !address.tls && !address.is_loopback() && !config.insecure;
  if (config.mechanisms.empty()) {
    std::vector<log::SaslMechanism> safe = {log::SaslMechanism::kScramSha256,
                                            log::SaslMechanism::kScramSha512};
    if (!readable) safe.push_back(log::SaslMechanism::kPlain);
    return safe;
  }
  const bool plain = std::find(config.mechanisms.begin(), config.mechanisms.end(),
                               log::SaslMechanism::kPlain) != config.mechanisms.end();
  if (plain && readable) {
    return Error::User(ErrorCode::kPermission,
                       "passwords of PLAIN would travel readable to " + address.Text())
        .Fix("write sasl+tls:// before the address, or leave PLAIN out of security.mechanisms");
  }
  return config.mechanisms;
}

Result<std::optional<FirstUser>> ReadFirstUser(Env& env, const ServeConfig& config) {
  const bool from_env = !config.first_user_password_env.empty();
  const bool from_file = !config.first_user_password_file.empty();
  if (config.first_user.empty() && !from_env && !from_file) return std::optional<FirstUser>();
  if (config.first_user.empty() || from_env == from_file) {
    return Error::User(ErrorCode::kInvalid,
                       "the first user needs a name and one place of a password")
        .Fix("give security.first-user, and first-user-password-env or first-user-password-file");
  }
  FirstUser user;
  user.name = config.first_user;
  if (from_env) {
    const auto value = env.Variable(config.first_user_password_env);
    if (!value || value->empty()) {
      return Error::User(ErrorCode::kNotFound, "no password of the first user in the environment")
          .At(config.first_user_password_env);
    }
    user.password = *value;
  } else {
    WEIR_ASSIGN_OR_RETURN(user.password, env.ReadFile(config.first_user_password_file));
    while (!user.password.empty() &&
           (user.password.back() == '\n' || user.password.back() == '\r')) {
      user.password.pop_back();
    }
    if (user.password.empty()) {
      return Error::User(ErrorCode::kInvalid, "no password of the first user in this file")
          .At(config.first_user_password_file);
    }
  }
  return std::optional<FirstUser>(std::move(user));
}

}  // namespace

Result<ServeConfig> ReadServeConfig(Env& env, const std::string& path) {
  ServeConfig config;
  const std::string file = path.empty() ? kConfigFileName : path;
  auto text = env.ReadFile(file);
  if (!text.ok()) {
    if (path.empty() && text.error().code() == ErrorCode::kNotFound) return config;
    return std::move(text).error();
  }
  WEIR_RETURN_IF_ERROR(server::ReadFile(file, *text, &config));
  return config;
}

Result<std::string> DataFolderIn(Env& env, const std::string& folder) {
  const std::string file = JoinPath(folder, kConfigFileName);
  const std::string usual = ServeConfig().data;
  if (!env.Exists(file)) return JoinPath(folder, usual);
  WEIR_ASSIGN_OR_RETURN(const ServeConfig config, ReadServeConfig(env, file));
  // A path in the file has its folder in front already.
  return config.data == usual ? JoinPath(folder, usual) : config.data;
}

Result<BrokerServerOptions> ToBrokerServerOptions(Env& env, const ServeConfig& config) {
  BrokerServerOptions options;
  options.data = config.data;
  options.sync = config.durability == "fsync";
  options.broker.default_partitions = config.partitions;
  options.broker.auto_create_topics = config.auto_create;
  options.broker.node_id = config.node_id;
  options.broker.clamp_replication = config.replication == "auto";
  log::GroupOptions& groups = options.broker.groups;
  groups.min_session_timeout_ms = config.min_session_timeout_ms;
  groups.consumer_session_timeout_ms = config.consumer_session_timeout_ms;
  groups.consumer_heartbeat_interval_ms = config.consumer_heartbeat_interval_ms;
  if (groups.consumer_heartbeat_interval_ms >= groups.consumer_session_timeout_ms) {
    return Error::User(ErrorCode::kInvalid,
                       "groups.consumer-heartbeat-interval-ms is " +
                           std::to_string(groups.consumer_heartbeat_interval_ms) +
                           ", not shorter than groups.consumer-session-timeout-ms, " +
                           std::to_string(groups.consumer_session_timeout_ms))
        .Fix("give a session room for several heartbeats");
  }
  options.tls = config.tls;
  options.broker.acls = {config.acls, config.super_users};
  options.broker.max_reauth_ms = config.max_reauth_ms;
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    return Error::User(ErrorCode::kInvalid, "a certificate and its key belong together")
        .Fix("give both tls.certificate and tls.key");
  }
  options.listeners.clear();
  bool anyone_needs_tls = config.http.tls && config.http.port != 0;
  for (const ListenAddress& address : config.listen) {
    const bool asks = address.sasl || (address.tls && !config.tls.client_ca.empty());
    if (!asks && !address.is_loopback() && !config.insecure) return Exposed(address);
    anyone_needs_tls |= address.tls;
    ListenerOptions listener;
    listener.host = address.host;
    listener.port = address.port;
    listener.advertise_host = config.advertise;
    listener.tls = address.tls;
    if (address.sasl) {
      WEIR_ASSIGN_OR_RETURN(listener.sasl, MechanismsOf(config, address));
    }
    options.listeners.push_back(std::move(listener));
  }
  if (anyone_needs_tls && !config.tls.given()) {
    return Error::User(ErrorCode::kInvalid, "a listener with TLS, and no certificate")
        .Fix("give tls.certificate and tls.key in weir.toml");
  }
  options.http.host = config.http.host;
  options.http.port = config.http.port;
  options.http.tls = config.http.tls;
  WEIR_ASSIGN_OR_RETURN(options.first_user, ReadFirstUser(env, config));
  return options;
}

}  // namespace weir::server
