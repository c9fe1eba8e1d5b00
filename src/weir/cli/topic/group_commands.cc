// weir topic groups, lag, reset.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <set>

#include "weir/cli/terminal.h"
#include "weir/cli/topic/topic_command.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"
#include "weir/server/topics/topic_lag.h"

namespace weir::cli {

namespace {

using observe::TextTable;
using server::GroupDescription;
using server::GroupInfo;
using server::KafkaAdmin;
using server::Offsets;
using server::PartitionLag;
using server::TopicPartition;

struct GroupFlags {
  std::vector<std::string> groups;
  std::string group;
  std::string topic;
  bool uncommitted = false;
  bool remove = false;
  bool yes = false;
  std::string format = "text";

  // Where reset goes: exactly one of them.
  bool to_earliest = false;
  bool to_latest = false;
  std::string to_offset;
  std::string to_time;
  std::string by;
  bool forget = false;
  std::vector<std::string> topics;
  bool all_topics = false;
  bool execute = false;
  bool dry_run = false;

  bool json() const { return format == "json"; }
};

std::string AssignedText(const std::vector<TopicPartition>& partitions) {
  std::map<std::string, std::string> by_topic;
  for (const TopicPartition& partition : partitions) {
    std::string& numbers = by_topic[partition.topic];
    numbers += (numbers.empty() ? "" : ",") + std::to_string(partition.partition);
  }
  std::string text;
  for (const auto& [topic, numbers] : by_topic) {
    text += (text.empty() ? "" : " ") + topic + ":" + numbers;
  }
  return text;
}

OrderedJson MemberJson(const server::GroupMember& member) {
  OrderedJson assigned = OrderedJson::array();
  for (const TopicPartition& partition : member.assigned) {
    assigned.push_back({{"topic", partition.topic}, {"partition", partition.partition}});
  }
  return {{"member", member.id},
          {"instance", member.instance},
          {"client", member.client},
          {"host", member.host},
          {"assigned", std::move(assigned)}};
}

Result<std::vector<GroupInfo>> Wanted(KafkaAdmin& admin, const std::vector<std::string>& names) {
  if (names.empty()) return admin.Groups();
  std::vector<GroupInfo> groups;
  for (const std::string& name : names) {
    WEIR_ASSIGN_OR_RETURN(GroupInfo group, admin.Group(name));
    groups.push_back(std::move(group));
  }
  return groups;
}

Status NobodyReads(const GroupDescription& group, const std::string& harm) {
  if (group.members.empty()) return Status::Ok();
  const server::GroupMember& member = group.members.front();
  return Error::User(ErrorCode::kConflict,
                     "the group has " +
                         observe::Counted(static_cast<int64_t>(group.members.size()), "member") +
                         " that " + harm + ": " + member.client + " on " + member.host)
      .At(group.group.id)
      .Fix("stop its consumers first");
}

// Groups that nobody reads with, and how far they have read.
Result<int> DeleteGroups(KafkaAdmin& admin, const GroupFlags& flags) {
  if (flags.groups.empty()) {
    return Error::User(ErrorCode::kInvalid, "which groups?").At("--delete").Fix("name them");
  }
  WEIR_ASSIGN_OR_RETURN(const auto groups, Wanted(admin, flags.groups));
  size_t offsets = 0;
  for (const GroupInfo& group : groups) {
    WEIR_ASSIGN_OR_RETURN(const GroupDescription described, admin.Describe(group));
    WEIR_RETURN_IF_ERROR(NobodyReads(described, "would have nothing to go on from"));
    WEIR_ASSIGN_OR_RETURN(const auto committed, admin.Committed(group));
    offsets += committed.size();
  }
  if (!flags.yes) {
    return Error::User(ErrorCode::kInvalid,
                       "this forgets for good how far they have read: " +
                           observe::Counted(static_cast<int64_t>(offsets), "offset"))
        .Fix("add --yes");
  }
  for (const GroupInfo& group : groups) {
    WEIR_RETURN_IF_ERROR(admin.DeleteGroup(group));
    if (!flags.json()) fmt::print("{} is deleted\n", group.id);
  }
  if (flags.json()) {
    PrintJson({{"groups", flags.groups}, {"offsets", offsets}, {"deleted", true}});
  }
  return 0;
}

// All groups, a line each; or of named ones the members.
Result<int> Groups(const TopicFlags& where, const GroupFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  if (flags.remove) return DeleteGroups(admin, flags);
  WEIR_ASSIGN_OR_RETURN(const auto groups, Wanted(admin, flags.groups));
  OrderedJson json = OrderedJson::array();
  TextTable table({{"group"},
                   {"state"},
                   {"protocol", TextTable::kLeft, 5},
                   {"assignor", TextTable::kLeft, 4},
                   {"members", TextTable::kRight}});
  std::string paragraphs;
  for (const GroupInfo& group : groups) {
    auto described = admin.Describe(group);
    if (!described.ok() && described.error().code() == ErrorCode::kNotFound) continue;
    if (!described.ok()) return std::move(described).error();
    const auto members = static_cast<int64_t>(described->members.size());
    table.Add({group.id, described->group.state, group.type, described->assignor,
               observe::Count(members)});
    OrderedJson row = {{"group", group.id},
                       {"state", described->group.state},
                       {"protocol", group.type},
                       {"assignor", described->assignor},
                       {"members", OrderedJson::array()}};
    TextTable list({{"client"},
                    {"host"},
                    {"instance", TextTable::kLeft, 5},
                    {"reads"},
                    {"member", TextTable::kLeft, 3}});
    for (const auto& member : described->members) {
      row["members"].push_back(MemberJson(member));
      list.Add(
          {member.client, member.host, member.instance, AssignedText(member.assigned), member.id});
    }
    json.push_back(std::move(row));
    if (flags.groups.empty()) continue;
    paragraphs += group.id + ": " + described->group.state + ", " +
                  observe::Counted(members, "member") + "\n";
    if (!list.empty()) paragraphs += list.ToString(TerminalWidth(1));
  }
  if (flags.json()) {
    PrintJson(json);
  } else if (!flags.groups.empty()) {
    fmt::print("{}", paragraphs);
  } else if (table.empty()) {
    fmt::print("there is no group\n");
  } else {
    fmt::print("{}", table.ToString(TerminalWidth(1)));
  }
  return 0;
}

Result<int> Lag(const TopicFlags& where, const GroupFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  if (!flags.topic.empty()) WEIR_RETURN_IF_ERROR(admin.Topic(flags.topic).status());
  WEIR_ASSIGN_OR_RETURN(const auto groups, Wanted(admin, flags.groups));
  WEIR_ASSIGN_OR_RETURN(
      const std::vector<PartitionLag> lags,
      server::LagOf(admin, groups, {.topic = flags.topic, .committed = !flags.uncommitted}));
  OrderedJson json = OrderedJson::array();
  TextTable table({{"group"},
                   {"topic"},
                   {"partition", TextTable::kRight},
                   {"committed", TextTable::kRight},
                   {"end", TextTable::kRight},
                   {"lag", TextTable::kRight},
                   {"behind", TextTable::kRight},
                   {"lost", TextTable::kRight},
                   {"client", TextTable::kLeft, 5},
                   {"host", TextTable::kLeft, 4}});
  for (const PartitionLag& lag : lags) {
    table.Add({lag.group, lag.partition.topic, std::to_string(lag.partition.partition),
               lag.committed ? std::to_string(*lag.committed) : "", std::to_string(lag.end),
               lag.records ? observe::Count(*lag.records) : "?",
               lag.seconds && *lag.records > 0 ? observe::Seconds(*lag.seconds) : "",
               lag.lost > 0 ? observe::Count(lag.lost) : "", lag.client, lag.host});
    OrderedJson row = {{"group", lag.group},
                       {"topic", lag.partition.topic},
                       {"partition", lag.partition.partition}};
    row["committed"] = lag.committed ? OrderedJson(*lag.committed) : OrderedJson();
    row["begin"] = lag.begin;
    row["end"] = lag.end;
    row["lag_records"] = lag.records ? OrderedJson(*lag.records) : OrderedJson();
    row["lag_seconds"] = lag.seconds ? OrderedJson(*lag.seconds) : OrderedJson();
    row["lost"] = lag.lost;
    row["member"] = lag.member;
    row["client"] = lag.client;
    row["host"] = lag.host;
    json.push_back(std::move(row));
  }
  if (flags.json()) {
    PrintJson(json);
  } else if (table.empty()) {
    fmt::print("no group has committed an offset{}\n",
               flags.topic.empty() ? "" : " of " + flags.topic);
  } else {
    fmt::print("{}", table.ToString(TerminalWidth(1)));
  }
  return 0;
}

Result<int64_t> ParseOffset(const std::string& text, const char* option) {
  int64_t number = 0;
  const char* const begin = text.data() + (text.starts_with("+") ? 1 : 0);
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(begin, end, number);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) {
    return Error::User(ErrorCode::kInvalid, "'" + text + "' is no number of records").At(option);
  }
  return number;
}

// "orders" or "orders:0,2"
Result<std::vector<TopicPartition>> Named(KafkaAdmin& admin, const std::string& text) {
  const size_t colon = text.rfind(':');
  WEIR_ASSIGN_OR_RETURN(const server::TopicInfo topic, admin.Topic(text.substr(0, colon)));
  if (colon == std::string::npos) return topic.Partitions();
  WEIR_ASSIGN_OR_RETURN(const auto indexes, ParsePartitions(text.substr(colon + 1)));
  std::vector<TopicPartition> partitions;
  for (const int32_t index : indexes) {
    if (static_cast<size_t>(index) >= topic.partitions.size()) {
      return Error::User(ErrorCode::kInvalid,
                         topic.name + " has no partition " + std::to_string(index))
          .At("--topic")
          .Fix("its partitions are 0 to " + std::to_string(topic.partitions.size() - 1));
    }
    partitions.push_back({topic.name, index});
  }
  return partitions;
}

Result<std::vector<TopicPartition>> ToReset(KafkaAdmin& admin, const GroupFlags& flags,
                                            const std::map<TopicPartition, int64_t>& committed) {
  std::set<TopicPartition> partitions;
  for (const std::string& text : flags.topics) {
    WEIR_ASSIGN_OR_RETURN(const auto named, Named(admin, text));
    partitions.insert(named.begin(), named.end());
  }
  if (flags.all_topics) {
    for (const auto& [partition, offset] : committed) partitions.insert(partition);
  }
  if (partitions.empty()) {
    return Error::User(ErrorCode::kInvalid,
                       flags.all_topics ? "the group has committed no offset" : "of which topics?")
        .Fix("say --topic NAME or --topic NAME:0,2" +
             std::string(flags.all_topics ? "" : ", or --all-topics for all that it has read"));
  }
  return std::vector<TopicPartition>(partitions.begin(), partitions.end());
}

constexpr int64_t kForgotten = -1;

// The new offsets, within what is kept.
Result<std::map<TopicPartition, int64_t>> NewOffsets(
    KafkaAdmin& admin, const GroupFlags& flags, const std::vector<TopicPartition>& partitions,
    const std::map<TopicPartition, int64_t>& committed) {
  if (flags.forget) {
    std::map<TopicPartition, int64_t> forgotten;
    for (const TopicPartition& partition : partitions) {
      if (committed.count(partition) > 0) forgotten[partition] = kForgotten;
    }
    return forgotten;
  }
  WEIR_ASSIGN_OR_RETURN(const Offsets begins,
                        admin.OffsetsAt(partitions, server::kEarliest, false));
  WEIR_ASSIGN_OR_RETURN(const Offsets ends, admin.OffsetsAt(partitions, server::kLatest, false));
  Offsets by_time;
  int64_t number = 0;
  if (!flags.to_time.empty()) {
    const auto moment = ParseMoment(flags.to_time, RealEnv().NowMicros());
    if (!moment) {
      return Error::User(ErrorCode::kInvalid, "'" + flags.to_time + "' is no time")
          .At("--to-time")
          .Fix("write 2026-11-21 19:00 (UTC), or how long ago: 15m, 2h, 7d");
    }
    WEIR_ASSIGN_OR_RETURN(by_time, admin.OffsetsAt(partitions, *moment, false));
  } else if (!flags.to_offset.empty()) {
    WEIR_ASSIGN_OR_RETURN(number, ParseOffset(flags.to_offset, "--to-offset"));
  } else if (!flags.by.empty()) {
    WEIR_ASSIGN_OR_RETURN(number, ParseOffset(flags.by, "--by"));
  }
  std::map<TopicPartition, int64_t> offsets;
  for (const TopicPartition& partition : partitions) {
    const int64_t begin = begins.at(partition).offset;
    const int64_t end = ends.at(partition).offset;
    const auto old = committed.find(partition);
    int64_t offset = number;
    if (flags.to_earliest) offset = begin;
    if (flags.to_latest) offset = end;
    if (!flags.to_time.empty()) {
      const int64_t found = by_time.at(partition).offset;
      offset = found < 0 ? end : found;
    }
    if (!flags.by.empty()) {
      if (old == committed.end()) continue;  // nothing to go from
      offset = old->second + number;
    }
    offsets[partition] = std::clamp(offset, begin, end);
  }
  return offsets;
}

Status OneTarget(const GroupFlags& flags) {
  const int targets = (flags.to_earliest ? 1 : 0) + (flags.to_latest ? 1 : 0) +
                      (flags.to_offset.empty() ? 0 : 1) + (flags.to_time.empty() ? 0 : 1) +
                      (flags.by.empty() ? 0 : 1) + (flags.forget ? 1 : 0);
  if (targets == 1) return Status::Ok();
  return Error::User(ErrorCode::kInvalid,
                     targets == 0 ? "where to?" : "only one place can be gone to")
      .Fix("say one of --to-earliest, --to-latest, --to-offset N, --to-time T, --by N, --forget");
}

// A group that is not there is made by its first offsets.
Result<GroupDescription> ResetGroup(KafkaAdmin& admin, const std::string& id) {
  WEIR_ASSIGN_OR_RETURN(const auto groups, admin.Groups());
  for (const GroupInfo& group : groups) {
    if (group.id == id) return admin.Describe(group);
  }
  GroupDescription fresh;
  fresh.group.id = id;
  WEIR_ASSIGN_OR_RETURN(fresh.group.coordinator, admin.client().Coordinator(id, 0));
  return fresh;
}

Result<int> Reset(const TopicFlags& where, const GroupFlags& flags) {
  WEIR_RETURN_IF_ERROR(OneTarget(flags));
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  WEIR_ASSIGN_OR_RETURN(const GroupDescription group, ResetGroup(admin, flags.group));
  WEIR_RETURN_IF_ERROR(NobodyReads(group, "would write over it"));
  WEIR_ASSIGN_OR_RETURN(const auto committed, admin.Committed(group.group));
  WEIR_ASSIGN_OR_RETURN(const auto partitions, ToReset(admin, flags, committed));
  WEIR_ASSIGN_OR_RETURN(const auto offsets, NewOffsets(admin, flags, partitions, committed));
  if (flags.execute && flags.forget) {
    std::vector<TopicPartition> had;
    for (const auto& [partition, offset] : offsets) had.push_back(partition);
    WEIR_RETURN_IF_ERROR(admin.Forget(group.group, had));
  } else if (flags.execute) {
    WEIR_RETURN_IF_ERROR(admin.Commit(group.group, offsets));
  }
  TextTable table({{"topic"},
                   {"partition", TextTable::kRight},
                   {"was", TextTable::kRight},
                   {flags.execute ? "is" : "would be", TextTable::kRight}});
  OrderedJson rows = OrderedJson::array();
  for (const auto& [partition, offset] : offsets) {
    const auto old = committed.find(partition);
    const bool had = old != committed.end();
    table.Add({partition.topic, std::to_string(partition.partition),
               had ? std::to_string(old->second) : "",
               offset == kForgotten ? "forgotten" : std::to_string(offset)});
    OrderedJson row = {{"topic", partition.topic}, {"partition", partition.partition}};
    row["was"] = had ? OrderedJson(old->second) : OrderedJson();
    row["offset"] = offset == kForgotten ? OrderedJson() : OrderedJson(offset);
    rows.push_back(std::move(row));
  }
  if (flags.json()) {
    PrintJson({{"group", flags.group}, {"executed", flags.execute}, {"offsets", rows}});
    return 0;
  }
  fmt::print("{}", table.ToString(TerminalWidth(1)));
  if (!flags.execute) fmt::print("nothing is changed: add --execute to do it\n");
  return 0;
}

}  // namespace

void AddTopicGroupCommands(CLI::App& topic, Outcome& outcome, TopicFlags& where) {
  const auto add = [&](const char* name, const char* about,
                       const std::shared_ptr<GroupFlags>& flags,
                       Result<int> (*run)(const TopicFlags&, const GroupFlags&)) -> CLI::App& {
    CLI::App& command = AddTopicSubcommand(topic, outcome, where, name, about, &flags->format,
                                           [&where, flags, run] { return run(where, *flags); });
    AddFormatTo(command, flags->format);
    return command;
  };
  auto groups = std::make_shared<GroupFlags>();
  CLI::App& list = add("groups", "consumer groups; of named ones the members", groups, Groups);
  list.add_option("group", groups->groups, "only these, with their members");
  CLI::Option* remove = list.add_flag("--delete", groups->remove,
                                      "delete these and their offsets; nobody may read with them");
  list.add_flag("--yes", groups->yes, "really")->needs(remove);

  auto behind = std::make_shared<GroupFlags>();
  CLI::App& lag = add("lag", "how far groups are behind, in records and time", behind, Lag);
  lag.add_option("group", behind->groups, "only these");
  lag.add_option("--topic", behind->topic, "only this topic");
  lag.add_flag("--uncommitted,!--committed", behind->uncommitted,
               "up to the last record; --committed, as without: to the last stable offset");

  auto target = std::make_shared<GroupFlags>();
  CLI::App& reset =
      add("reset", "move a group's offsets; without --execute only shows them", target, Reset);
  reset.add_option("group", target->group, "the group; nobody may read with it")->required();
  reset.add_option("--topic", target->topics, "NAME or NAME:0,2; may be given several times")
      ->allow_extra_args(false);
  reset.add_flag("--all-topics", target->all_topics, "all partitions that it has offsets of");
  reset.add_flag("--to-earliest", target->to_earliest, "the first record that is kept");
  reset.add_flag("--to-latest", target->to_latest, "behind the last one");
  reset.add_option("--to-offset", target->to_offset, "this one, or the nearest that is kept");
  reset.add_option("--to-time", target->to_time,
                   "the first record from then on: 2026-11-21 19:00 (UTC), or 15m ago");
  reset.add_option("--by", target->by, "so many records on, or with --by=-10 back");
  reset.add_flag("--forget", target->forget,
                 "nowhere: the group forgets them, and its consumers begin anew");
  CLI::Option* execute = reset.add_flag("--execute", target->execute, "do it");
  reset.add_flag("--dry-run", target->dry_run, "only show it, as without --execute")
      ->excludes(execute);
}

}  // namespace weir::cli
