// Properties of a connection to a Kafka cluster: what a table's 'properties.X' options say, in the
// words of librdkafka. Java's names and values are understood where the two differ:
//
//   sasl.jaas.config = '... username="u" password="p";'  ->  sasl.username, sasl.password
//   ssl.truststore.location (PEM)                        ->  ssl.ca.location
//   ssl.truststore.certificates                          ->  ssl.ca.pem
//   request.timeout.ms                                   ->  socket.timeout.ms
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "weir/base/result.h"

namespace weir::connect {

struct KafkaProperties {
  std::map<std::string, std::string> client;  // librdkafka's names
  int64_t limit_ms = 30'000;                  // of one request with its retries:
                                              // 'properties.default.api.timeout.ms'
  std::string bootstrap_servers() const;      // for messages
};

// `properties` without the prefix 'properties.'. User errors: 'bootstrap.servers' is missing, a
// property that librdkafka does not have ("did you mean"), a value it refuses, a Java key store.
// Values of secrets are in no message.
Result<KafkaProperties> ParseKafkaProperties(const std::map<std::string, std::string>& properties);

}  // namespace weir::connect
