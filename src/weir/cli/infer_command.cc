// weir infer: a CREATE TABLE statement for files, with the columns found in them.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "weir/cli/commands.h"
#include "weir/server/warehouse_catalog.h"

namespace weir::cli {

namespace {

struct InferFlags {
  std::string path;
  std::string name;
  std::string format;
};

std::string FormatOf(std::string path) {
  for (const char* packed : {".gz", ".zst"}) {
    if (path.ends_with(packed)) path.resize(path.size() - std::string(packed).size());
  }
  if (path.ends_with(".json") || path.ends_with(".jsonl") || path.ends_with(".ndjson")) {
    return "json";
  }
  if (path.ends_with(".parquet")) return "parquet";
  return path.ends_with(".txt") || path.ends_with(".log") ? "text" : "csv";
}

// "data/Orders-2024*.csv.gz" -> "orders_2024"
std::string NameOf(const std::string& path) {
  std::string name = BaseName(path);
  name = name.substr(0, name.find('.'));
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte)) {
      out += static_cast<char>(std::tolower(byte));
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.empty()) return "input";
  return std::isdigit(static_cast<unsigned char>(out[0])) ? "t_" + out : out;
}

std::string NameInSql(const std::string& name) {
  const bool plain = !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::islower(c) || std::isdigit(c) || c == '_';
                     });
  return plain ? name : columnar::QuoteName(name);
}

Status Infer(const InferFlags& flags) {
  columnar::EngineOptions engine_options;
  WEIR_ASSIGN_OR_RETURN(auto engine, columnar::Engine::Open(RealEnv(), engine_options));
  server::WarehouseCatalog catalog(*engine, "tables");
  columnar::SourceDeclaration source;
  source.name = flags.name.empty() ? NameOf(flags.path) : flags.name;
  source.base_folder = ".";
  source.options = {{"connector", "filesystem"},
                    {"path", flags.path},
                    {"format", flags.format.empty() ? FormatOf(flags.path) : flags.format}};
  WEIR_ASSIGN_OR_RETURN(const auto opened, catalog.OpenSource(source));
  std::string columns;
  for (const columnar::Field& field : opened->schema().fields) {
    columns +=
        (columns.empty() ? "  " : ",\n  ") + NameInSql(field.name) + " " + field.type.ToString();
  }
  fmt::print(
      "CREATE TABLE {} (\n{}\n) WITH (\n  'connector' = 'filesystem',\n  'path' = {},\n"
      "  'format' = {}\n);\n",
      NameInSql(source.name), columns, columnar::QuoteLiteral(flags.path),
      columnar::QuoteLiteral(source.options["format"]));
  return Status::Ok();
}

}  // namespace

void AddInferCommand(CLI::App& app, Outcome& outcome) {
  auto flags = std::make_shared<InferFlags>();
  CLI::App* command = app.add_subcommand("infer", "a CREATE TABLE statement for files");
  command->add_option("path", flags->path, "a file, or a pattern like 'data/*.csv.gz'")->required();
  command->add_option("--name", flags->name, "of the table (default: the file's)");
  command->add_option("--format", flags->format, "of the files (default: by their ending)")
      ->check(CLI::IsMember({"csv", "json", "parquet", "text"}));
  command->callback([flags, &outcome] {
    const Status status = Infer(*flags);
    if (!status.ok()) outcome.exit_code = Fail(status.error());
  });
}

}  // namespace weir::cli
