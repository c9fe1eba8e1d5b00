#include "weir/server/topics/serving_file.h"

#include "weir/base/json.h"

namespace weir::server {

namespace {

std::string PathIn(const std::string& data) { return JoinPath(data, "serving.json"); }

}  // namespace

Status WriteServing(Env& env, const std::string& data, const std::string& host, uint16_t port) {
  std::string reachable = host;
  if (host == "0.0.0.0") reachable = "127.0.0.1";
  if (host == "::") reachable = "::1";
  if (reachable.find(':') != std::string::npos) reachable = "[" + reachable + "]";
  OrderedJson json;
  json["version"] = 1;
  json["pid"] = env.ProcessId();
  json["address"] = reachable + ":" + std::to_string(port);
  return env.WriteFileAtomic(PathIn(data), ToText(json) + "\n");
}

std::optional<Serving> ReadServing(Env& env, const std::string& data) {
  const auto text = env.ReadFile(PathIn(data));
  if (!text.ok()) return std::nullopt;
  const auto json = ParseJson(*text);
  if (!json.ok() || !json->is_object()) return std::nullopt;
  const auto pid = Uint64Field(*json, "pid");
  auto address = StringField(*json, "address");
  if (!pid.ok() || !address.ok()) return std::nullopt;
  return Serving{*pid, std::move(address).value()};
}

void RemoveServing(Env& env, const std::string& data) {
  // Left behind it misleads nobody: the lock decides.
  (void)env.RemoveFile(PathIn(data)).ok();
}

}  // namespace weir::server
