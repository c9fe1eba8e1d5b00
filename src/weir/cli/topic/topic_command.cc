#include "weir/cli/topic/topic_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/cli/commands.h"
#include "weir/observe/quantity.h"
#include "weir/server/config/serve_config.h"

namespace weir::cli {

namespace {

constexpr int32_t kPartitionsMax = 1'000'000;

template <typename Number>
bool ParseWhole(std::string_view text, Number* number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *number);
  return !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

void TopicFlags::AddTo(CLI::App& command) {
  command.add_option("--server", server,
                     "Kafka server to ask, HOST:PORT (several with commas); weir serve or any");
  command.add_option("--data", data,
                     "without --server: folder of the topics; whoever serves it is asked [as "
                     "weir.toml here says, else data]");
  command.add_option("--client-config", client_config,
                     "file of properties for TLS and login, as Kafka's tools take it");
}

Result<server::KafkaClientOptions> TopicFlags::ToOptions(const std::string& client_id) const {
  server::KafkaClientOptions options;
  options.client_id = client_id;
  options.servers = SplitAtCommas(server);
  if (!client_config.empty()) {
    WEIR_ASSIGN_OR_RETURN(
        options.login,
        server::ReadKafkaLogin(RealEnv(), client_config, server.empty() ? "127.0.0.1" : server));
  }
  return options;
}

Result<TopicSession> OpenTopics(const TopicFlags& flags, bool make_folder) {
  TopicSession session;
  WEIR_ASSIGN_OR_RETURN(server::KafkaClientOptions options, flags.ToOptions("weir-topic"));
  if (options.servers.empty()) {
    std::string data = flags.data;
    if (data.empty()) {
      WEIR_ASSIGN_OR_RETURN(data, server::DataFolderIn(RealEnv(), ""));
    }
    WEIR_ASSIGN_OR_RETURN(session.host,
                          server::TopicHost::Open(RealEnv(), data, {.make_folder = make_folder}));
    options.servers = {session.host->address()};
    if (session.host->is_own()) options.login = {};  // it wants none
  }
  WEIR_ASSIGN_OR_RETURN(session.client, server::KafkaClient::Connect(RealEnv(), options));
  session.admin = std::make_unique<server::KafkaAdmin>(*session.client);
  return session;
}

CLI::App& AddTopicSubcommand(CLI::App& parent, Outcome& outcome, TopicFlags& flags,
                             const char* name, const char* about, const std::string* format,
                             std::function<Result<int>()> run) {
  CLI::App* command = parent.add_subcommand(name, about);
  flags.AddTo(*command);
  command->callback([run = std::move(run), format, &outcome] {
    const auto code = run();
    outcome.exit_code =
        code.ok() ? *code : Fail(code.error(), format != nullptr ? *format : "text");
  });
  return *command;
}

Result<std::pair<std::string, std::string>> ParsePair(const std::string& text, const char* option) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Error::User(ErrorCode::kInvalid, "'" + text + "' is no name=value")
        .At(option)
        .Fix("write " + std::string(option) + " NAME=VALUE");
  }
  return std::make_pair(text.substr(0, equals), text.substr(equals + 1));
}

std::optional<int64_t> ParseSpan(const std::string& text) {
  static const std::map<char, int64_t> kUnits = {
      {'s', 1'000}, {'m', 60'000}, {'h', 3'600'000}, {'d', 86'400'000}};
  if (text.size() < 2) return std::nullopt;
  const auto unit = kUnits.find(text.back());
  int64_t number = 0;
  constexpr int64_t kNumberMax = 1'000'000'000;
  if (unit == kUnits.end() || !ParseWhole(text.substr(0, text.size() - 1), &number) || number < 0 ||
      number > kNumberMax) {
    return std::nullopt;
  }
  return number * unit->second;
}

std::optional<int64_t> ParseMoment(const std::string& text, int64_t now_us) {
  if (const auto span = ParseSpan(text)) return now_us / 1000 - *span;
  // At least a day: a number alone is an offset, not a year.
  if (text.find('-', 1) == std::string::npos) return std::nullopt;
  duckdb::Value moment;
  std::string message;
  if (!duckdb::Value(text).DefaultTryCastAs(duckdb::LogicalType::TIMESTAMP_TZ, moment, &message)) {
    return std::nullopt;
  }
  const auto us = moment.GetValue<duckdb::timestamp_tz_t>().value;
  return us / 1000;
}

Result<std::vector<int32_t>> ParsePartitions(const std::string& text) {
  std::vector<int32_t> partitions;
  for (const std::string& part : SplitAtCommas(text)) {
    const size_t dash = part.find('-');
    int32_t first = 0;
    int32_t last = 0;
    bool good = ParseWhole(std::string_view(part).substr(0, dash), &first);
    last = first;
    if (dash != std::string::npos) {
      good = good && ParseWhole(std::string_view(part).substr(dash + 1), &last);
    }
    if (!good || first < 0 || last < first || last > kPartitionsMax) {
      return Error::User(ErrorCode::kInvalid, "'" + part + "' names no partitions")
          .At("--partition")
          .Fix("write numbers and ranges, as 0,2,4-7");
    }
    for (int32_t i = first; i <= last; ++i) partitions.push_back(i);
  }
  return partitions;
}

std::string MomentText(int64_t ms) {
  if (ms < 0) return "";
  return observe::UtcTime(ms * 1000) + fmt::format(".{:03}", ms % 1000);
}

void AddTopicCommand(CLI::App& app, Outcome& outcome) {
  CLI::App* topic =
      app.add_subcommand("topic",
                         "topics of `weir serve` or of any Kafka cluster: look, write, "
                         "read, groups, transactions");
  topic->require_subcommand(1);
  auto flags = std::make_shared<TopicFlags>();
  flags->AddTo(*topic);
  AddTopicAdminCommands(*topic, outcome, *flags);
  AddTopicProduceCommand(*topic, outcome, *flags);
  AddTopicTailCommand(*topic, outcome, *flags);
  AddTopicGroupCommands(*topic, outcome, *flags);
  AddTopicTransactionCommands(*topic, outcome, *flags);
  AddTopicCopyCommand(*topic, outcome, *flags);
  topic->callback([flags] {});  // keeps the flags as long as the commands
}

}  // namespace weir::cli
