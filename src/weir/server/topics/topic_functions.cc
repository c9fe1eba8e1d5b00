#include "weir/server/topics/topic_functions.h"

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_transaction.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "weir/server/topics/system_tables.h"
#include "weir/server/topics/topic_scan.h"

namespace weir::server {

void RegisterTopicFunctions(duckdb::DatabaseInstance& database,
                            const std::shared_ptr<TopicAccess>& access) {
  duckdb::ExtensionLoader loader(database, "weir");
  loader.RegisterFunction(TopicScanFunction(access));
  loader.RegisterFunction(SystemTableFunction(access));
  // A schema of this name would be ambiguous: DuckDB's own database is called system. So the views
  // lie there, beside what DuckDB tells of itself; a project's names come before them.
  duckdb::Catalog& system = duckdb::Catalog::GetSystemCatalog(database);
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(database);
  for (const std::string& name : SystemTableNames()) {
    duckdb::CreateViewInfo view("system", DEFAULT_SCHEMA, name);
    view.internal = true;
    view.query = duckdb::CreateViewInfo::ParseSelect("SELECT * FROM weir_system('" + name + "')");
    system.CreateView(transaction, view);
  }
}

}  // namespace weir::server
