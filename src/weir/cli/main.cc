// The `weir` command.
#include <fmt/core.h>

#include <string_view>

#include "weir/base/version.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::string_view(argv[1]) != "--version") {
    fmt::print(stderr, "usage: weir --version\n");
    return 2;
  }
  fmt::print("weir {} ({}, {})\n{}\n", weir::base::Version(), weir::base::Commit(),
             weir::base::Compiler(), weir::base::LibraryVersions());
  return 0;
}
