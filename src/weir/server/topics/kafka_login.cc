#include "weir/server/topics/kafka_login.h"

#include <charconv>
#include <map>
#include <optional>
#include <sstream>

#include "weir/connect/kafka/kafka_properties.h"
#include "weir/log/security/digest.h"
#include "weir/sql/lexer.h"

namespace weir::server {

namespace {

constexpr size_t kNonceBytes = 24;
// What a hostile server may make us compute.
constexpr int32_t kIterationsMax = 1'000'000;

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

// Java's properties, as far as such files use them: name=value, # comments, \ at the end of a line.
std::map<std::string, std::string> ParseProperties(const std::string& text) {
  std::map<std::string, std::string> properties;
  std::istringstream lines(text);
  std::string whole;
  for (std::string line; std::getline(lines, line);) {
    line = Trimmed(line);
    if (whole.empty() && (line.empty() || line[0] == '#' || line[0] == '!')) continue;
    if (!line.empty() && line.back() == '\\') {
      line.pop_back();
      whole += line;
      continue;
    }
    whole += line;
    const size_t equals = whole.find('=');
    if (equals != std::string::npos) {
      properties[Trimmed(whole.substr(0, equals))] = Trimmed(whole.substr(equals + 1));
    }
    whole.clear();
  }
  return properties;
}

Error Refused(const std::string& why) {
  return Error::Operator(ErrorCode::kPermission, "the server does not let us in: " + why)
      .Fix("check sasl.mechanism, user and password");
}

// "r=abc,s=...,i=4096" by letter.
std::map<char, std::string> Attributes(const std::string& message) {
  std::map<char, std::string> attributes;
  std::istringstream parts(message);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.size() >= 2 && part[1] == '=') attributes[part[0]] = part.substr(2);
  }
  return attributes;
}

std::string EscapedName(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

// RFC 5802, with the names of its section 3.
Status Scram(const KafkaLogin& login, log::HashKind hash,
             const std::function<Result<std::string>(const std::string&)>& send) {
  const std::string nonce = log::ToBase64(log::SecretBytes(kNonceBytes));
  const std::string first_bare = "n=" + EscapedName(login.user) + ",r=" + nonce;
  WEIR_ASSIGN_OR_RETURN(const std::string server_first, send("n,," + first_bare));
  auto told = Attributes(server_first);
  const auto salt = log::FromBase64(told['s']);
  int32_t iterations = 0;
  const std::string& count = told['i'];
  std::from_chars(count.data(), count.data() + count.size(), iterations);
  if (!told['r'].starts_with(nonce) || !salt || iterations < 1 || iterations > kIterationsMax) {
    return Refused("its answer is no SCRAM message");
  }
  const std::string salted = log::Pbkdf2(hash, login.password, *salt, iterations);
  const std::string client_key = log::Hmac(hash, salted, "Client Key");
  const std::string without_proof = "c=biws,r=" + told['r'];
  const std::string auth_message = first_bare + "," + server_first + "," + without_proof;
  std::string proof = log::Hmac(hash, log::Hash(hash, client_key), auth_message);
  for (size_t i = 0; i < proof.size() && i < client_key.size(); ++i) {
    proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
  }
  WEIR_ASSIGN_OR_RETURN(const std::string server_final,
                        send(without_proof + ",p=" + log::ToBase64(proof)));
  auto last = Attributes(server_final);
  if (last.count('e') > 0) return Refused(last['e']);
  const std::string server_key = log::Hmac(hash, salted, "Server Key");
  const auto signature = log::FromBase64(last['v']);
  if (!signature ||
      !log::EqualInConstantTime(*signature, log::Hmac(hash, server_key, auth_message))) {
    return Refused("it does not know the password itself");
  }
  return Status::Ok();
}

}  // namespace

Result<KafkaLogin> ReadKafkaLogin(Env& env, const std::string& file, const std::string& servers) {
  auto text = env.ReadFile(file);
  if (!text.ok()) return std::move(text).error();
  auto given = ParseProperties(*text);
  given["bootstrap.servers"] = servers;
  auto parsed = connect::ParseKafkaProperties(given);
  if (!parsed.ok()) return std::move(parsed).error().At(file);
  auto login = KafkaLoginOf(*parsed);
  if (!login.ok()) return std::move(login).error().At(file);
  return login;
}

Result<KafkaLogin> KafkaLoginOf(const connect::KafkaProperties& properties) {
  const auto get = [&](const char* name) {
    const auto found = properties.client.find(name);
    return found == properties.client.end() ? std::string() : found->second;
  };
  KafkaLogin login;
  const std::string protocol = sql::ToLower(get("security.protocol"));
  login.tls = protocol == "ssl" || protocol == "sasl_ssl";
  login.ca_file = get("ssl.ca.location");
  login.certificate_file = get("ssl.certificate.location");
  login.key_file = get("ssl.key.location");
  login.key_password = get("ssl.key.password");
  login.verify = sql::ToLower(get("enable.ssl.certificate.verification")) != "false";
  login.verify_host = sql::ToLower(get("ssl.endpoint.identification.algorithm")) != "none";
  if (protocol.starts_with("sasl_")) {
    login.mechanism = get("sasl.mechanism");
    if (login.mechanism.empty()) login.mechanism = get("sasl.mechanisms");
    login.user = get("sasl.username");
    login.password = get("sasl.password");
    if (login.mechanism != "PLAIN" && login.mechanism != "SCRAM-SHA-256" &&
        login.mechanism != "SCRAM-SHA-512") {
      return Error::User(ErrorCode::kUnsupported, "no login with '" + login.mechanism + "' here")
          .Fix("sasl.mechanism may be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
    }
  }
  return login;
}

Status LogIn(const KafkaLogin& login,
             const std::function<Result<std::string>(const std::string&)>& send) {
  if (login.mechanism == "PLAIN") {
    const std::string zero(1, '\0');
    return send(zero + login.user + zero + login.password).status();
  }
  return Scram(login,
               login.mechanism == "SCRAM-SHA-256" ? log::HashKind::kSha256 : log::HashKind::kSha512,
               send);
}

}  // namespace weir::server
