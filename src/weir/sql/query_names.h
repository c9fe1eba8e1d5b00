// Names of tables and views that a query mentions, read off DuckDB's parse tree: nothing is looked
// up, so the names need not exist yet. Names of the query's own CTEs are left out where they are
// visible: in WITH t AS (SELECT * FROM t) the inner t is a table.
//
// Thread rule: pure function.
#pragma once

#include <set>
#include <string>

namespace duckdb {
class ClientContext;
}

namespace weir::sql {

// Throws DuckDB's parser exception if the text is not one query.
std::set<std::string> TablesMentioned(duckdb::ClientContext& context, const std::string& query);

}  // namespace weir::sql
