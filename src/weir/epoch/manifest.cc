#include "weir/epoch/manifest.h"

#include <algorithm>
#include <set>

#include "weir/base/checksum.h"
#include "weir/base/json.h"

namespace weir::epoch {
namespace {

constexpr uint64_t kVersion = 1;
constexpr const char* kMagic = "epoch-manifest";
constexpr size_t kHeaderBytesMax = 256;

Error Corrupt(const std::string& what) {
  return Error::Operator(ErrorCode::kCorrupt, "not an intact epoch manifest: " + what)
      .Fix(
          "restore the file from a copy of the warehouse, or rebuild the flow's tables with "
          "--full-refresh");
}

std::string HeaderFor(std::string_view rest) {
  return ToText(OrderedJson{{"weir", kMagic},
                            {"version", kVersion},
                            {"bytes", rest.size()},
                            {"xxh3", Hex64(Xxh3(rest))}}) +
         "\n";
}

Status Valid(const Manifest& manifest) {
  if (manifest.flow_id.empty()) return Error::Bug("an epoch manifest without a flow id");
  if (manifest.epoch == 0) return Error::Bug("epochs count from 1");
  std::set<std::string> sinks;
  for (const SinkToken& token : manifest.tokens) {
    if (!sinks.insert(token.sink).second) {
      return Error::Bug("two tokens for the sink '" + token.sink + "' in one epoch");
    }
  }
  return Status::Ok();
}

// The blocks of bytes behind the body, one after the other.
class Blocks {
 public:
  explicit Blocks(std::string_view bytes) : bytes_(bytes) {}

  Result<std::string> Take(uint64_t n) {
    if (n >= bytes_.size() || bytes_[n] != '\n') return Corrupt("a block is cut off");
    std::string block(bytes_.substr(0, n));
    bytes_.remove_prefix(n + 1);
    return block;
  }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

// Checks magic, version, length and checksum; returns what follows the header.
Result<std::string_view> CheckHeader(std::string_view bytes) {
  const size_t header_end = bytes.substr(0, kHeaderBytesMax).find('\n');
  if (header_end == std::string_view::npos) return Corrupt("no header line");
  auto header = ParseJson(bytes.substr(0, header_end));
  if (!header.ok()) return Corrupt("the header: " + header.error().message());
  const auto magic = StringField(*header, "weir");
  if (!magic.ok() || *magic != kMagic) return Corrupt("the header names another kind of file");
  WEIR_ASSIGN_OR_RETURN(const uint64_t version, Uint64Field(*header, "version"));
  if (version > kVersion) {
    return Error::Operator(ErrorCode::kUnsupported,
                           "an epoch manifest of version " + std::to_string(version) +
                               ", this program reads up to " + std::to_string(kVersion))
        .Fix("run the newer Weir that wrote it");
  }
  const std::string_view rest = bytes.substr(header_end + 1);
  // The header has one spelling, so its own bytes need no checksum.
  if (bytes.substr(0, header_end + 1) != HeaderFor(rest)) {
    return Corrupt("length or checksum differ from the header's");
  }
  return rest;
}

Result<Manifest> DecodeRest(std::string_view rest) {
  const size_t body_end = rest.find('\n');
  if (body_end == std::string_view::npos) return Corrupt("no body line");
  WEIR_ASSIGN_OR_RETURN(const Json body, ParseJson(rest.substr(0, body_end)));
  Manifest manifest;
  WEIR_ASSIGN_OR_RETURN(manifest.flow_id, StringField(body, "flow_id"));
  WEIR_ASSIGN_OR_RETURN(manifest.epoch, Uint64Field(body, "epoch"));
  WEIR_ASSIGN_OR_RETURN(manifest.now_us, Int64Field(body, "now_us"));
  WEIR_ASSIGN_OR_RETURN(manifest.run_id, StringField(body, "run_id"));
  WEIR_ASSIGN_OR_RETURN(manifest.definition, StringField(body, "definition"));
  WEIR_ASSIGN_OR_RETURN(manifest.query_hash, StringField(body, "query_hash"));
  WEIR_ASSIGN_OR_RETURN(manifest.contract_hash, StringField(body, "contract_hash"));
  const auto positions = body.find("positions");
  const auto tokens = body.find("tokens");
  if (positions == body.end() || !positions->is_array() || tokens == body.end() ||
      !tokens->is_array()) {
    return Corrupt("no positions or no tokens");
  }
  Blocks blocks(rest.substr(body_end + 1));
  for (const Json& position : *positions) {
    WEIR_ASSIGN_OR_RETURN(std::string source, StringField(position, "source"));
    WEIR_ASSIGN_OR_RETURN(const uint64_t n, Uint64Field(position, "bytes"));
    WEIR_ASSIGN_OR_RETURN(std::string block, blocks.Take(n));
    if (!manifest.positions.emplace(std::move(source), std::move(block)).second) {
      return Corrupt("two positions of one source");
    }
  }
  for (const Json& token : *tokens) {
    WEIR_ASSIGN_OR_RETURN(std::string sink, StringField(token, "sink"));
    WEIR_ASSIGN_OR_RETURN(const uint64_t n, Uint64Field(token, "bytes"));
    WEIR_ASSIGN_OR_RETURN(std::string block, blocks.Take(n));
    manifest.tokens.push_back({std::move(sink), std::move(block)});
  }
  WEIR_ASSIGN_OR_RETURN(const uint64_t facts_bytes, Uint64Field(body, "facts_bytes"));
  WEIR_ASSIGN_OR_RETURN(manifest.facts, blocks.Take(facts_bytes));
  if (!blocks.at_end()) return Corrupt("bytes behind the last block");
  WEIR_RETURN_IF_ERROR(Valid(manifest));
  return manifest;
}

}  // namespace

Result<std::string> EncodeManifest(const Manifest& manifest) {
  WEIR_RETURN_IF_ERROR(Valid(manifest));
  OrderedJson positions = OrderedJson::array();
  size_t block_bytes = manifest.facts.size() + 1;
  for (const auto& [source, position] : manifest.positions) {
    positions.push_back({{"source", source}, {"bytes", position.size()}});
    block_bytes += position.size() + 1;
  }
  OrderedJson tokens = OrderedJson::array();
  for (const SinkToken& token : manifest.tokens) {
    tokens.push_back({{"sink", token.sink}, {"bytes", token.token.size()}});
    block_bytes += token.token.size() + 1;
  }
  WEIR_ASSIGN_OR_RETURN(std::string rest, DumpJson(OrderedJson{
                                              {"flow_id", manifest.flow_id},
                                              {"epoch", manifest.epoch},
                                              {"now_us", manifest.now_us},
                                              {"run_id", manifest.run_id},
                                              {"definition", manifest.definition},
                                              {"query_hash", manifest.query_hash},
                                              {"contract_hash", manifest.contract_hash},
                                              {"positions", std::move(positions)},
                                              {"tokens", std::move(tokens)},
                                              {"facts_bytes", manifest.facts.size()},
                                          }));
  rest.reserve(rest.size() + 1 + block_bytes);
  rest += '\n';
  for (const auto& [source, position] : manifest.positions) (rest += position) += '\n';
  for (const SinkToken& token : manifest.tokens) (rest += token.token) += '\n';
  (rest += manifest.facts) += '\n';
  return HeaderFor(rest) + rest;
}

Result<Manifest> DecodeManifest(std::string_view bytes) {
  WEIR_ASSIGN_OR_RETURN(const std::string_view rest, CheckHeader(bytes));
  auto manifest = DecodeRest(rest);
  // The checksum was right: whoever wrote this did not write what version 1 says.
  if (!manifest.ok() && manifest.error().code() != ErrorCode::kCorrupt) {
    return Corrupt(manifest.error().message());
  }
  return manifest;
}

}  // namespace weir::epoch
