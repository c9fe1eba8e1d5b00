#include "weir/cli/command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

namespace weir::cli {

namespace {

constexpr int kThreadsMax = 1024;

}  // namespace

void ProjectFlags::AddTo(CLI::App& command) {
  command.add_option("project", path, "a .sql file or a folder of .sql files")
      ->capture_default_str();
  AddOptionsTo(command);
}

void ProjectFlags::AddOptionsTo(CLI::App& command) {
  command.add_option("--warehouse", warehouse,
                     "folder of the tables (default: tables/ beside the project)");
  command.add_option("--contract", contracts,
                     "data contract file (ODCS v3) for the tables that it describes");
  command.add_option("--memory", memory,
                     "budget of the process, e.g. 512MB (default: 70 % of the machine)");
  command.add_option("--threads", threads, "worker threads (default: one per core)")
      ->check(CLI::Range(1, kThreadsMax));
  command.add_option("--spill", spill_max, "most disk space that may be spilled to, e.g. 20GB");
}

Result<server::ProjectOptions> ProjectFlags::ToOptions() const {
  server::ProjectOptions options;
  options.path = path;
  options.warehouse = warehouse;
  options.contracts = contracts;
  options.threads = threads;
  if (!memory.empty()) {
    auto bytes = ParseBytes(memory);
    if (!bytes.ok()) return std::move(bytes).error().While("--memory");
    options.memory_bytes = *bytes;
  }
  if (!spill_max.empty()) {
    auto bytes = ParseBytes(spill_max);
    if (!bytes.ok()) return std::move(bytes).error().While("--spill");
    options.spill_bytes_max = *bytes;
  }
  return options;
}

int Fail(const Error& error, const std::string& format) {
  fmt::print(stderr, "error: {}\n", error.ToString());
  if (format == "json") {
    OrderedJson document;
    document["exit_code"] = error.ExitCode();
    document["errors"] = OrderedJson::array({ErrorJson(error)});
    PrintJson(document);
  }
  return error.ExitCode();
}

Result<std::string> WorkFolderOf(Env& env, const std::string& project_path) {
  WEIR_ASSIGN_OR_RETURN(const FileInfo info, sql::StatProject(env, project_path));
  return JoinPath(info.is_directory ? project_path : ParentPath(project_path), ".weir");
}

OrderedJson ErrorJson(const Error& error) {
  OrderedJson json;
  json["actor"] = ActorName(error.actor());
  json["code"] = ErrorCodeName(error.code());
  json["message"] = error.message();
  if (!error.where().empty()) json["where"] = error.where();
  if (!error.excerpt().empty()) json["excerpt"] = error.excerpt();
  if (!error.fix().empty()) json["fix"] = error.fix();
  json["exit_code"] = error.ExitCode();
  return json;
}

void AddFormatTo(CLI::App& command, std::string& format) {
  command.add_option("--format", format, "text for people, json for programs (on stdout)")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void PrintJson(const OrderedJson& json) { fmt::print("{}\n", ToText(json, 1)); }

Result<uint64_t> ParseBytes(const std::string& text) {
  static const std::map<std::string, double> kUnits = {{"", 1},         {"B", 1},
                                                       {"KB", 1e3},     {"MB", 1e6},
                                                       {"GB", 1e9},     {"TB", 1e12},
                                                       {"KIB", 1024.0}, {"MIB", 1048576.0},
                                                       {"K", 1e3},      {"M", 1e6},
                                                       {"G", 1e9},      {"GIB", 1073741824.0},
                                                       {"T", 1e12},     {"TIB", 1099511627776.0}};
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  std::string unit = end;
  unit.erase(0, unit.find_first_not_of(' '));
  for (char& c : unit) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  auto it = kUnits.find(unit);
  if (end == text.c_str() || it == kUnits.end() || number <= 0) {
    return Error::User(ErrorCode::kInvalid, "'" + text + "' is not an amount of bytes")
        .Fix("write for example 512MB or 2GiB");
  }
  return static_cast<uint64_t>(number * it->second);
}

}  // namespace weir::cli
