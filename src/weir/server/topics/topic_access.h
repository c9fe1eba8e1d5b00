// TopicAccess: how SQL reaches topics: at the servers that were named, or at whoever serves the
// folder, or at a broker of our own (TopicHost). Found when first needed, then kept.
//
// Thread rule: thread-safe; a client that it gives belongs to one thread at a time.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/server/topics/kafka_client.h"
#include "weir/server/topics/topic_host.h"

namespace weir::server {

class TopicAccess {
 public:
  // Without servers: those of the folder `data`; without it, of what programs in the folder `home`
  // take for it (DataFolderIn).
  TopicAccess(Env& env, KafkaClientOptions client, std::string data, std::string home)
      : env_(env), data_(std::move(data)), home_(std::move(home)), client_(std::move(client)) {}

  Env& env() { return env_; }
  Result<std::unique_ptr<KafkaClient>> Connect();

 private:
  Env& env_;
  const std::string data_;
  const std::string home_;
  std::mutex mutex_;  // protects what follows
  std::unique_ptr<TopicHost> host_;
  KafkaClientOptions client_;
};

}  // namespace weir::server
