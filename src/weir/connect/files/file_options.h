// The options of a `filesystem` source: what is in the WITH clause, checked and with defaults.
// docs/sources.md explains each one to users.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/codec/csv_scan.h"
#include "weir/connect/files/file_bytes.h"

namespace weir::connect {

enum class FileFormat { kCsv, kJson, kText, kParquet };
enum class Evolution { kNone, kAddNewColumns, kRescue, kFailOnNewColumns };
enum class LastLine { kAuto, kWait, kComplete };
enum class JsonLayout { kAuto, kNewline, kArray };

struct FileOptions {
  std::string path;
  FileFormat format = FileFormat::kCsv;
  std::optional<Compression> compression;  // nullopt: by the name's end
  bool hive_partitions = true;
  bool reprocess_rewritten = false;
  LastLine last_line = LastLine::kAuto;
  Evolution evolution = Evolution::kNone;
  bool fail_on_missing_columns = false;
  size_t max_record_bytes = 16 << 20;
  uint64_t split_bytes = 0;  // 0: chosen by the size of the file

  columnar::CsvDialect csv;
  bool csv_header = true;
  uint32_t csv_skip_lines = 0;
  std::vector<std::string> csv_null_literals;
  bool ignore_parse_errors = false;

  JsonLayout json_layout = JsonLayout::kAuto;
  uint32_t json_depth_max = 64;
};

// User errors name the option, the value and the nearest correct name.
Result<FileOptions> ParseFileOptions(const std::map<std::string, std::string>& options);

}  // namespace weir::connect
