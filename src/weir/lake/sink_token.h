// SinkToken: what a prepared epoch means to its table, as text that outlives the process
// (docs/formats/delta-sink-token.md). It holds the logical change alone: what is added, and by
// which rule rows are replaced; never a list of files to remove.
//
// Thread rule: a value.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/lake/actions.h"

namespace weir::lake {

// `txn.version` of a flow whose rows were replaced: epochs begin at 1.
inline constexpr int64_t kNoEpoch = 0;

struct SinkToken {
  std::string flow_id;
  int64_t epoch = 0;
  std::string staging_id;  // in the names of all its files
  columnar::WriteMode mode;
  bool allow_new_columns = false;
  bool replace_schema = false;
  std::vector<std::string> replaced_flows;  // the table holds no epoch of theirs afterwards
  std::string table_id;                     // the table it was prepared for; empty: there was none
  std::string new_table_id;                 // for the metadata, if the commit makes the table
  std::string schema_json;                  // Delta schema of the rows
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> properties;
  int64_t now_us = 0;
  std::vector<AddFile> adds;
  int64_t rows = 0;
};

std::string WriteToken(const SinkToken& token);
// kCorrupt for text that is not a token; kUnsupported for a later version of the format.
Result<SinkToken> ParseToken(const std::string& text);

}  // namespace weir::lake
