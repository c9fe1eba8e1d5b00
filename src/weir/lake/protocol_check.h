// Which table features Weir can read and write, and clear refusals for the others (Delta PROTOCOL,
// Table Features). A feature that is only listed is harmless; one that is in use is refused unless
// every rule it brings is kept.
//
// Thread rule: pure functions. Errors: kUnsupported, naming the feature.
#pragma once

#include <map>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"
#include "weir/lake/actions.h"

namespace weir::lake {

// What a write is about to do; some features only restrict some writes.
enum class WriteKind {
  kAppend,   // adds files, removes none
  kRewrite,  // removes or rewrites files
};

Status CheckReadable(const Protocol& protocol, const Metadata& metadata);
Status CheckWritable(const Protocol& protocol, const Metadata& metadata, WriteKind kind);

// Properties of a table to be made that switch on a feature which Weir cannot write: refused, for a
// table must not promise what its writer does not keep.
Status CheckProperties(const std::map<std::string, std::string>& properties);

bool HasFeature(const Protocol& protocol, const std::string& name);
// The protocol of a new table, or of a table whose schema becomes this one: legacy versions
// (1, 2) unless the schema needs a feature.
Protocol ProtocolFor(const columnar::Schema& schema);
// The protocol with the reader-writer feature added; every feature that the legacy versions imply
// is listed, as the move to table features asks for.
Protocol WithFeature(Protocol protocol, const std::string& name);

// A table property; the default if it is not set.
std::string Property(const Metadata& metadata, const std::string& name, std::string otherwise);
bool BoolProperty(const Metadata& metadata, const std::string& name, bool otherwise);
int64_t IntProperty(const Metadata& metadata, const std::string& name, int64_t otherwise);

}  // namespace weir::lake
