// What the commands of `weir` share: the common options, and how an error ends a command.
//
// One file a command: xyz_command.cc registers itself with AddXyzCommand (commands.h).
//
// Thread rule: main thread only.
#pragma once

#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/json.h"
#include "weir/base/result.h"
#include "weir/server/project_runtime.h"

namespace CLI {
class App;
}

namespace weir::cli {

// Set by the command that ran.
struct Outcome {
  int exit_code = 0;
};

// --warehouse, --contract, --memory, --threads, and where the project is.
struct ProjectFlags {
  std::string path = ".";
  std::string warehouse;
  std::vector<std::string> contracts;
  std::string memory;     // "512MB", "2GiB"; empty: 70 % of the machine
  std::string spill_max;  // the same, for the spill folder
  int threads = 0;

  void AddTo(CLI::App& command);         // the project as first argument, and:
  void AddOptionsTo(CLI::App& command);  // the options alone
  Result<server::ProjectOptions> ToOptions() const;
};

// Where a project's run records, spill and temporary warehouses lie. kNotFound: no such project.
Result<std::string> WorkFolderOf(Env& env, const std::string& project_path);

// Prints the error for people on stderr, and if `format` is "json" for programs on stdout; its exit
// code.
int Fail(const Error& error, const std::string& format = "text");
// {"actor":"user","code":"not_found","message":...,"exit_code":2}
OrderedJson ErrorJson(const Error& error);

// --format of commands that answer people or programs: "text" or "json".
void AddFormatTo(CLI::App& command, std::string& format);
void PrintJson(const OrderedJson& json);  // one document on stdout

// "512MB" = 512 * 10^6, "512MiB" = 512 * 2^20, a plain number is bytes.
Result<uint64_t> ParseBytes(const std::string& text);

}  // namespace weir::cli
