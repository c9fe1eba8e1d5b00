#include "weir/connect/files/file_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "weir/connect/option_values.h"

namespace weir::connect {

namespace {

// One byte; "\t" and the like as written in SQL text, where they are two characters.
Status Character(const std::string& key, const std::string& value, std::optional<char>* out) {
  if (value.empty()) {
    out->reset();
    return Status::Ok();
  }
  if (value == "\\t" || value == "tab") {
    *out = '\t';
    return Status::Ok();
  }
  if (value.size() != 1 || value[0] == '\n' || value[0] == '\r' || (value[0] & 0x80) != 0) {
    return WrongValue(key, value, "give one ASCII character, '\\t', or '' for none");
  }
  *out = value[0];
  return Status::Ok();
}

std::vector<std::string> SplitLiterals(const std::string& value) {
  std::vector<std::string> literals;
  size_t from = 0;
  while (true) {
    const size_t comma = value.find(',', from);
    literals.push_back(value.substr(from, comma - from));
    if (comma == std::string::npos) return literals;
    from = comma + 1;
  }
}

std::optional<FileFormat> FormatOf(std::string path) {
  for (const char* end : {".gz", ".zst", ".zstd"}) {
    if (path.ends_with(end)) path.resize(path.size() - std::string(end).size());
  }
  static const std::pair<const char*, FileFormat> kEnds[] = {
      {".csv", FileFormat::kCsv},     {".tsv", FileFormat::kCsv},
      {".json", FileFormat::kJson},   {".jsonl", FileFormat::kJson},
      {".ndjson", FileFormat::kJson}, {".parquet", FileFormat::kParquet},
      {".txt", FileFormat::kText},    {".log", FileFormat::kText}};
  for (const auto& [end, format] : kEnds) {
    if (path.ends_with(end)) return format;
  }
  return std::nullopt;
}

}  // namespace

Result<FileOptions> ParseFileOptions(const std::map<std::string, std::string>& options) {
  FileOptions out;
  std::optional<FileFormat> format;
  using Setter = std::function<Status(const std::string& key, const std::string& value)>;
  const auto boolean = [](bool* to) -> Setter {
    return [to](const auto& key, const auto& value) { return BooleanValue(key, value, to); };
  };
  const auto character = [](std::optional<char>* to) -> Setter {
    return [to](const auto& key, const auto& value) { return Character(key, value, to); };
  };
  std::optional<char> delimiter = ',';
  bool quote_disabled = false;
  uint64_t max_record_bytes = out.max_record_bytes;
  bool allow_comments = false;
  const std::map<std::string, Setter> setters = {
      {"connector", [](const auto&, const auto&) { return Status::Ok(); }},
      {"path",
       [&](const auto&, const auto& value) -> Status {
         out.path = value;
         return Status::Ok();
       }},
      {"format",
       [&](const auto& key, const auto& value) -> Status {
         FileFormat chosen = FileFormat::kCsv;
         WEIR_RETURN_IF_ERROR((ChooseValue<FileFormat>(key, value,
                                                       {{"csv", FileFormat::kCsv},
                                                        {"json", FileFormat::kJson},
                                                        {"parquet", FileFormat::kParquet},
                                                        {"text", FileFormat::kText},
                                                        {"raw", FileFormat::kText}},
                                                       &chosen)));
         format = chosen;
         return Status::Ok();
       }},
      {"compression",
       [&](const auto& key, const auto& value) -> Status {
         if (value == "auto") return Status::Ok();
         Compression chosen = Compression::kNone;
         WEIR_RETURN_IF_ERROR((ChooseValue<Compression>(key, value,
                                                        {{"none", Compression::kNone},
                                                         {"gzip", Compression::kGzip},
                                                         {"zstd", Compression::kZstd}},
                                                        &chosen)));
         out.compression = chosen;
         return Status::Ok();
       }},
      {"hive.partitions", boolean(&out.hive_partitions)},
      {"source.rewritten",
       [&](const auto& key, const auto& value) -> Status {
         return ChooseValue<bool>(key, value, {{"refuse", false}, {"reprocess", true}},
                                  &out.reprocess_rewritten);
       }},
      {"source.last-line",
       [&](const auto& key, const auto& value) -> Status {
         return ChooseValue<LastLine>(key, value,
                                      {{"auto", LastLine::kAuto},
                                       {"wait", LastLine::kWait},
                                       {"complete", LastLine::kComplete}},
                                      &out.last_line);
       }},
      {"source.missing-columns",
       [&](const auto& key, const auto& value) -> Status {
         return ChooseValue<bool>(key, value, {{"null", false}, {"error", true}},
                                  &out.fail_on_missing_columns);
       }},
      {"source.split-bytes",
       [&](const auto& key, const auto& value) {
         return BytesValue(key, value, &out.split_bytes);
       }},
      {"schema.evolution",
       [&](const auto& key, const auto& value) -> Status {
         return ChooseValue<Evolution>(key, value,
                                       {{"none", Evolution::kNone},
                                        {"addNewColumns", Evolution::kAddNewColumns},
                                        {"rescue", Evolution::kRescue},
                                        {"failOnNewColumns", Evolution::kFailOnNewColumns}},
                                       &out.evolution);
       }},
      {"max-record-bytes",
       [&](const auto& key, const auto& value) {
         return BytesValue(key, value, &max_record_bytes);
       }},
      {"csv.field-delimiter", character(&delimiter)},
      {"csv.quote-character", character(&out.csv.quote)},
      {"csv.disable-quote-character", boolean(&quote_disabled)},
      {"csv.escape-character", character(&out.csv.escape)},
      {"csv.allow-comments", boolean(&allow_comments)},
      {"csv.comment-character", character(&out.csv.comment)},
      {"csv.null-literal",
       [&](const auto&, const auto& value) -> Status {
         out.csv_null_literals = SplitLiterals(value);
         return Status::Ok();
       }},
      {"csv.header", boolean(&out.csv_header)},
      {"csv.skip-lines",
       [&](const auto& key, const auto& value) -> Status {
         const auto [rest, error] =
             std::from_chars(value.data(), value.data() + value.size(), out.csv_skip_lines);
         if (error != std::errc() || rest != value.data() + value.size()) {
           return Status(WrongValue(key, value, "give a number of lines"));
         }
         return Status::Ok();
       }},
      {"csv.ignore-parse-errors", boolean(&out.ignore_parse_errors)},
      {"json.ignore-parse-errors", boolean(&out.ignore_parse_errors)},
      {"json.layout",
       [&](const auto& key, const auto& value) -> Status {
         return ChooseValue<JsonLayout>(key, value,
                                        {{"auto", JsonLayout::kAuto},
                                         {"newline", JsonLayout::kNewline},
                                         {"array", JsonLayout::kArray}},
                                        &out.json_layout);
       }},
      {"json.max-depth",
       [&](const auto& key, const auto& value) -> Status {
         const auto [rest, error] =
             std::from_chars(value.data(), value.data() + value.size(), out.json_depth_max);
         if (error != std::errc() || rest != value.data() + value.size() ||
             out.json_depth_max == 0 || out.json_depth_max > 1024) {
           return Status(WrongValue(key, value, "give a number from 1 to 1024"));
         }
         return Status::Ok();
       }},
  };
  for (const auto& [key, value] : options) {
    const auto found = setters.find(key);
    if (found == setters.end()) {
      std::vector<std::string> names;
      for (const auto& [name, setter] : setters) names.push_back(name);
      return Error::User(ErrorCode::kNotFound,
                         fmt::format("the filesystem connector has no option '{}'", key))
          .Fix(Suggest(key, names));
    }
    WEIR_RETURN_IF_ERROR(found->second(key, value));
  }
  if (out.path.empty()) {
    return Error::User(ErrorCode::kInvalid, "the filesystem connector needs the option 'path'")
        .Fix("give a file, a folder or a pattern: 'path' = 'data/*.csv'");
  }
  if (!format) format = FormatOf(out.path);
  if (!format) {
    return Error::User(ErrorCode::kInvalid,
                       fmt::format("the format of '{}' can't be told from its name", out.path))
        .Fix("add 'format' = 'csv', 'json', 'text' or 'parquet'");
  }
  out.format = *format;
  for (const auto& [key, value] : options) {
    const bool other = (key.starts_with("csv.") && out.format != FileFormat::kCsv) ||
                       (key.starts_with("json.") && out.format != FileFormat::kJson);
    if (other) {
      return Error::User(ErrorCode::kInvalid,
                         fmt::format("option '{}' does not go with this source's format", key))
          .Fix("remove it, or change 'format'");
    }
  }
  if (!options.contains("csv.field-delimiter") && out.path.find(".tsv") != std::string::npos) {
    delimiter = '\t';
  }
  out.csv.delimiter = delimiter;
  if (quote_disabled) out.csv.quote.reset();
  if (allow_comments && !out.csv.comment) out.csv.comment = '#';
  if (out.csv.delimiter &&
      (out.csv.delimiter == out.csv.quote || out.csv.delimiter == out.csv.escape)) {
    return Error::User(ErrorCode::kInvalid,
                       "'csv.field-delimiter' is also the quote or escape character")
        .Fix("choose different characters");
  }
  out.max_record_bytes = static_cast<size_t>(std::min<uint64_t>(max_record_bytes, 1 << 30));
  return out;
}

}  // namespace weir::connect
