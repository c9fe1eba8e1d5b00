// The warehouse's catalog against the suite that every Catalog passes.
#include "weir/columnar/testing/catalog_contract.h"

#include "weir/server/warehouse_catalog.h"

namespace weir::columnar::testing {

Result<std::unique_ptr<Catalog>> MakeWarehouse(Engine& engine, const std::string& folder) {
  return std::make_unique<server::WarehouseCatalog>(engine, folder + "/tables");
}

INSTANTIATE_TEST_SUITE_P(Server, CatalogContract,
                         ::testing::Values(CatalogCase{"Warehouse", "filesystem", MakeWarehouse}),
                         CatalogCaseName);

}  // namespace weir::columnar::testing
