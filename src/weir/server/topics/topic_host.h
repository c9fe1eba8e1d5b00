// TopicHost: where the topics of a folder can be asked for: at the process that serves the folder,
// or, when nobody does, at a broker of our own on a free loopback port, for as long as this lives.
//
//   WEIR_ASSIGN_OR_RETURN(auto host, TopicHost::Open(env, "data", {}));
//   host->address();  // "127.0.0.1:9092"
//
// Thread rule: one thread at a time; a broker of our own has threads of its own.
// Errors: kNotFound, there is no such folder.
#pragma once

#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"

namespace weir::server {

class BrokerServer;

class TopicHost {
 public:
  struct Options {
    bool make_folder = false;  // if there is none
  };
  static Result<std::unique_ptr<TopicHost>> Open(Env& env, const std::string& data,
                                                 Options options);
  ~TopicHost();

  const std::string& address() const { return address_; }
  bool is_own() const { return broker_ != nullptr; }

 private:
  TopicHost() = default;

  std::string address_;
  std::unique_ptr<BrokerServer> broker_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace weir::server
