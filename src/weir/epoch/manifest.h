// The manifest of one epoch: everything that one atomic step of a flow decided, in one file. Once
// that file lies durably in the epoch log the epoch has happened; what remains (Commit of every
// token) can be repeated until it succeeds. The bytes are described in
// docs/formats/epoch-manifest.md.
//
// Thread rule: values and free functions.
// Errors: Decode gives kCorrupt for bytes that are not a whole manifest, kUnsupported for a
// manifest of a later version of Weir.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"

namespace weir::epoch {

// What BatchSink::Prepare gave for one table of the epoch.
struct SinkToken {
  std::string sink;   // the table's name
  std::string token;  // opaque to this layer

  bool operator==(const SinkToken& other) const = default;
};

struct Manifest {
  std::string flow_id;  // survives renames and edits of the flow
  uint64_t epoch = 0;   // 1, 2, 3 ... within the flow
  int64_t now_us = 0;   // the fixed now() of the run, microseconds since 1970-01-01 UTC
  std::string run_id;
  std::string definition;  // normalised SQL of the flow
  std::string query_hash;
  std::string contract_hash;
  std::map<std::string, columnar::Position> positions;  // by source name
  std::vector<SinkToken> tokens;                        // committed in this order
  std::string facts;  // JSON text: check results, reasons, attempt; empty for none

  bool operator==(const Manifest& other) const = default;
};

// All strings but tokens, positions and facts must be UTF-8 (kInvalid otherwise); those three are
// kept byte for byte. Epoch 0, an empty flow id, or two tokens for one sink are kInvalid.
Result<std::string> EncodeManifest(const Manifest& manifest);
// Exactly what was encoded, or an error; never a part of it.
Result<Manifest> DecodeManifest(std::string_view bytes);

}  // namespace weir::epoch
