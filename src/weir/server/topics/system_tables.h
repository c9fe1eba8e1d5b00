// The tables of system: topics, partitions, groups, group_members, consumer_lag, transactions. Each
// is asked of the server when a query reads it.
//
// Thread rule: as topic_functions.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duckdb/function/table_function.hpp"

namespace weir::server {

class TopicAccess;

std::vector<std::string> SystemTableNames();
// weir_system('topics'): what the views of system read.
duckdb::TableFunction SystemTableFunction(const std::shared_ptr<TopicAccess>& access);

}  // namespace weir::server
