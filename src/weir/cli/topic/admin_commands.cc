// weir topic ls, create, describe, alter, delete.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "weir/cli/terminal.h"
#include "weir/cli/topic/topic_command.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"
#include "weir/sql/lexer.h"

namespace weir::cli {

namespace {

using observe::TextTable;
using server::KafkaAdmin;
using server::TopicInfo;
using server::TopicPartition;

struct AdminFlags {
  std::vector<std::string> topics;
  bool all = false;
  int32_t partitions = -1;
  int16_t replication = -1;
  std::vector<std::string> set;
  std::vector<std::string> unset;
  bool if_absent = false;
  bool yes = false;
  std::string format = "text";

  bool json() const { return format == "json"; }
};

// What ls and describe tell of partitions.
struct Contents {
  server::Offsets begins;
  server::Offsets ends;
  std::map<TopicPartition, int64_t> bytes;
};

Result<Contents> ContentsOf(KafkaAdmin& admin, const std::vector<TopicInfo>& topics) {
  std::vector<TopicPartition> partitions;
  for (const TopicInfo& topic : topics) {
    const auto more = topic.Partitions();
    partitions.insert(partitions.end(), more.begin(), more.end());
  }
  Contents contents;
  WEIR_ASSIGN_OR_RETURN(contents.begins, admin.OffsetsAt(partitions, server::kEarliest, false));
  WEIR_ASSIGN_OR_RETURN(contents.ends, admin.OffsetsAt(partitions, server::kLatest, false));
  WEIR_ASSIGN_OR_RETURN(contents.bytes, admin.Sizes(topics));
  return contents;
}

// "" where the server does not tell.
std::string BytesText(const Contents& contents, const std::vector<TopicPartition>& partitions) {
  int64_t sum = 0;
  for (const TopicPartition& partition : partitions) {
    const auto found = contents.bytes.find(partition);
    if (found == contents.bytes.end()) return "";
    sum += found->second;
  }
  return observe::Bytes(static_cast<double>(sum));
}

int64_t RecordsOf(const Contents& contents, const std::vector<TopicPartition>& partitions) {
  int64_t sum = 0;
  for (const TopicPartition& partition : partitions) {
    sum += contents.ends.at(partition).offset - contents.begins.at(partition).offset;
  }
  return sum;
}

Result<int> List(const TopicFlags& where, const AdminFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  WEIR_ASSIGN_OR_RETURN(std::vector<TopicInfo> topics, session.admin->Topics());
  if (!flags.all) std::erase_if(topics, [](const TopicInfo& topic) { return topic.internal; });
  WEIR_ASSIGN_OR_RETURN(const Contents contents, ContentsOf(*session.admin, topics));
  TextTable table({{"topic"},
                   {"partitions", TextTable::kRight},
                   {"records", TextTable::kRight},
                   {"size", TextTable::kRight, 5}});
  OrderedJson json = OrderedJson::array();
  for (const TopicInfo& topic : topics) {
    const auto partitions = topic.Partitions();
    const int64_t records = RecordsOf(contents, partitions);
    table.Add({topic.name, observe::Count(static_cast<int64_t>(partitions.size())),
               observe::Count(records), BytesText(contents, partitions)});
    OrderedJson row = {{"topic", topic.name},
                       {"partitions", partitions.size()},
                       {"records", records},
                       {"internal", topic.internal}};
    int64_t bytes = 0;
    for (const TopicPartition& partition : partitions) {
      const auto found = contents.bytes.find(partition);
      if (found != contents.bytes.end()) bytes += found->second;
    }
    if (!contents.bytes.empty()) row["bytes"] = bytes;
    json.push_back(std::move(row));
  }
  if (flags.json()) {
    PrintJson(json);
  } else if (table.empty()) {
    fmt::print("there is no topic: `weir topic create NAME` makes one\n");
  } else {
    fmt::print("{}", table.ToString(TerminalWidth(1)));
  }
  return 0;
}

std::string Joined(const std::vector<int32_t>& numbers) {
  std::string text;
  for (const int32_t number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

OrderedJson DescriptionJson(const TopicInfo& topic, const Contents& contents,
                            const std::vector<server::TopicSetting>& settings) {
  OrderedJson json = {{"topic", topic.name}, {"internal", topic.internal}};
  OrderedJson partitions = OrderedJson::array();
  for (const auto& partition : topic.partitions) {
    const TopicPartition key{topic.name, partition.index};
    OrderedJson row = {
        {"partition", partition.index},        {"begin", contents.begins.at(key).offset},
        {"end", contents.ends.at(key).offset}, {"leader", partition.leader},
        {"replicas", partition.replicas},      {"in_sync", partition.in_sync}};
    const auto bytes = contents.bytes.find(key);
    if (bytes != contents.bytes.end()) row["bytes"] = bytes->second;
    partitions.push_back(std::move(row));
  }
  json["partitions"] = std::move(partitions);
  OrderedJson set = OrderedJson::array();
  for (const auto& setting : settings) {
    OrderedJson row = {{"name", setting.name}, {"set", setting.is_set}};
    row["value"] = setting.value ? OrderedJson(*setting.value) : OrderedJson();
    set.push_back(std::move(row));
  }
  json["settings"] = std::move(set);
  return json;
}

Result<int> Describe(const TopicFlags& where, const AdminFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  OrderedJson json = OrderedJson::array();
  for (const std::string& name : flags.topics) {
    WEIR_ASSIGN_OR_RETURN(const TopicInfo topic, admin.Topic(name));
    WEIR_ASSIGN_OR_RETURN(const Contents contents, ContentsOf(admin, {topic}));
    WEIR_ASSIGN_OR_RETURN(const auto settings, admin.Settings(name));
    if (flags.json()) {
      json.push_back(DescriptionJson(topic, contents, settings));
      continue;
    }
    const auto partitions = topic.Partitions();
    const std::string bytes = BytesText(contents, partitions);
    fmt::print("{}: {}, {}{}\n", name,
               observe::Counted(static_cast<int64_t>(partitions.size()), "partition"),
               observe::Counted(RecordsOf(contents, partitions), "record"),
               bytes.empty() ? "" : ", " + bytes);
    TextTable table({{"partition", TextTable::kRight},
                     {"begin", TextTable::kRight},
                     {"end", TextTable::kRight},
                     {"size", TextTable::kRight, 5},
                     {"leader", TextTable::kRight, 4},
                     {"replicas", TextTable::kLeft, 3},
                     {"in sync", TextTable::kLeft, 3}});
    for (const auto& partition : topic.partitions) {
      const TopicPartition key{name, partition.index};
      table.Add({std::to_string(partition.index), std::to_string(contents.begins.at(key).offset),
                 std::to_string(contents.ends.at(key).offset), BytesText(contents, {key}),
                 std::to_string(partition.leader), Joined(partition.replicas),
                 Joined(partition.in_sync)});
    }
    fmt::print("{}", table.ToString(TerminalWidth(1)));
    TextTable set({{"setting"}, {"value"}, {"about", TextTable::kLeft, 5}});
    for (const auto& setting : settings) {
      if (!flags.all && !setting.is_set) continue;
      set.Add({setting.name, setting.value.value_or("(hidden)"), flags.all ? setting.about : ""});
    }
    if (!set.empty()) fmt::print("{}", set.ToString(TerminalWidth(1)));
  }
  if (flags.json()) PrintJson(json);
  return 0;
}

// What the server says of a setting that it does not know is made better by the nearest that it
// does: a topic's settings are told by any topic.
Error WithNearSetting(KafkaAdmin& admin, Error error, const std::vector<std::string>& names) {
  if (error.code() != ErrorCode::kInvalid || !error.fix().empty()) return error;
  const auto topics = admin.Topics();
  if (!topics.ok() || topics->empty()) return error;
  const auto known = admin.Settings(topics->front().name);
  if (!known.ok()) return error;
  std::vector<std::string> all;
  for (const auto& setting : *known) all.push_back(setting.name);
  for (const std::string& name : names) {
    if (std::find(all.begin(), all.end(), name) != all.end()) continue;
    const std::string near = sql::DidYouMean(name, all);
    return std::move(error).Fix(
        near.empty() ? "`weir topic describe --all " + topics->front().name + "` shows all" : near);
  }
  return error;
}

Result<std::map<std::string, std::string>> SettingsOf(const AdminFlags& flags) {
  std::map<std::string, std::string> settings;
  for (const std::string& text : flags.set) {
    WEIR_ASSIGN_OR_RETURN(auto pair, ParsePair(text, "--set"));
    settings[pair.first] = pair.second;
  }
  return settings;
}

std::vector<std::string> NamesOf(const AdminFlags& flags) {
  std::vector<std::string> names;
  for (const std::string& text : flags.set) names.push_back(text.substr(0, text.find('=')));
  names.insert(names.end(), flags.unset.begin(), flags.unset.end());
  return names;
}

Result<int> Create(const TopicFlags& where, const AdminFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const auto settings, SettingsOf(flags));
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where, true));
  KafkaAdmin& admin = *session.admin;
  OrderedJson json = OrderedJson::array();
  for (const std::string& name : flags.topics) {
    const Status created = admin.Create(name, flags.partitions, flags.replication, settings);
    const bool was_there =
        !created.ok() && created.error().code() == ErrorCode::kAlreadyExists && flags.if_absent;
    if (!created.ok() && !was_there) {
      Error error = WithNearSetting(admin, created.error(), NamesOf(flags));
      if (error.code() != ErrorCode::kAlreadyExists) return error;
      return std::move(error).Fix("add --if-absent if that is all right");
    }
    json.push_back({{"topic", name}, {"created", !was_there}});
    if (!flags.json()) fmt::print("{} {}\n", name, was_there ? "was there" : "is made");
  }
  if (flags.json()) PrintJson(json);
  return 0;
}

Result<int> Alter(const TopicFlags& where, const AdminFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const auto set, SettingsOf(flags));
  if (set.empty() && flags.unset.empty() && flags.partitions < 0) {
    return Error::User(ErrorCode::kInvalid, "nothing to alter")
        .Fix("say --set NAME=VALUE, --unset NAME or --partitions N");
  }
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  std::map<std::string, std::optional<std::string>> changes;
  for (const auto& [name, value] : set) changes[name] = value;
  for (const std::string& name : flags.unset) changes[name] = std::nullopt;
  for (const std::string& topic : flags.topics) {
    WEIR_RETURN_IF_ERROR(admin.Topic(topic).status());
    if (!changes.empty()) {
      const Status altered = admin.Alter(topic, changes);
      if (!altered.ok()) return WithNearSetting(admin, altered.error(), NamesOf(flags));
    }
    if (flags.partitions >= 0) {
      WEIR_RETURN_IF_ERROR(admin.SetPartitions(topic, flags.partitions));
    }
    if (!flags.json()) fmt::print("{} is altered\n", topic);
  }
  if (flags.json()) PrintJson({{"topics", flags.topics}, {"altered", true}});
  return 0;
}

Result<int> Delete(const TopicFlags& where, const AdminFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  std::vector<TopicInfo> topics;
  for (const std::string& name : flags.topics) {
    WEIR_ASSIGN_OR_RETURN(TopicInfo topic, admin.Topic(name));
    topics.push_back(std::move(topic));
  }
  WEIR_ASSIGN_OR_RETURN(const Contents contents, ContentsOf(admin, topics));
  int64_t records = 0;
  for (const TopicInfo& topic : topics) records += RecordsOf(contents, topic.Partitions());
  if (!flags.yes) {
    return Error::User(ErrorCode::kInvalid,
                       "this deletes " + observe::Counted(records, "record") + " for good")
        .Fix("add --yes");
  }
  for (const TopicInfo& topic : topics) {
    WEIR_RETURN_IF_ERROR(admin.Delete(topic.name));
    if (!flags.json()) fmt::print("{} is deleted\n", topic.name);
  }
  if (flags.json()) PrintJson({{"topics", flags.topics}, {"records", records}, {"deleted", true}});
  return 0;
}

}  // namespace

void AddTopicAdminCommands(CLI::App& topic, Outcome& outcome, TopicFlags& where) {
  const auto add = [&](const char* name, const char* about,
                       Result<int> (*run)(const TopicFlags&, const AdminFlags&),
                       const std::string& options) {
    auto flags = std::make_shared<AdminFlags>();
    CLI::App& command = AddTopicSubcommand(topic, outcome, where, name, about, &flags->format,
                                           [&where, flags, run] { return run(where, *flags); });
    const auto has = [&](char option) { return options.find(option) != std::string::npos; };
    if (has('t')) command.add_option("topic", flags->topics, "the topic, or several")->required();
    if (has('a')) command.add_flag("--all", flags->all, "internal topics too");
    if (has('s')) command.add_flag("--all", flags->all, "all settings, and what they mean");
    if (has('p')) {
      command.add_option("--partitions", flags->partitions, "how many there shall be")
          ->check(CLI::Range(1, 1'000'000));
      command.add_option("--set", flags->set, "NAME=VALUE, a setting; may be given several times")
          ->allow_extra_args(false);
    }
    if (has('r')) {
      command.add_option("--replication", flags->replication, "copies of each record")
          ->check(CLI::Range(1, 1'000));
      command.add_flag("--if-absent", flags->if_absent, "one that is there is no error");
    }
    if (has('u')) {
      command
          .add_option("--unset", flags->unset,
                      "back to the server's default; may be given several times")
          ->allow_extra_args(false);
    }
    if (has('y')) command.add_flag("--yes", flags->yes, "really");
    AddFormatTo(command, flags->format);
  };
  add("ls", "what topics there are", List, "a");
  add("create", "make topics", Create, "tpr");
  add("describe", "a topic's partitions and settings", Describe, "ts");
  add("alter", "more partitions, other settings", Alter, "tpu");
  add("delete", "delete topics and their records", Delete, "ty");
}

}  // namespace weir::cli
