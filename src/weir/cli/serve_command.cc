// weir serve: topics for Kafka clients, until it is told to stop.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "weir/cli/commands.h"
#include "weir/observe/quantity.h"
#include "weir/server/broker/broker_server.h"

namespace weir::cli {

namespace {

struct ServeFlags {
  std::string data = "data";
  std::string listen = "127.0.0.1:9092";
  std::string advertise;
  uint16_t http_port = 8080;
  std::string durability = "fsync";
  int32_t partitions = 1;
  bool no_auto_create = false;
};

// "127.0.0.1:9092", "[::1]:9092", ":9092"
Status ParseAddress(const std::string& text, std::string* host, uint16_t* port) {
  const size_t colon = text.rfind(':');
  const auto bad = [&] {
    return Error::User(ErrorCode::kInvalid, "no address: '" + text + "'")
        .At("--listen")
        .Fix("write an IP address and a port, as 127.0.0.1:9092");
  };
  if (colon == std::string::npos) return bad();
  uint32_t number = 0;
  for (const char c : text.substr(colon + 1)) {
    if (c < '0' || c > '9' || number > 65'535) return bad();
    number = number * 10 + static_cast<uint32_t>(c - '0');
  }
  if (number > 65'535 || colon + 1 == text.size()) return bad();
  *port = static_cast<uint16_t>(number);
  *host = text.substr(0, colon);
  if (host->size() > 2 && host->front() == '[') *host = host->substr(1, host->size() - 2);
  if (host->empty()) *host = "127.0.0.1";
  return Status::Ok();
}

void PrintRecovery(const log::EventLogRecovery& recovery) {
  for (const std::string& path : recovery.damaged_checkpoints) {
    fmt::print(stderr, "damaged, and not needed: {}\n", path);
  }
  for (const log::JournalDamage& damage : recovery.journal.damage) {
    fmt::print(stderr,
               "damaged: {} bytes of acknowledged records in {} at position {}: jumped over\n",
               damage.end - damage.begin, damage.file, damage.begin);
  }
  if (recovery.journal.torn_bytes > 0) {
    fmt::print(stderr,
               "the last stop cut off a write: {} bytes that were not acknowledged removed\n",
               recovery.journal.torn_bytes);
  }
}

Status Serve(const ServeFlags& flags) {
  server::BrokerServerOptions options;
  options.data = flags.data;
  WEIR_RETURN_IF_ERROR(ParseAddress(flags.listen, &options.listener.host, &options.listener.port));
  options.advertise_host = flags.advertise;
  options.http_port = flags.http_port;
  options.sync = flags.durability == "fsync";
  options.broker.default_partitions = flags.partitions;
  options.broker.auto_create_topics = !flags.no_auto_create;
  options.broker.report = [](const std::string& line) {
    fmt::print(stderr, "{} {}\n", observe::UtcTime(RealEnv().NowMicros()), line);
  };
  WEIR_ASSIGN_OR_RETURN(auto server, server::BrokerServer::Open(RealEnv(), options));
  PrintRecovery(server->recovery());
  fmt::print("topics of {} for Kafka clients on {}:{}", flags.data, options.listener.host,
             server->kafka_port());
  if (server->http_port() != 0) {
    fmt::print(", health and metrics on http://{}:{}", options.listener.host, server->http_port());
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
  command->add_option("--data", flags->data, "Folder of the topics, made if absent")
      ->capture_default_str();
  command->add_option("--listen", flags->listen, "Address for Kafka clients; port 0: any free one")
      ->capture_default_str();
  command->add_option("--advertise", flags->advertise,
                      "Host name that clients are told, if they can't use the address");
  command->add_option("--http", flags->http_port, "Port of /health and /metrics; 0: none")
      ->capture_default_str();
  command
      ->add_option("--durability", flags->durability,
                   "What acknowledged means: fsync (on disk) or os (with the operating system)")
      ->check(CLI::IsMember({"fsync", "os"}))
      ->capture_default_str();
  command
      ->add_option("--partitions", flags->partitions,
                   "Partitions of topics that are created by their first use")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_flag("--no-auto-create", flags->no_auto_create,
                    "Topics are not created by their first use");
  command->callback([flags, &outcome] {
    const Status status = Serve(*flags);
    if (!status.ok()) outcome.exit_code = Fail(status.error());
  });
}

}  // namespace weir::cli
