// One HTTP POST, for telling other systems what happened (lineage events). libcurl stays in here.
//
// Thread rule: thread-safe. The call returns after at most timeout_ms.
#pragma once

#include <string>

#include "weir/base/result.h"

namespace weir::connect {

// kRetry errors: no connection, time-out, a status of 500 and above. kUser: other statuses than
// 2xx, named with what the server said (its first 200 bytes).
Status HttpPost(const std::string& url, const std::string& content_type, const std::string& body,
                int timeout_ms);

}  // namespace weir::connect
