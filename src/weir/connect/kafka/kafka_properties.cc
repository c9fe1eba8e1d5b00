#include "weir/connect/kafka/kafka_properties.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "weir/connect/option_values.h"

namespace weir::connect {

namespace {

constexpr const char* kPrefix = "properties.";

struct ConfDelete {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDelete>;

// All of librdkafka's names, out of the table that it prints: "name | C/P | range | ...".
std::vector<std::string> PropertyNames() {
  char* text = nullptr;
  size_t size = 0;
  FILE* const out = open_memstream(&text, &size);
  if (out == nullptr) return {};
  rd_kafka_conf_properties_show(out);
  std::fclose(out);
  std::vector<std::string> names;
  std::istringstream lines(std::string(text, size));
  std::free(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t end = line.find_first_of(" |");
    if (end == std::string::npos || line.find('|') == std::string::npos) continue;
    const std::string name = line.substr(0, end);
    if (name.find('.') == std::string::npos || name.ends_with("_cb")) continue;
    names.push_back(name);
  }
  return names;
}

bool IsSecret(const std::string& name) {
  for (const char* part : {"password", "secret", "jaas", "pem", "ssl.key", "ssl.keystore.key"}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

// What Weir itself decides about its clients, and how to ask for it instead.
const std::map<std::string, std::string>& Decided() {
  static const std::map<std::string, std::string> kDecided = {
      {"enable.auto.commit", "positions are committed with the rows that they belong to"},
      {"enable.auto.offset.store", "positions are committed with the rows that they belong to"},
      {"auto.offset.reset", "say where to begin with 'scan.startup.mode'"},
      {"key.deserializer", "say what a key holds with 'key.format'"},
      {"value.deserializer", "say what a value holds with 'format'"},
      {"key.serializer", "say what a key holds with 'key.format'"},
      {"value.serializer", "say what a value holds with 'format'"},
      {"enable.partition.eof", "it is always on"},
      {"transactional.id", "use 'sink.transactional-id-prefix'"},
      {"plugin.library.paths", "plug-ins are not loaded"},
      {"log_level", "see the run's messages"},
      {"debug", "see the run's messages"},
  };
  return kDecided;
}

// The value of `name="..."` in a JAAS line.
std::string JaasValue(const std::string& jaas, const std::string& name) {
  size_t at = 0;
  while ((at = jaas.find(name, at)) != std::string::npos) {
    const bool whole = at > 0 && std::isspace(static_cast<unsigned char>(jaas[at - 1]));
    size_t i = at + name.size();
    at = i;
    while (i < jaas.size() && std::isspace(static_cast<unsigned char>(jaas[i]))) ++i;
    if (!whole || i >= jaas.size() || jaas[i] != '=') continue;
    ++i;
    while (i < jaas.size() && std::isspace(static_cast<unsigned char>(jaas[i]))) ++i;
    std::string value;
    if (i < jaas.size() && (jaas[i] == '"' || jaas[i] == '\'')) {
      const char quote = jaas[i++];
      while (i < jaas.size() && jaas[i] != quote) {
        if (jaas[i] == '\\' && i + 1 < jaas.size()) ++i;
        value += jaas[i++];
      }
    } else {
      while (i < jaas.size() && jaas[i] != ';' &&
             !std::isspace(static_cast<unsigned char>(jaas[i]))) {
        value += jaas[i++];
      }
    }
    return value;
  }
  return "";
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// Java's words to librdkafka's, in place.
Status Translate(std::map<std::string, std::string>* properties) {
  const auto take = [&](const char* name) -> std::optional<std::string> {
    const auto found = properties->find(name);
    if (found == properties->end()) return std::nullopt;
    std::string value = std::move(found->second);
    properties->erase(found);
    return value;
  };
  if (const auto jaas = take("sasl.jaas.config")) {
    const std::string user = JaasValue(*jaas, "username");
    if (user.empty()) {
      return Error::User(ErrorCode::kUnsupported,
                         "option 'properties.sasl.jaas.config' has no username=\"...\"")
          .Fix(
              "only logins by name and password are taken from it; give the others as librdkafka "
              "names them, such as 'properties.sasl.oauthbearer.config'");
    }
    properties->emplace("sasl.username", user);
    properties->emplace("sasl.password", JaasValue(*jaas, "password"));
  }
  const struct {
    const char* type;
    const char* location;
    const char* to;
  } stores[] = {{"ssl.truststore.type", "ssl.truststore.location", "ssl.ca.location"},
                {"ssl.keystore.type", "ssl.keystore.location", "ssl.certificate.location"}};
  for (const auto& store : stores) {
    const std::string type = Upper(take(store.type).value_or(""));
    const bool is_key_store = std::string(store.location) == "ssl.keystore.location";
    const auto location = properties->find(store.location);
    if (location == properties->end()) continue;
    const bool pem =
        type == "PEM" || location->second.ends_with(".pem") || location->second.ends_with(".crt");
    if (pem) {
      std::string path = std::move(location->second);
      properties->erase(location);
      if (is_key_store) properties->emplace("ssl.key.location", path);
      properties->emplace(store.to, std::move(path));
    } else if (!is_key_store || type == "JKS" || location->second.ends_with(".jks")) {
      return Error::User(ErrorCode::kUnsupported,
                         fmt::format("option 'properties.{}' = '{}' is a Java key store",
                                     store.location, location->second))
          .Fix(fmt::format("export it as PEM (keytool -exportcert -rfc, openssl pkcs12) and name "
                           "the file in 'properties.{}'",
                           store.to));
    }
  }
  take("ssl.truststore.password");
  const std::pair<const char*, const char*> renamed[] = {
      {"ssl.truststore.certificates", "ssl.ca.pem"},
      {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
      {"ssl.keystore.key", "ssl.key.pem"},
      {"request.timeout.ms", "socket.timeout.ms"},
      {"send.buffer.bytes", "socket.send.buffer.bytes"},
      {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
      {"sasl.mechanisms", "sasl.mechanism"}};
  for (const auto& [java, ours] : renamed) {
    if (auto value = take(java)) properties->insert_or_assign(ours, std::move(*value));
  }
  // Java says '' for off.
  const auto identification = properties->find("ssl.endpoint.identification.algorithm");
  if (identification != properties->end() && identification->second.empty()) {
    identification->second = "none";
  }
  return Status::Ok();
}

}  // namespace

std::string KafkaProperties::bootstrap_servers() const {
  const auto found = client.find("bootstrap.servers");
  return found == client.end() ? "" : found->second;
}

Result<KafkaProperties> ParseKafkaProperties(const std::map<std::string, std::string>& properties) {
  KafkaProperties out;
  std::map<std::string, std::string> left = properties;
  if (const auto found = left.find("default.api.timeout.ms"); found != left.end()) {
    WEIR_RETURN_IF_ERROR(IntegerValue(std::string(kPrefix) + found->first, found->second, 1,
                                      3'600'000, &out.limit_ms));
    left.erase(found);
  }
  for (const auto& [name, why] : Decided()) {
    if (left.contains(name)) {
      return Error::User(ErrorCode::kUnsupported,
                         fmt::format("option 'properties.{}' can't be set", name))
          .Fix("remove it; " + why);
    }
  }
  if (const auto found = left.find("metadata.broker.list"); found != left.end()) {
    left.emplace("bootstrap.servers", found->second);
    left.erase(found);
  }
  if (!left.contains("bootstrap.servers") || left.at("bootstrap.servers").empty()) {
    return Error::User(ErrorCode::kInvalid,
                       "the kafka connector needs the option 'properties.bootstrap.servers'")
        .Fix("name one or more brokers: 'properties.bootstrap.servers' = 'localhost:9092'");
  }
  WEIR_RETURN_IF_ERROR(Translate(&left));
  const Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : left) {
    char why[512];
    const auto set = rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), why, sizeof(why));
    if (set == RD_KAFKA_CONF_OK) continue;
    if (set == RD_KAFKA_CONF_UNKNOWN) {
      const std::string nearest = Suggest(name, PropertyNames());
      return Error::User(ErrorCode::kNotFound,
                         fmt::format("librdkafka has no property '{}' (option 'properties.{}')",
                                     name, name))
          .Fix(nearest.starts_with("did you")
                   ? nearest
                   : "see librdkafka's CONFIGURATION.md for its properties");
    }
    return Error::User(ErrorCode::kInvalid,
                       IsSecret(name)
                           ? fmt::format("option 'properties.{}' is not understood", name)
                           : fmt::format("option 'properties.{}' = '{}': {}", name, value, why))
        .Fix("see librdkafka's CONFIGURATION.md for the values of this property");
  }
  out.client = std::move(left);
  return out;
}

}  // namespace weir::connect
