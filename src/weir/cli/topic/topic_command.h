// What the commands of `weir topic` share: which server is asked, how arguments are written, and
// how rows are printed.
//
// One file a group of commands; topic_command.cc registers them.
//
// Thread rule: main thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/cli/command.h"
#include "weir/server/topics/kafka_admin.h"
#include "weir/server/topics/topic_host.h"

namespace weir::cli {

// --server or --data, and --client-config.
struct TopicFlags {
  std::string server;         // "host:port", several with commas
  std::string data;           // "": as weir.toml of this folder says, else "data"
  std::string client_config;  // file of properties

  void AddTo(CLI::App& command);
  // Without --server it names no servers.
  Result<server::KafkaClientOptions> ToOptions(const std::string& client_id) const;
};

// A connection to the server that the flags mean.
struct TopicSession {
  std::unique_ptr<server::TopicHost> host;  // none with --server
  std::unique_ptr<server::KafkaClient> client;
  std::unique_ptr<server::KafkaAdmin> admin;
};

// `make_folder`: topics may be made where there are none yet.
Result<TopicSession> OpenTopics(const TopicFlags& flags, bool make_folder = false);

// A command named `name` below `parent`, with --server and --data: `weir topic --server X ls` and
// `weir topic ls --server X` are the same. `run` returns the exit code; `format` points to what
// --format says, if the command has it.
CLI::App& AddTopicSubcommand(CLI::App& parent, Outcome& outcome, TopicFlags& flags,
                             const char* name, const char* about, const std::string* format,
                             std::function<Result<int>()> run);

// "name=value" of --set and --header.
Result<std::pair<std::string, std::string>> ParsePair(const std::string& text, const char* option);

// A moment: "2026-11-21 19:00", "2026-11-21T19:00:00Z" (UTC unless it says otherwise), or how long
// ago: "90s", "15m", "2h", "7d". Milliseconds since 1970. Nothing if it is none of these.
std::optional<int64_t> ParseMoment(const std::string& text, int64_t now_us);
// "90s", "15m", "2h", "7d" in milliseconds.
std::optional<int64_t> ParseSpan(const std::string& text);
// "0,2,4-7"
Result<std::vector<int32_t>> ParsePartitions(const std::string& text);

std::string MomentText(int64_t ms);  // "2026-11-21 19:00:00.123", "" for what is none

// Registrations, one for each file. The flags outlive the commands.
void AddTopicAdminCommands(CLI::App& topic, Outcome& outcome, TopicFlags& flags);
void AddTopicProduceCommand(CLI::App& topic, Outcome& outcome, TopicFlags& flags);
void AddTopicTailCommand(CLI::App& topic, Outcome& outcome, TopicFlags& flags);
void AddTopicGroupCommands(CLI::App& topic, Outcome& outcome, TopicFlags& flags);
void AddTopicTransactionCommands(CLI::App& topic, Outcome& outcome, TopicFlags& flags);
void AddTopicCopyCommand(CLI::App& topic, Outcome& outcome, TopicFlags& flags);

}  // namespace weir::cli
