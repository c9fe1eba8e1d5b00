#include "weir/connect/kafka/group_offsets.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "weir/connect/kafka/kafka_admin.h"

namespace weir::connect {

namespace {

Status CheckGroup(const KafkaHandle& handle, const rd_kafka_group_result_t& answer,
                  const std::string& doing) {
  if (const rd_kafka_error_t* error = rd_kafka_group_result_error(&answer)) {
    return handle.MakeError(rd_kafka_error_code(error), rd_kafka_error_string(error), doing);
  }
  const auto* partitions = rd_kafka_group_result_partitions(&answer);
  for (int i = 0; partitions != nullptr && i < partitions->cnt; ++i) {
    const auto& one = partitions->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return handle.MakeError(one.err,
                              doing + ": " + one.topic + "/" + std::to_string(one.partition));
    }
  }
  return Status::Ok();
}

}  // namespace

Result<std::vector<std::string>> ListGroups(const KafkaHandle& handle) {
  const std::string doing = "listing the consumer groups of " + handle.servers();
  WEIR_ASSIGN_OR_RETURN(const auto event,
                        AskAdmin(handle, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, doing,
                                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                                   rd_kafka_ListConsumerGroups(handle.get(), options, queue);
                                 }));
  const auto* result = rd_kafka_event_ListConsumerGroups_result(event.get());
  if (result == nullptr) return Error::Bug(doing + ": an answer of another kind");
  size_t count = 0;
  const rd_kafka_error_t** errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
  if (count > 0) {
    return handle.MakeError(rd_kafka_error_code(errors[0]), rd_kafka_error_string(errors[0]),
                            doing);
  }
  const auto** groups = rd_kafka_ListConsumerGroups_result_valid(result, &count);
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i) {
    out.emplace_back(rd_kafka_ConsumerGroupListing_group_id(groups[i]));
  }
  return out;
}

Result<std::vector<GroupOffset>> ReadGroupOffsets(const KafkaHandle& handle,
                                                  const std::string& group) {
  struct Delete {
    void operator()(rd_kafka_ListConsumerGroupOffsets_t* request) const {
      rd_kafka_ListConsumerGroupOffsets_destroy(request);
    }
  };
  const std::string doing = "reading the offsets of group " + group;
  const std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t, Delete> request(
      rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
  rd_kafka_ListConsumerGroupOffsets_t* requests[] = {request.get()};
  WEIR_ASSIGN_OR_RETURN(const auto event,
                        AskAdmin(handle, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, doing,
                                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                                   rd_kafka_ListConsumerGroupOffsets(handle.get(), requests, 1,
                                                                     options, queue);
                                 }));
  const auto* result = rd_kafka_event_ListConsumerGroupOffsets_result(event.get());
  if (result == nullptr) return Error::Bug(doing + ": an answer of another kind");
  size_t count = 0;
  const auto** answers = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count);
  if (count != 1) return Error::Bug(doing + ": no answer for the group");
  WEIR_RETURN_IF_ERROR(CheckGroup(handle, *answers[0], doing));
  std::vector<GroupOffset> out;
  const auto* partitions = rd_kafka_group_result_partitions(answers[0]);
  for (int i = 0; partitions != nullptr && i < partitions->cnt; ++i) {
    const auto& one = partitions->elems[i];
    if (one.offset < 0) continue;  // none committed
    out.push_back({one.topic, one.partition, one.offset,
                   std::string(static_cast<const char*>(one.metadata), one.metadata_size)});
  }
  return out;
}

Status SetGroupOffsets(const KafkaHandle& handle, const std::string& group,
                       const std::vector<GroupOffset>& offsets) {
  struct Delete {
    void operator()(rd_kafka_AlterConsumerGroupOffsets_t* request) const {
      rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    }
  };
  const std::string doing = "setting the offsets of group " + group;
  const RdKafkaPtr<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const GroupOffset& one : offsets) {
    auto* added = rd_kafka_topic_partition_list_add(list.get(), one.topic.c_str(), one.partition);
    added->offset = one.offset;
    if (one.metadata.empty()) continue;
    added->metadata = std::malloc(one.metadata.size());  // the list frees it
    added->metadata_size = one.metadata.size();
    std::memcpy(added->metadata, one.metadata.data(), one.metadata.size());
  }
  const std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t, Delete> request(
      rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get()));
  rd_kafka_AlterConsumerGroupOffsets_t* requests[] = {request.get()};
  WEIR_ASSIGN_OR_RETURN(const auto event,
                        AskAdmin(handle, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, doing,
                                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                                   rd_kafka_AlterConsumerGroupOffsets(handle.get(), requests, 1,
                                                                      options, queue);
                                 }));
  const auto* result = rd_kafka_event_AlterConsumerGroupOffsets_result(event.get());
  if (result == nullptr) return Error::Bug(doing + ": an answer of another kind");
  size_t count = 0;
  const auto** answers = rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &count);
  if (count != 1) return Error::Bug(doing + ": no answer for the group");
  return CheckGroup(handle, *answers[0], doing);
}

}  // namespace weir::connect
