#include "weir/log/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "weir/base/byte_codec.h"
#include "weir/base/checksum.h"

namespace weir::log {
namespace {

constexpr std::string_view kMagic = "WEIRCKP1";
constexpr std::string_view kPrefix = "checkpoint-";
constexpr size_t kChecksumBytes = 8;

std::string PathOf(const std::string& folder, Position position) {
  std::string digits = std::to_string(position);
  digits.insert(0, 20 - digits.size(), '0');
  return JoinPath(folder, std::string(kPrefix) + digits);
}

bool Decode(std::string_view bytes, Position position, std::string* content) {
  if (bytes.size() < kMagic.size() + kChecksumBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return false;
  }
  const std::string_view checked = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (ByteReader(bytes.substr(checked.size())).U64() != Xxh3(checked)) return false;
  ByteReader in(checked.substr(kMagic.size()));
  if (in.U64() != position) return false;
  *content = checked.substr(kMagic.size() + 8);
  return true;
}

}  // namespace

Status WriteCheckpoint(Env& env, const std::string& folder, const Checkpoint& checkpoint) {
  ByteWriter out;
  out.Raw(kMagic);
  out.U64(checkpoint.position);
  out.Raw(checkpoint.content);
  out.U64(Xxh3(out.bytes()));
  WEIR_RETURN_IF_ERROR(env.WriteFileAtomic(PathOf(folder, checkpoint.position), out.bytes()));
  WEIR_ASSIGN_OR_RETURN(auto positions, ListCheckpoints(env, folder));
  for (size_t i = 0; i + kCheckpointsKept < positions.size(); ++i) {
    WEIR_RETURN_IF_ERROR(env.RemoveFile(PathOf(folder, positions[i])));
  }
  return Status::Ok();
}

Result<std::vector<Position>> ListCheckpoints(Env& env, const std::string& folder) {
  std::vector<Position> positions;
  auto entries = env.ListDir(folder);
  if (!entries.ok() && entries.error().code() == ErrorCode::kNotFound) return positions;
  if (!entries.ok()) return std::move(entries).error();
  for (const FileInfo& entry : *entries) {
    if (entry.path.rfind(kPrefix, 0) != 0) continue;
    Position position = 0;
    const char* end = entry.path.data() + entry.path.size();
    const auto [at, error] = std::from_chars(entry.path.data() + kPrefix.size(), end, position);
    if (error == std::errc() && at == end) positions.push_back(position);
  }
  std::sort(positions.begin(), positions.end());
  return positions;
}

Result<std::optional<Checkpoint>> ReadNewestCheckpoint(Env& env, const std::string& folder,
                                                       std::vector<std::string>* damaged) {
  WEIR_ASSIGN_OR_RETURN(const auto positions, ListCheckpoints(env, folder));
  for (auto position = positions.rbegin(); position != positions.rend(); ++position) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, env.ReadFile(PathOf(folder, *position)));
    Checkpoint checkpoint;
    checkpoint.position = *position;
    if (Decode(bytes, *position, &checkpoint.content)) return std::optional(std::move(checkpoint));
    damaged->push_back(PathOf(folder, *position));
  }
  return std::optional<Checkpoint>();
}

}  // namespace weir::log
