#include "weir/server/topics/topic_access.h"

namespace weir::server {

Result<std::unique_ptr<KafkaClient>> TopicAccess::Connect() {
  KafkaClientOptions options;
  {
    std::lock_guard lock(mutex_);
    if (client_.servers.empty()) {
      WEIR_ASSIGN_OR_RETURN(host_, TopicHost::Open(env_, data_, {}));
      client_.servers = {host_->address()};
      if (host_->is_own()) client_.login = {};  // it wants none
    }
    options = client_;
  }
  return KafkaClient::Connect(env_, std::move(options));
}

}  // namespace weir::server
