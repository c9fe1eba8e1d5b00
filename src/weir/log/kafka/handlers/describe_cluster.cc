// DescribeCluster (60): this broker, and what the cluster is called.
#include "weir/log/kafka/messages/describe_cluster.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr int8_t kBrokers = 1;
constexpr int8_t kControllers = 2;

void Handle(const CallPtr& call) {
  DescribeClusterRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  DescribeClusterResponse response;
  const auto cluster_id = broker.ClusterId();
  if (!cluster_id.ok()) {
    response.error_code = Code(KafkaError::kKafkaStorageError);
    response.error_message = cluster_id.error().ToString();
  } else if (request.endpoint_type == kControllers) {
    response.error_code = Code(KafkaError::kMismatchedEndpointType);
    response.error_message =
        "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type "
        "CONTROLLER";
  } else if (request.endpoint_type != kBrokers) {
    response.error_code = Code(KafkaError::kUnsupportedEndpointType);
    response.error_message =
        "Unsupported endpoint type " + std::to_string(int{request.endpoint_type});
  } else {
    response.cluster_id = *cluster_id;
    response.controller_id = broker.options().node_id;
    DescribeClusterResponse::DescribeClusterBroker self;
    self.broker_id = broker.options().node_id;
    self.host = call->endpoint().host;
    self.port = call->endpoint().port;
    response.brokers.push_back(std::move(self));
    if (request.include_cluster_authorized_operations) {
      response.cluster_authorized_operations =
          call->AllowsCluster(AclOperation::kDescribe)
              ? call->AllowedOperations(AclResourceType::kCluster, kAclCluster)
              : 0;
    }
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeClusterHandler = {ApiKey::kDescribeCluster, 0, 2, &Handle};

}  // namespace weir::log::kafka
