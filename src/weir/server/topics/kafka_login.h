// KafkaLogin: how a client shows who it is and hides what it says: TLS, and SASL with PLAIN or
// SCRAM. Read from a file of properties as Kafka's own tools take it with --command-config.
//
//   security.protocol=SASL_SSL
//   sasl.mechanism=SCRAM-SHA-512
//   sasl.jaas.config=... username="alice" password="...";
//   ssl.truststore.location=ca.pem
//
// Thread rule: values and free functions.
#pragma once

#include <functional>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"

namespace weir::connect {
struct KafkaProperties;
}  // namespace weir::connect

namespace weir::server {

struct KafkaLogin {
  bool tls = false;
  std::string ca_file;           // PEM; "": the system's
  std::string certificate_file;  // PEM, of the client; "": it shows none
  std::string key_file;
  std::string key_password;
  bool verify = true;       // that the server is who it says
  bool verify_host = true;  // and has the name that was asked for
  std::string mechanism;    // "": no SASL; PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
  std::string user;
  std::string password;
};

// kUser errors name the file and the property. `servers` need not be in the file.
Result<KafkaLogin> ReadKafkaLogin(Env& env, const std::string& file, const std::string& servers);

// The same of properties that are at hand, as librdkafka takes them.
Result<KafkaLogin> KafkaLoginOf(const connect::KafkaProperties& properties);

// The client's side of SASL: `send` gives a message to the server and returns its answer.
// kPermission: the server does not know this user, or is not the one that knows the password.
Status LogIn(const KafkaLogin& login,
             const std::function<Result<std::string>(const std::string&)>& send);

}  // namespace weir::server
