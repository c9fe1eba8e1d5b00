// The table function topic('name'): topic_functions.h tells what it does.
//
// Thread rule: as topic_functions.h.
#pragma once

#include <memory>

#include "duckdb/function/table_function.hpp"

namespace weir::server {

class TopicAccess;

duckdb::TableFunction TopicScanFunction(const std::shared_ptr<TopicAccess>& access);

}  // namespace weir::server
