// weir serve: topics for Kafka clients, until it is told to stop.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "weir/base/open_files.h"
#include "weir/cli/commands.h"
#include "weir/observe/quantity.h"
#include "weir/server/broker/broker_server.h"
#include "weir/server/config/serve_config.h"

namespace weir::cli {

namespace {

// What is not given is as weir.toml says.
struct ServeFlags {
  std::string config;
  std::optional<std::string> data;
  std::vector<std::string> listen;
  std::optional<std::string> advertise;
  std::optional<std::string> http;
  std::optional<std::string> durability;
  std::optional<int32_t> partitions;
  bool no_auto_create = false;
  bool insecure = false;
};

Result<server::ServeConfig> ReadConfig(const ServeFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(server::ServeConfig config,
                        server::ReadServeConfig(RealEnv(), flags.config));
  if (flags.data) config.data = *flags.data;
  if (!flags.listen.empty()) config.listen.clear();
  for (const std::string& text : flags.listen) {
    auto address = server::ParseListenAddress(text);
    if (!address.ok()) return std::move(address).error().At("--listen");
    config.listen.push_back(*address);
  }
  if (flags.advertise) config.advertise = *flags.advertise;
  if (flags.http) {
    auto address = server::ParseHttpAddress(*flags.http);
    if (!address.ok()) return std::move(address).error().At("--http");
    config.http = *address;
  }
  if (flags.durability) config.durability = *flags.durability;
  if (flags.partitions) config.partitions = *flags.partitions;
  if (flags.no_auto_create) config.auto_create = false;
  if (flags.insecure) config.insecure = true;
  return config;
}

// A line on stderr. One that nobody takes any more (its disk is full, its reader gone) is lost, and
// no reason to stop.
void Say(std::string line) {
  line += '\n';
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

// Some of it a stranger may have said: it begins no line of its own, says nothing to a terminal and
// has an end.
void SayOfClients(const std::string& line) {
  constexpr size_t kLineBytesMax = 2000;
  std::string shown = line.substr(0, kLineBytesMax);
  if (line.size() > kLineBytesMax) shown += " ...";
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  Say(observe::UtcTime(RealEnv().NowMicros()) + " " + shown);
}

void PrintRecovery(const log::EventLogRecovery& recovery) {
  for (const std::string& path : recovery.damaged_checkpoints) {
    Say("damaged, and not needed: " + path);
  }
  for (const log::JournalDamage& damage : recovery.journal.damage) {
    Say(fmt::format("damaged: {} bytes of acknowledged records in {} at position {}: jumped over",
                    damage.end - damage.begin, damage.file, damage.begin));
  }
  if (recovery.journal.torn_bytes > 0) {
    Say(fmt::format("the last stop cut off a write: {} bytes that were not acknowledged removed",
                    recovery.journal.torn_bytes));
  }
}

// Connections leave the log the files that it needs: one that it can't open is a failed write,
// after which the log is only read from.
void LimitConnections(uint64_t files_max, server::BrokerServerOptions* options) {
  constexpr uint64_t kFilesKept = 400;
  const uint64_t kept = std::min(files_max / 2, kFilesKept);
  const uint64_t each = (files_max - kept) / options->listeners.size();
  for (server::ListenerOptions& listener : options->listeners) {
    listener.connections_max = std::min<uint64_t>(listener.connections_max, each);
  }
}

Status Serve(const ServeFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const server::ServeConfig config, ReadConfig(flags));
  WEIR_ASSIGN_OR_RETURN(server::BrokerServerOptions options,
                        server::ToBrokerServerOptions(RealEnv(), config));
  options.broker.report = &SayOfClients;
  std::signal(SIGPIPE, SIG_IGN);
  LimitConnections(RaiseOpenFilesMax(), &options);
  WEIR_ASSIGN_OR_RETURN(auto server, server::BrokerServer::Open(RealEnv(), options));
  PrintRecovery(server->recovery());
  fmt::print("topics of {} for Kafka clients on ", config.data);
  const auto ports = server->kafka_ports();
  for (size_t i = 0; i < ports.size(); ++i) {
    fmt::print("{}{}", i == 0 ? "" : ", ", config.listen[i].Text(ports[i]));
  }
  if (server->http_port() != 0) {
    const char* scheme = config.http.tls ? "https" : "http";
    fmt::print(", health and metrics on {}://{}:{}", scheme, config.http.host, server->http_port());
  }
  fmt::print("\n{}\n", options.sync
                           ? "acknowledged records are on disk (durability: fsync)"
                           : "acknowledged records are with the operating system and may be lost "
                             "with its power (durability: os)");
  std::fflush(stdout);
  server->Run();
  return Status::Ok();
}

}  // namespace

void AddServeCommand(CLI::App& app, Outcome& outcome) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "Serve topics to Kafka clients");
  command->add_option("--config", flags->config,
                      "Settings, which flags overrule; weir.toml of this folder unless given");
  command->add_option("--data", flags->data, "Folder of the topics, made if absent [data]");
  command
      ->add_option("--listen", flags->listen,
                   "Address for Kafka clients [127.0.0.1:9092]; port 0: any free one; before it "
                   "sasl://, tls:// or sasl+tls://. May be given several times")
      ->take_all();
  command->add_option("--advertise", flags->advertise,
                      "Host name that clients are told, if they can't use the address");
  command->add_option(
      "--http", flags->http,
      "Port of /health and /metrics on this machine [8080], or an address; 0: none");
  command
      ->add_option("--durability", flags->durability,
                   "What acknowledged means: fsync (on disk) [fsync] or os (with the operating "
                   "system)")
      ->check(CLI::IsMember({"fsync", "os"}));
  command
      ->add_option("--partitions", flags->partitions,
                   "Partitions of topics that are created by their first use [1]")
      ->check(CLI::Range(1, 10'000));
  command->add_flag("--no-auto-create", flags->no_auto_create,
                    "Topics are not created by their first use");
  command->add_flag("--insecure", flags->insecure,
                    "Listens beyond this machine without asking clients who they are");
  command->callback([flags, &outcome] {
    const Status status = Serve(*flags);
    if (!status.ok()) outcome.exit_code = Fail(status.error());
  });
}

}  // namespace weir::cli
