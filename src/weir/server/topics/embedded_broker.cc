#include "weir/server/topics/embedded_broker.h"

namespace weir::server {

Result<std::unique_ptr<EmbeddedBroker>> EmbeddedBroker::Open(Env& env,
                                                             std::shared_ptr<EmbeddedLog> log) {
  std::unique_ptr<EmbeddedBroker> out(new EmbeddedBroker(env, std::move(log)));
  out->log_->With([&](log::EventLog& events) {
    out->broker_ = std::make_unique<log::kafka::Broker>(env, out->metrics_, events, out->timers_,
                                                        log::kafka::BrokerOptions());
  });
  return out;
}

EmbeddedBroker::~EmbeddedBroker() {
  log_->With([&](log::EventLog& events) {
    broker_.reset();
    events.OnPartitionAdvanced(nullptr);
  });
}

}  // namespace weir::server
