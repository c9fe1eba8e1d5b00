#include "weir/server/topics/topic_access.h"

#include "weir/server/config/serve_config.h"

namespace weir::server {

Result<std::unique_ptr<KafkaClient>> TopicAccess::Connect() {
  KafkaClientOptions options;
  {
    std::lock_guard lock(mutex_);
    if (client_.servers.empty()) {
      std::string data = data_;
      if (data.empty()) {
        WEIR_ASSIGN_OR_RETURN(data, DataFolderIn(env_, home_));
      }
      WEIR_ASSIGN_OR_RETURN(host_, TopicHost::Open(env_, data, {}));
      client_.servers = {host_->address()};
      if (host_->is_own()) client_.login = {};  // it wants none
    }
    options = client_;
  }
  return KafkaClient::Connect(env_, std::move(options));
}

}  // namespace weir::server
