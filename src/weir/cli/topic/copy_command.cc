// weir topic copy: topics and groups' offsets to another cluster, each record once (docs/kafka.md).
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "weir/base/env.h"
#include "weir/base/json.h"
#include "weir/cli/terminal.h"
#include "weir/cli/topic/topic_command.h"
#include "weir/connect/kafka/topic_copy.h"
#include "weir/observe/quantity.h"

namespace weir::cli {

namespace {

struct CopyFlags {
  std::vector<std::string> topics;
  bool all = false;
  std::string to;
  std::vector<std::string> from_properties;
  std::vector<std::string> to_properties;
  std::vector<std::string> groups;
  bool no_groups = false;
  bool follow = false;
  int replication = -1;
  std::string format = "text";

  bool json() const { return format == "json"; }
};

constexpr int64_t kPauseUs = 1'000'000;  // between tries to reach a cluster again
constexpr int kTriesMax = 120;

volatile std::sig_atomic_t stopped = 0;
void Stop(int) { stopped = 1; }

Result<connect::KafkaProperties> PropertiesOf(const std::string& servers,
                                              const std::vector<std::string>& more) {
  std::map<std::string, std::string> properties = {{"bootstrap.servers", servers}};
  for (const std::string& text : more) {
    WEIR_ASSIGN_OR_RETURN(auto pair, ParsePair(text, "--property"));
    properties.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  return connect::ParseKafkaProperties(properties);
}

struct Copied {
  int64_t records = 0;
  int64_t bytes = 0;
  std::vector<connect::CopiedGroup> groups;
  std::map<connect::CopySource, connect::CopyMap> maps;
};

// Until the ends are met, or with --follow until Ctrl-C.
Status CopyOnce(const connect::TopicCopyRequest& request, const CopyFlags& flags, int* tries,
                Copied* copied) {
  WEIR_ASSIGN_OR_RETURN(const auto copier, connect::TopicCopier::Open(RealEnv(), request));
  *tries = 0;
  for (const std::string& topic : copier->made()) {
    if (!flags.json()) fmt::print(stderr, "made topic {} on {}\n", topic, flags.to);
  }
  bool told = false;
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const connect::CopyRound round, copier->Round());
    copied->records += round.records;
    copied->bytes += round.bytes;
    if (!round.caught_up && stopped == 0) {
      if (!flags.json() && IsTerminal(2)) {
        fmt::print(stderr, "\r{} records copied ", observe::Count(copied->records));
      }
      continue;
    }
    if (!flags.no_groups && (round.records > 0 || !told)) {
      WEIR_ASSIGN_OR_RETURN(copied->groups, copier->CopyGroups(flags.groups));
    }
    if (!flags.follow || stopped != 0) break;
    if (!told && !flags.json()) fmt::print(stderr, "caught up; following until Ctrl-C\n");
    told = true;
  }
  copied->maps = copier->maps();
  return Status::Ok();
}

void Print(const CopyFlags& flags, const Copied& copied) {
  OrderedJson groups = OrderedJson::array();
  for (const auto& group : copied.groups) {
    groups.push_back(
        {{"group", group.group}, {"partitions", group.partitions}, {"behind", group.behind}});
  }
  OrderedJson partitions = OrderedJson::array();
  for (const auto& [source, map] : copied.maps) {
    partitions.push_back({{"topic", source.topic},
                          {"partition", source.partition},
                          {"records", map.records()},
                          {"next", map.next()},
                          {"copied_to", map.copied_end()}});
  }
  if (flags.json()) {
    return PrintJson({{"records", copied.records},
                      {"bytes", copied.bytes},
                      {"partitions", partitions},
                      {"groups", groups}});
  }
  fmt::print("{} records copied to {} ({})\n", observe::Count(copied.records), flags.to,
             observe::Bytes(static_cast<double>(copied.bytes)));
  for (const auto& group : copied.groups) {
    fmt::print("group {}: {} partitions go on at the same records", group.group, group.partitions);
    if (group.behind > 0) fmt::print("; {} are ahead of the copy: copy again", group.behind);
    fmt::print("\n");
  }
}

Result<int> Copy(const TopicFlags& from, const CopyFlags& flags) {
  if (flags.topics.empty() != flags.all) {
    return Error::User(ErrorCode::kInvalid, "which topics?").Fix("name them, or say --all");
  }
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(from));
  connect::TopicCopyRequest request;
  const std::string servers = session.host ? session.host->address() : from.server;
  WEIR_ASSIGN_OR_RETURN(request.from, PropertiesOf(servers, flags.from_properties));
  WEIR_ASSIGN_OR_RETURN(request.to, PropertiesOf(flags.to, flags.to_properties));
  request.replication_factor = flags.replication;
  request.topics = flags.topics;
  if (flags.all) {
    WEIR_ASSIGN_OR_RETURN(request.topics, connect::TopicsToCopy(RealEnv(), request.from));
  }
  // Later a cluster is waited for; one that never was there has a wrong name, most likely.
  for (const connect::KafkaProperties* cluster : {&request.from, &request.to}) {
    WEIR_RETURN_IF_ERROR(connect::ReachCluster(RealEnv(), *cluster));
  }
  stopped = 0;
  std::signal(SIGINT, Stop);
  std::signal(SIGTERM, Stop);
  Copied copied;
  for (int tries = 0;; ++tries) {
    const Status status = CopyOnce(request, flags, &tries, &copied);
    if (status.ok()) break;
    // Nothing is half: the next one goes on behind the last transaction.
    const bool again = status.error().actor() == Actor::kRetry && tries < kTriesMax && stopped == 0;
    if (!again) return status.error();
    fmt::print(stderr, "{}; again in a second\n", status.error().message());
    RealEnv().SleepMicros(kPauseUs);
  }
  Print(flags, copied);
  return 0;
}

}  // namespace

void AddTopicCopyCommand(CLI::App& topic, Outcome& outcome, TopicFlags& from) {
  auto flags = std::make_shared<CopyFlags>();
  CLI::App& command =
      AddTopicSubcommand(topic, outcome, from, "copy",
                         "Copy topics and groups' offsets to another cluster, each record once",
                         &flags->format, [&from, flags] { return Copy(from, *flags); });
  command.add_option("topics", flags->topics, "Topics to copy");
  command.add_flag("--all", flags->all, "All topics");
  command.add_option("--to", flags->to, "The other cluster: host:port, several with commas")
      ->required();
  command
      .add_option("--property", flags->from_properties,
                  "name=value for the connection to copy from")
      ->take_all();
  command
      .add_option("--to-property", flags->to_properties,
                  "name=value for the connection to copy to: security.protocol=SASL_SSL …")
      ->take_all();
  command.add_option("--group", flags->groups,
                     "Groups whose offsets are set there; all if none is named");
  command.add_flag("--no-groups", flags->no_groups, "Groups' offsets are left alone");
  command.add_option("--replication", flags->replication, "Replicas of topics that are made")
      ->check(CLI::Range(1, 100));
  command.add_flag("--follow", flags->follow, "Go on with what comes, until Ctrl-C");
  command.add_option("--format", flags->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
}

}  // namespace weir::cli
