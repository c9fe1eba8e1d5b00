#include "weir/sql/topics.h"

namespace weir::sql {

namespace {

Error Placed(const PreparedTopic& topic, Error error) {
  const TopicStatement& declared = *topic.declared;
  if (error.actor() == Actor::kUser) {
    for (const auto& [key, at] : declared.option_places) {
      if (error.message().find(key) == std::string::npos) continue;
      return ErrorAt(*declared.source, at, error.code(),
                     "topic " + declared.name + ": " + error.message())
          .Fix(error.fix());
    }
  }
  return std::move(error).While("topic " + declared.name).At(declared.source->file);
}

Status Ensure(const PreparedTopic& topic, std::vector<std::string>* notes) {
  const columnar::TopicSpec& want = topic.topic;
  const std::string name = "topic " + want.name + ": ";
  WEIR_ASSIGN_OR_RETURN(const auto have, topic.admin->Describe(want.name));
  if (!have) {
    Status created = topic.admin->Create(want);
    // Another run was first: it has the same project, or the next one says what differs.
    if (!created.ok() && created.error().code() == ErrorCode::kAlreadyExists) return Status::Ok();
    WEIR_RETURN_IF_ERROR(std::move(created));
    notes->push_back(name + "created on " + topic.admin->cluster());
    return Status::Ok();
  }
  if (want.partitions > 0 && want.partitions < have->partitions) {
    return Error::User(ErrorCode::kInvalid, "'partitions' = '" + std::to_string(want.partitions) +
                                                "': it has " + std::to_string(have->partitions) +
                                                " already, and partitions can only be added")
        .Fix("say " + std::to_string(have->partitions) + ", or create another topic");
  }
  std::map<std::string, std::string> changes;
  for (const auto& [key, value] : want.configs) {
    const auto now = have->configs.find(key);
    if (now != have->configs.end() && now->second == value) continue;
    changes[key] = value;
    const std::string before = now == have->configs.end() ? "unknown" : now->second;
    notes->push_back(name + key + " " + before + " -> " + value);
  }
  if (!changes.empty()) WEIR_RETURN_IF_ERROR(topic.admin->SetConfigs(want.name, changes));
  if (want.partitions > have->partitions) {
    WEIR_RETURN_IF_ERROR(topic.admin->AddPartitions(want.name, want.partitions));
    notes->push_back(name + std::to_string(have->partitions) + " partitions -> " +
                     std::to_string(want.partitions) + "; keys may go to others than before");
  }
  return Status::Ok();
}

}  // namespace

Result<std::vector<std::string>> EnsureTopics(const PreparedProject& project) {
  std::vector<std::string> notes;
  for (const PreparedTopic& topic : project.topics) {
    Status done = Ensure(topic, &notes);
    if (!done.ok()) return Placed(topic, std::move(done).error());
  }
  return notes;
}

}  // namespace weir::sql
