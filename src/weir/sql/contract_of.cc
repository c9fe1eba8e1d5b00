#include "weir/sql/contract_of.h"

#include <cstdlib>

namespace weir::sql {

namespace {

Error OptionError(const TableStatement& table, const std::string& key, const std::string& wanted) {
  return Error::User(ErrorCode::kInvalid, "option '" + key + "' of table " + table.name +
                                              " must be " + wanted + ", not '" +
                                              table.options.at(key) + "'")
      .At(table.source->file);
}

Result<double> NumberOption(const TableStatement& table, const std::string& key, double otherwise) {
  auto it = table.options.find(key);
  if (it == table.options.end()) return otherwise;
  char* end = nullptr;
  const double value = std::strtod(it->second.c_str(), &end);
  if (it->second.empty() || *end != '\0') return OptionError(table, key, "a number");
  return value;
}

}  // namespace

Result<guard::Contract> ContractOf(const TableStatement& table) {
  guard::Contract contract;
  contract.checks = table.checks;
  contract.source = table.source->file;
  WEIR_ASSIGN_OR_RETURN(contract.quarantine_max_ratio,
                        NumberOption(table, "quarantine.max-ratio", -1));
  WEIR_ASSIGN_OR_RETURN(double min_rows, NumberOption(table, "quarantine.min-rows", 100));
  contract.breaker_min_rows = static_cast<int64_t>(min_rows);
  if (auto it = table.options.find("parses"); it != table.options.end()) {
    auto action = guard::ParseAction(it->second);
    if (!action) return OptionError(table, "parses", "WARN, DROP ROW, QUARANTINE or FAIL");
    contract.parses = *action;
  }
  WEIR_RETURN_IF_ERROR(guard::Validate(contract));
  return contract;
}

Status CheckContractColumns(const TableStatement& table, const guard::Contract& contract,
                            const columnar::Schema& schema) {
  for (size_t i = 0; i < contract.checks.size(); ++i) {
    for (const std::string& column : contract.checks[i].columns) {
      if (schema.Find(column) >= 0) continue;
      const guard::Check& check = contract.checks[i];
      const std::string message = "constraint '" + check.name + "': table " + table.name +
                                  " has no column '" + column + "'";
      const Fragment& place = table.check_places[i];
      Error error = place.text.empty()  // of a data contract file, and not a condition in SQL
                        ? Error::User(ErrorCode::kNotFound, message).At(check.where)
                        : place.ErrorHere(0, ErrorCode::kNotFound, message);
      const std::string hint = DidYouMean(column, schema.Names());
      if (hint.empty()) return error;
      return std::move(error).Fix(hint);
    }
  }
  return Status::Ok();
}

}  // namespace weir::sql
