// The contract that a table's declaration states: its EXPECT constraints and its quarantine
// options, checked against the table's columns.
//
// Thread rule: pure functions.
#pragma once

#include "weir/base/result.h"
#include "weir/columnar/schema.h"
#include "weir/guard/contract.h"
#include "weir/sql/statement.h"

namespace weir::sql {

// Options read: 'quarantine.max-ratio', 'quarantine.min-rows', 'parses' (an action).
Result<guard::Contract> ContractOf(const TableStatement& table);

// Every column that a check names must be a column of the table.
Status CheckContractColumns(const TableStatement& table, const guard::Contract& contract,
                            const columnar::Schema& schema);

}  // namespace weir::sql
