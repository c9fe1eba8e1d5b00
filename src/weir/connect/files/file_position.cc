#include "weir/connect/files/file_position.h"

#include <algorithm>

#include "weir/base/checksum.h"
#include "weir/base/json.h"

namespace weir::connect {

namespace {

constexpr uint64_t kHashedBytes = 4096;

Result<uint64_t> HashRange(FileBytes& file, uint64_t from, uint64_t to) {
  std::string bytes(static_cast<size_t>(to - from), '\0');
  WEIR_RETURN_IF_ERROR(file.ReadAt(from, bytes.data(), bytes.size()));
  return Xxh3(bytes);
}

Error NotOurs(const std::string& why) {
  return Error::Operator(ErrorCode::kCorrupt,
                         "the recorded position of the source is broken: " + why)
      .Fix("run with --full-refresh to read the source from the beginning");
}

Result<uint64_t> HashField(const Json& object, const char* key) {
  WEIR_ASSIGN_OR_RETURN(const std::string text, StringField(object, key));
  const std::optional<uint64_t> value = ParseHex64(text);
  if (!value) return NotOurs("'" + std::string(key) + "' is no hash");
  return *value;
}

}  // namespace

Result<SourcePosition> ParsePosition(const std::string& text) {
  SourcePosition position;
  if (text.empty()) return position;
  auto json = ParseJson(text);
  if (!json.ok()) return NotOurs(json.error().message());
  if (!json->is_object()) return NotOurs("it is no object");
  const auto version = Uint64Field(*json, "version");
  if (!version.ok() || *version != 1) return NotOurs("its version is not 1");
  const auto files = json->find("files");
  if (files == json->end() || !files->is_array()) return NotOurs("'files' is missing");
  for (const Json& file : *files) {
    if (!file.is_object()) return NotOurs("a file is no object");
    const auto path = StringField(file, "path");
    if (!path.ok()) return NotOurs(path.error().message());
    FileProgress progress;
    const std::pair<const char*, uint64_t*> numbers[] = {
        {"read", &progress.read}, {"raw", &progress.raw}, {"records", &progress.records}};
    for (const auto& [key, to] : numbers) {
      const auto value = Uint64Field(file, key);
      if (!value.ok()) return NotOurs(value.error().message());
      *to = *value;
    }
    const auto head = HashField(file, "head");
    const auto tail = HashField(file, "tail");
    if (!head.ok()) return NotOurs(head.error().message());
    if (!tail.ok()) return NotOurs(tail.error().message());
    progress.head = *head;
    progress.tail = *tail;
    const auto open = file.find("open");
    if (open == file.end() || !open->is_boolean()) return NotOurs("'open' is missing");
    progress.open_end = open->get<bool>();
    if (!position.emplace(*path, progress).second) return NotOurs("a file is listed twice");
  }
  return position;
}

std::string WritePosition(const SourcePosition& position) {
  OrderedJson files = OrderedJson::array();
  for (const auto& [path, progress] : position) {
    OrderedJson file;
    file["path"] = path;
    file["read"] = progress.read;
    file["raw"] = progress.raw;
    file["head"] = Hex64(progress.head);
    file["tail"] = Hex64(progress.tail);
    file["records"] = progress.records;
    file["open"] = progress.open_end;
    files.push_back(std::move(file));
  }
  OrderedJson json;
  json["version"] = 1;
  json["files"] = std::move(files);
  return ToText(json);
}

Result<uint64_t> HashHead(FileBytes& file, uint64_t read) {
  return HashRange(file, 0, std::min(read, kHashedBytes));
}

Result<uint64_t> HashTail(FileBytes& file, uint64_t read) {
  return HashRange(file, read - std::min(read, kHashedBytes), read);
}

Result<FileState> CompareFile(FileBytes& file, const FileProgress& progress) {
  if (file.size() < progress.read) return FileState::kRewritten;
  WEIR_ASSIGN_OR_RETURN(const uint64_t head, HashHead(file, progress.read));
  if (head != progress.head) return FileState::kRewritten;
  WEIR_ASSIGN_OR_RETURN(const uint64_t tail, HashTail(file, progress.read));
  if (tail != progress.tail) return FileState::kRewritten;
  return file.size() > progress.read ? FileState::kGrown : FileState::kUnchanged;
}

}  // namespace weir::connect
