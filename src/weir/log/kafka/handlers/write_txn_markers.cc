// WriteTxnMarkers (27): an administrator ends what hangs open in partitions (KIP-664).
#include "weir/log/kafka/messages/write_txn_markers.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  WriteTxnMarkersRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  WriteTxnMarkersResponse response;
  Position end = 0;
  const bool allowed = call->AllowsCluster(AclOperation::kAlter) ||
                       call->AllowsCluster(AclOperation::kClusterAction);
  for (const auto& marker : request.markers) {
    WriteTxnMarkersResponse::WritableTxnMarkerResult result;
    result.producer_id = marker.producer_id;
    for (const auto& topic : marker.topics) {
      WriteTxnMarkersResponse::WritableTxnMarkerTopicResult topic_result;
      topic_result.name = topic.name;
      const Topic* found = broker.log().topics().Find(topic.name);
      for (const int32_t index : topic.partition_indexes) {
        KafkaError error = KafkaError::kUnknownTopicOrPartition;
        if (!allowed) {
          error = KafkaError::kClusterAuthorizationFailed;
        } else if (broker.FindPartition(found, index) != nullptr) {
          const auto written = broker.transactions().WriteMarkers(
              {marker.producer_id, marker.producer_epoch}, marker.transaction_result,
              marker.coordinator_epoch, {{found->id, index}});
          error = written.error;
          end = std::max(end, written.end);
        }
        topic_result.partitions.push_back({index, CodeOf(error)});
      }
      result.topics.push_back(std::move(topic_result));
    }
    response.markers.push_back(std::move(result));
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kWriteTxnMarkersHandler = {ApiKey::kWriteTxnMarkers, 1, 2, &Handle};

}  // namespace weir::log::kafka
