#include "weir/connect/files/file_list.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "duckdb/common/file_system.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/path_pattern.h"

namespace weir::connect {

namespace {

bool IsUrl(const std::string& path) { return path.find("://") != std::string::npos; }

// "%20" and the like, as Hive writes them in folder names. What is no UTF-8 then was not escaped.
std::string Unescape(const std::string& text) {
  std::string out;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return simdjson::validate_utf8(out) ? out : text;
}

void FindPartitions(ListedFile* file) {
  size_t from = 0;
  for (size_t slash = file->name.find('/'); slash != std::string::npos;
       slash = file->name.find('/', from)) {
    const std::string folder = file->name.substr(from, slash - from);
    from = slash + 1;
    const size_t equals = folder.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    const std::string value = folder.substr(equals + 1);
    file->partitions.emplace_back(
        Unescape(folder.substr(0, equals)),
        value == "__HIVE_DEFAULT_PARTITION__" ? std::nullopt : std::optional(Unescape(value)));
  }
}

// Names are written into tables and messages.
Status CheckName(const ListedFile& file) {
  if (simdjson::validate_utf8(file.name)) return Status::Ok();
  std::string shown;
  for (const char c : file.name) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x80 ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return Error::User(ErrorCode::kUnsupported, "the name of " + shown + " is not UTF-8")
      .Fix("rename the file or its folder");
}

}  // namespace

std::string PlainName(const std::string& name) {
  if (IsUrl(name)) return name;
  std::string plain = name.starts_with('/') ? "/" : "";
  for (size_t from = 0; from < name.size();) {
    const size_t slash = std::min(name.find('/', from), name.size());
    const std::string part = name.substr(from, slash - from);
    from = slash + 1;
    if (part.empty() || part == ".") continue;
    if (!plain.empty() && plain.back() != '/') plain += '/';
    plain += part;
  }
  return plain;
}

std::vector<std::string> ExpandBraces(const std::string& pattern) {
  const size_t open = pattern.find('{');
  const size_t close = open == std::string::npos ? open : pattern.find('}', open);
  if (close == std::string::npos) return {pattern};
  std::vector<std::string> out;
  size_t from = open + 1;
  while (true) {
    size_t comma = pattern.find(',', from);
    if (comma > close) comma = close;
    for (const std::string& rest : ExpandBraces(pattern.substr(close + 1))) {
      out.push_back(pattern.substr(0, open) + pattern.substr(from, comma - from) + rest);
    }
    if (comma == close) return out;
    from = comma + 1;
  }
}

Result<std::vector<ListedFile>> ListSourceFiles(columnar::Engine& engine,
                                                const std::string& pattern,
                                                const std::string& base_folder,
                                                bool hive_partitions) {
  if (IsUrl(pattern) && !pattern.starts_with("file:")) {
    WEIR_RETURN_IF_ERROR(engine.LoadRemoteFiles());
  }
  return columnar::CatchDuckDB([&]() -> Result<std::vector<ListedFile>> {
    std::vector<ListedFile> found;
    auto& files = engine.files();
    const auto in_project = [&](const std::string& one) {
      return !IsUrl(one) && !one.starts_with('/') && !base_folder.empty();
    };
    // A file may have a name that looks like a pattern.
    std::vector<std::string> patterns = {pattern};
    if (pattern.find('{') != std::string::npos &&
        (IsUrl(pattern) ||
         !files.FileExists(in_project(pattern) ? JoinPath(base_folder, pattern) : pattern))) {
      patterns = ExpandBraces(pattern);
    }
    for (std::string one : patterns) {
      one = PlainName(one);
      if (one.empty()) one = ".";
      const bool relative = in_project(one);
      std::string full = relative ? JoinPath(base_folder, one) : one;
      const size_t given = full.size() - one.size();  // where the pattern begins
      size_t wildcard = full.size();
      duckdb::vector<duckdb::OpenFileInfo> matches;
      if (duckdb::FileSystem::HasGlob(full) && files.FileExists(full)) {
        matches.emplace_back(full);
      } else if (!IsUrl(full) && files.DirectoryExists(full)) {
        while (full.ends_with('/')) full.pop_back();
        wildcard = full.size();
        matches = files.Glob(columnar::PathPattern(full) + "/**");
        full += "/**";
      } else {
        wildcard = std::min(full.find_first_of("*?[", given), full.size());
        matches = files.Glob(columnar::PathPattern(full.substr(0, given)) + one);
      }
      // What stands before the first wildcard was named by the user, hidden or not.
      const size_t named = wildcard >= full.size() ? full.size() : full.rfind('/', wildcard) + 1;
      for (const auto& info : matches) {
        ListedFile file;
        file.path = info.path;
        // "data/a.csv" for "/project/data/a.csv": what stays true when the project moves.
        const bool below = relative && file.path.starts_with(base_folder);
        file.name =
            PlainName(below ? file.path.substr(file.path.find_first_not_of('/', base_folder.size()))
                            : file.path);
        bool hidden = false;
        if (wildcard < full.size()) {
          for (size_t i = named; i < file.path.size() && !hidden; ++i) {
            const bool begins = i == 0 || file.path[i - 1] == '/';
            hidden = begins && (file.path[i] == '.' || file.path[i] == '_');
          }
        }
        if (hidden) continue;
        if (hive_partitions) FindPartitions(&file);
        WEIR_RETURN_IF_ERROR(CheckName(file));
        found.push_back(std::move(file));
      }
    }
    std::sort(found.begin(), found.end(),
              [](const ListedFile& a, const ListedFile& b) { return a.name < b.name; });
    found.erase(
        std::unique(found.begin(), found.end(),
                    [](const ListedFile& a, const ListedFile& b) { return a.name == b.name; }),
        found.end());
    return found;
  });
}

}  // namespace weir::connect
