// DATA/serving.json: who serves a data folder, so that other processes on this machine become its
// clients. Written once the listener is open, removed at the drain. A file that a crash left behind
// is known by the folder's lock: who gets the lock knows that nobody serves.
//
//   {"version":1,"pid":4711,"address":"127.0.0.1:9092"}
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"

namespace weir::server {

struct Serving {
  uint64_t pid = 0;
  std::string address;  // for clients of this machine
};

// `host` as it was listened on: any address (0.0.0.0, ::) is reached by the loopback.
Status WriteServing(Env& env, const std::string& data, const std::string& host, uint16_t port);
// nullopt: there is no file, or none that can be understood.
std::optional<Serving> ReadServing(Env& env, const std::string& data);
void RemoveServing(Env& env, const std::string& data);

}  // namespace weir::server
