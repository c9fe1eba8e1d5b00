// Matching the fields of a file with the columns of its source: by name for a CSV header, by place
// without one, by key for JSON; folder names become constants. What does not match is schema drift,
// and 'schema.evolution' says what to do about it.
//
// Thread rule: free functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/connect/files/file_scan.h"

namespace weir::connect {

Compression CompressionFor(const FileOptions& options, const ListedFile& file);

// Fills file->header (made up for a file without one), columns and extras. Differences are appended
// to `changes`, unless that is nullptr. User errors: a new column under 'failOnNewColumns', a
// missing one under 'source.missing-columns' = 'error', a folder name that does not cast.
Status MatchColumns(const FileSourceFacts& facts, const TextHead& head, TextFile* file,
                    std::vector<std::string>* changes);

// The length of the line end that begins what was appended to a file whose last line had been read
// without one (0 if it had one); nullopt if that line goes on.
Result<std::optional<uint64_t>> LineEndBehind(const std::shared_ptr<FileBytes>& bytes,
                                              Compression compression, const FileProgress& before);

}  // namespace weir::connect
