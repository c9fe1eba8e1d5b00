#include "weir/connect/files/file_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "duckdb/common/file_system.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/connect/files/column_match.h"
#include "weir/connect/files/file_metadata.h"
#include "weir/connect/files/file_schema.h"

namespace weir::connect {

using columnar::Origin;
using columnar::ParquetFile;
using columnar::ScanRequest;
using columnar::SourceChanges;
using columnar::Split;

namespace {

constexpr uint64_t kSplitBytes = 2 << 20;
constexpr uint64_t kRemoteSplitBytes = 16 << 20;
// How far into a file lines are counted, for messages.
constexpr uint64_t kCountedBytesMax = 128 << 20;
constexpr int64_t kSettledMicros = 1000000;

class FileScan : public columnar::SourceScan {
 public:
  FileScan(std::shared_ptr<const FileSourceFacts> facts) : facts_(std::move(facts)) {}

  const SourceChanges& changes() const override { return changes_; }
  const std::vector<std::string>& files() const override { return names_; }
  int64_t OffsetEnd(size_t file) const override {
    if (file >= texts_.size()) return kOffsetEndUnknown;  // Parquet: rows
    // What a byte can become, at most.
    const Compression compression = texts_[file]->compression;
    const int64_t expansion = compression == Compression::kNone   ? 1
                              : compression == Compression::kGzip ? 1'032
                                                                  : 32'768;
    return static_cast<int64_t>(texts_[file]->to + 1) * expansion +
           static_cast<int64_t>(texts_[file]->raw_from);
  }
  const std::vector<Split>& splits() const override { return splits_; }
  const std::vector<ParquetFile>* parquet_files() const override {
    return facts_->options.format == FileFormat::kParquet ? &parquet_ : nullptr;
  }

  columnar::Position end_position() const override {
    SourcePosition position = kept_;
    for (const auto& file : texts_) {
      std::lock_guard lock(file->mutex);
      FileProgress progress = file->progress;
      for (size_t i = 0; i + 1 < file->bounds.size(); ++i) progress.records += file->records[i];
      position[file->listed.name] = progress;
    }
    return WritePosition(position);
  }

  Result<std::unique_ptr<columnar::SplitReader>> Open(size_t split,
                                                      const std::vector<uint64_t>& columns,
                                                      columnar::UnparsedRows* unparsed) override {
    if (split >= split_files_.size()) return Error::Bug("no such split");
    const auto& [file, number] = split_files_[split];
    for (const uint64_t column : columns) {
      const bool origin = column >= columnar::kOriginColumnBase &&
                          column < columnar::kOriginColumnBase + columnar::kOriginColumnCount;
      if (!origin && column >= facts_->schema.fields.size()) return Error::Bug("no such column");
    }
    return OpenTextSplit(texts_[file], number, columns, facts_->options, pool_, unparsed);
  }

  Result<std::string> ReadRaw(const Origin& origin, size_t max_bytes) override {
    if (origin.file < 0 || static_cast<size_t>(origin.file) >= texts_.size()) {
      return Error::Bug("no such file");
    }
    TextFile& file = *texts_[static_cast<size_t>(origin.file)];
    const auto offset = static_cast<uint64_t>(origin.offset);
    std::string raw(std::min<size_t>(max_bytes, static_cast<size_t>(origin.length)), '\0');
    if (file.compression == Compression::kNone) {
      if (offset + raw.size() > file.to) return Error::Bug("the row lies behind the file's end");
      WEIR_RETURN_IF_ERROR(file.bytes->ReadAt(offset, raw.data(), raw.size()));
      return raw;
    }
    // Rows are asked for in order, mostly: go on from where the last one was found.
    std::lock_guard lock(raw_mutex_);
    if (raw_file_ != origin.file || offset < raw_position_) {
      WEIR_ASSIGN_OR_RETURN(raw_stream_,
                            OpenStream(file.bytes, file.compression, file.from, file.to));
      raw_file_ = origin.file;
      raw_position_ = file.raw_from;
    }
    std::string skipped(64 << 10, '\0');
    while (raw_position_ < offset) {
      const size_t n =
          static_cast<size_t>(std::min<uint64_t>(skipped.size(), offset - raw_position_));
      WEIR_ASSIGN_OR_RETURN(const size_t got, raw_stream_->Read(skipped.data(), n));
      if (got == 0) return Error::Bug("the row lies behind the file's end");
      raw_position_ += got;
    }
    size_t have = 0;
    while (have < raw.size()) {
      WEIR_ASSIGN_OR_RETURN(const size_t got,
                            raw_stream_->Read(raw.data() + have, raw.size() - have));
      if (got == 0) break;
      have += got;
      raw_position_ += got;
    }
    raw.resize(have);
    return raw;
  }

  std::optional<int64_t> LineOf(const Origin& origin) override {
    if (origin.file < 0 || static_cast<size_t>(origin.file) >= texts_.size()) return std::nullopt;
    const TextFile& file = *texts_[static_cast<size_t>(origin.file)];
    const auto offset = static_cast<uint64_t>(origin.offset);
    const uint64_t most =
        file.compression == Compression::kNone ? kCountedBytesMax : kCountedBytesMax / 8;
    if (offset > most || file.listed.name.find("://") != std::string::npos) return std::nullopt;
    // Rows are asked for in order, mostly: go on from the last one.
    std::lock_guard lock(lines_mutex_);
    if (!lines_stream_ || lines_file_ != origin.file || offset < lines_position_) {
      auto stream = OpenStream(file.bytes, file.compression, 0, file.to);
      if (!stream.ok()) return std::nullopt;
      lines_stream_ = std::move(stream).value();
      lines_file_ = origin.file;
      lines_position_ = 0;
      lines_before_ = 0;
    }
    std::string piece(256 << 10, '\0');
    while (lines_position_ < offset) {
      const auto n =
          static_cast<size_t>(std::min<uint64_t>(piece.size(), offset - lines_position_));
      auto got = lines_stream_->Read(piece.data(), n);
      if (!got.ok() || *got == 0) {
        lines_stream_.reset();
        return std::nullopt;
      }
      lines_before_ += std::count(piece.data(), piece.data() + *got, '\n');
      lines_position_ += *got;
    }
    return lines_before_ + 1;
  }

  Status Plan(columnar::Engine& engine, const ScanRequest& request);

 private:
  Status AddFile(columnar::Engine& engine, const ListedFile& listed, const FileProgress* before,
                 const ScanRequest& request);
  Status AddText(columnar::Engine& engine, const ListedFile& listed,
                 const std::shared_ptr<FileBytes>& bytes, const FileProgress* grown_from,
                 uint64_t line_end);
  Status AddParquet(columnar::Engine& engine, const ListedFile& listed,
                    const std::shared_ptr<FileBytes>& bytes);
  Status DecideLastLine(columnar::Engine& engine, const std::shared_ptr<FileBytes>& bytes,
                        TextFile* file, uint64_t first, uint64_t* size);
  void CutSplits(const std::shared_ptr<TextFile>& file, uint64_t first);

  const std::shared_ptr<const FileSourceFacts> facts_;
  SourceChanges changes_;
  SourcePosition kept_;  // files that this scan does not read, and Parquet files
  std::vector<std::string> names_;
  std::vector<std::shared_ptr<TextFile>> texts_;
  std::vector<ParquetFile> parquet_;
  std::vector<Split> splits_;
  std::vector<std::pair<size_t, size_t>> split_files_;  // position in texts_, split of the file
  const std::shared_ptr<BlockPool> pool_ = std::make_shared<BlockPool>();

  std::mutex lines_mutex_;  // guards the four below
  std::unique_ptr<columnar::ByteReader> lines_stream_;
  int32_t lines_file_ = -1;
  uint64_t lines_position_ = 0;
  int64_t lines_before_ = 0;
  std::mutex raw_mutex_;  // guards the three below
  std::unique_ptr<columnar::ByteReader> raw_stream_;
  int32_t raw_file_ = -1;
  uint64_t raw_position_ = 0;
};

Status FileScan::Plan(columnar::Engine& engine, const ScanRequest& request) {
  WEIR_ASSIGN_OR_RETURN(const SourcePosition recorded, ParsePosition(request.from));
  // Names were once kept as the pattern spelled them. Of two that mean one file the longer counts.
  SourcePosition before;
  for (const auto& [name, progress] : recorded) {
    FileProgress& known = before[PlainName(name)];
    if (progress.read >= known.read) known = progress;
  }
  WEIR_ASSIGN_OR_RETURN(const std::vector<ListedFile> listed,
                        ListSourceFiles(engine, facts_->options.path, facts_->base_folder,
                                        facts_->options.hive_partitions));
  if (listed.empty() && before.empty()) return NoFiles(engine, *facts_);
  kept_ = before;
  for (const ListedFile& file : listed) {
    const auto found = before.find(file.name);
    WEIR_RETURN_IF_ERROR(
        AddFile(engine, file, found == before.end() ? nullptr : &found->second, request));
  }
  for (const auto& [name, progress] : before) {
    const bool there = std::any_of(listed.begin(), listed.end(),
                                   [&name = name](const auto& file) { return file.name == name; });
    if (!there) changes_.deleted_files.push_back(name);
  }
  return Status::Ok();
}

Status FileScan::AddFile(columnar::Engine& engine, const ListedFile& listed,
                         const FileProgress* before, const ScanRequest& request) {
  WEIR_ASSIGN_OR_RETURN(const auto bytes, FileBytes::Open(engine, listed.path, listed.name));
  const FileOptions& options = facts_->options;
  FileState state = FileState::kGrown;
  std::optional<uint64_t> line_end = 0;
  if (before != nullptr) {
    WEIR_ASSIGN_OR_RETURN(state, CompareFile(*bytes, *before));
    std::string why = "was rewritten since it was read";
    if (state == FileState::kGrown) {
      if (options.format == FileFormat::kParquet) {
        state = FileState::kRewritten;
      } else {
        WEIR_ASSIGN_OR_RETURN(line_end,
                              LineEndBehind(bytes, CompressionFor(options, listed), *before));
        WEIR_ASSIGN_OR_RETURN(const TextHead head,
                              ReadTextHead(bytes, CompressionFor(options, listed), options, 0));
        if (head.json_array) {
          state = FileState::kRewritten;
          why = "is a JSON array and has changed since it was read";
        } else if (!line_end) {
          state = FileState::kRewritten;
          why = fmt::format(
              "goes on in the line that was the last one, and complete, when it was read (byte {})",
              before->read);
        }
      }
    }
    if (state == FileState::kUnchanged) {
      ++changes_.unchanged_files;
      return Status::Ok();
    }
    if (state == FileState::kRewritten) {
      if (!request.ignore_rewritten && !options.reprocess_rewritten) {
        return Error::User(ErrorCode::kConflict, listed.name + " " + why)
            .At(facts_->name)
            .Fix(
                "restore the file, or give new data a new name; with 'source.rewritten' = "
                "'reprocess' tables are computed again from the files as they are now");
      }
      changes_.rewritten_files.push_back(listed.name);
      before = nullptr;
    }
  }
  if (options.format == FileFormat::kParquet) {
    if (state != FileState::kRewritten) ++changes_.new_files;
    return AddParquet(engine, listed, bytes);
  }
  const size_t texts = texts_.size();
  WEIR_RETURN_IF_ERROR(AddText(engine, listed, bytes, before, line_end.value_or(0)));
  if (state == FileState::kRewritten) return Status::Ok();
  if (texts_.size() == texts) {
    ++changes_.unchanged_files;
  } else {
    ++(before != nullptr ? changes_.grown_files : changes_.new_files);
  }
  return Status::Ok();
}

Status FileScan::AddParquet(columnar::Engine& engine, const ListedFile& listed,
                            const std::shared_ptr<FileBytes>& bytes) {
  WEIR_RETURN_IF_ERROR(CheckParquetFile(*bytes));
  WEIR_ASSIGN_OR_RETURN(const columnar::Schema columns, ParquetSchema(engine, listed));
  TextHead head;
  for (const columnar::Field& field : columns.fields) head.header.push_back(field.name);
  TextFile matched;  // DuckDB matches the columns itself; here for what does not match
  matched.listed = listed;
  matched.bytes = bytes;
  WEIR_RETURN_IF_ERROR(MatchColumns(*facts_, head, &matched, &changes_.schema_changes));
  ParquetFile file;
  file.path = listed.path;
  file.size = bytes->size();
  // Of a folder named twice the first counts, as for text.
  for (const auto& [key, value] : listed.partitions) file.constants.emplace(key, value);
  for (const columnar::MetadataColumn& column : facts_->metadata) {
    WEIR_ASSIGN_OR_RETURN(const duckdb::Value value, MetadataValue(column, listed, *bytes));
    file.constants[column.name] =
        value.IsNull() ? std::nullopt : std::optional<std::string>(value.ToString());
  }
  FileProgress progress;
  progress.read = progress.raw = bytes->size();
  WEIR_ASSIGN_OR_RETURN(progress.head, HashHead(*bytes, progress.read));
  WEIR_ASSIGN_OR_RETURN(progress.tail, HashTail(*bytes, progress.read));
  kept_[listed.name] = progress;
  names_.push_back(listed.name);
  parquet_.push_back(std::move(file));
  return Status::Ok();
}

// A last record without its end: is it complete, or is somebody still writing it? `first` is where
// reading will begin.
Status FileScan::DecideLastLine(columnar::Engine& engine, const std::shared_ptr<FileBytes>& bytes,
                                TextFile* file, uint64_t first, uint64_t* size) {
  file->take_last_line = true;
  const LastLine rule = facts_->options.last_line;
  if (file->compression != Compression::kNone || *size == file->from || file->json_array ||
      rule == LastLine::kComplete) {
    return Status::Ok();
  }
  const int64_t age = engine.env().NowMicros() - bytes->modified_us();
  // An object in a store is complete.
  const bool settled = bytes->modified_us() == 0 || age >= kSettledMicros;
  if (rule == LastLine::kAuto && settled) return Status::Ok();
  char end;
  WEIR_RETURN_IF_ERROR(bytes->ReadAt(*size - 1, &end, 1));
  // Is there a record's end at all behind what was read? If not there is nothing to read yet.
  uint64_t at = *size;
  if (facts_->options.format == FileFormat::kCsv && facts_->options.csv.quote) {
    WEIR_ASSIGN_OR_RETURN(const std::optional<uint64_t> unfinished,
                          UnfinishedRecord(bytes, facts_->options, first, *size));
    const bool header_unfinished = first > *size;
    if (!unfinished && !header_unfinished) return Status::Ok();
    at = unfinished.value_or(file->from);
    if (at == first && file->from > 0) at = file->from;
  } else {
    if (end == '\n') return Status::Ok();
    char piece[4096];
    while (at > file->from) {
      const auto n = static_cast<size_t>(std::min<uint64_t>(sizeof(piece), at - file->from));
      WEIR_RETURN_IF_ERROR(bytes->ReadAt(at - n, piece, n));
      const void* newline = memrchr(piece, '\n', n);
      if (newline != nullptr) {
        at = at - n + static_cast<uint64_t>(static_cast<const char*>(newline) - piece) + 1;
        break;
      }
      at -= n;
    }
  }
  if (rule == LastLine::kAuto) {
    engine.env().SleepMicros(kSettledMicros - std::max<int64_t>(age, 0));
    WEIR_ASSIGN_OR_RETURN(const auto later,
                          FileBytes::Open(engine, file->listed.path, file->listed.name));
    if (later->size() == *size && later->modified_us() == bytes->modified_us()) {
      return Status::Ok();
    }
  }
  file->take_last_line = false;
  changes_.notes.push_back(fmt::format(
      "{}: {} bytes from byte {} on are left for the next run: the last line has no {} {}",
      file->listed.name, *size - at, at, end == '\n' ? "closing quote" : "line end",
      rule == LastLine::kWait ? "('source.last-line' = 'wait')" : "and the file is being written"));
  if (at == file->from) *size = at;
  return Status::Ok();
}

void FileScan::CutSplits(const std::shared_ptr<TextFile>& file, uint64_t first) {
  file->bounds.push_back(first);
  if (file->compression == Compression::kNone && !file->json_array) {
    uint64_t bytes = facts_->options.split_bytes;
    if (bytes == 0) {
      bytes = duckdb::FileSystem::IsRemoteFile(file->listed.path) ? kRemoteSplitBytes : kSplitBytes;
    }
    while (file->bounds.back() + bytes < file->to)
      file->bounds.push_back(file->bounds.back() + bytes);
  }
  file->bounds.push_back(std::max(file->to, first));
  const size_t count = file->bounds.size() - 1;
  file->chain = std::make_unique<SplitChain>(count, first);
  file->records = std::make_unique<std::atomic<uint64_t>[]>(count);
  for (size_t i = 0; i < count; ++i) {
    Split split;
    const bool whole = file->compression != Compression::kNone;
    split.name =
        whole ? file->listed.name
              : fmt::format("{}[{},{})", file->listed.name, file->bounds[i], file->bounds[i + 1]);
    split.bytes = whole ? file->to - file->from : file->bounds[i + 1] - file->bounds[i];
    splits_.push_back(std::move(split));
    split_files_.emplace_back(texts_.size(), i);
  }
}

Status FileScan::AddText(columnar::Engine& engine, const ListedFile& listed,
                         const std::shared_ptr<FileBytes>& bytes, const FileProgress* grown_from,
                         uint64_t line_end) {
  auto file = std::make_shared<TextFile>();
  file->listed = listed;
  file->bytes = bytes;
  file->compression = CompressionFor(facts_->options, listed);
  WEIR_ASSIGN_OR_RETURN(const TextHead head,
                        ReadTextHead(bytes, file->compression, facts_->options, 0));
  file->json_array = head.json_array;
  file->data_start = head.data_start;
  if (grown_from != nullptr) {
    file->from = grown_from->read;
    file->raw_from = grown_from->raw;
    file->progress = *grown_from;
  }
  WEIR_RETURN_IF_ERROR(MatchColumns(*facts_, head, file.get(),
                                    grown_from == nullptr ? &changes_.schema_changes : nullptr));
  uint64_t size = bytes->size();
  const uint64_t begin = std::max(file->raw_from + line_end, file->data_start);
  WEIR_RETURN_IF_ERROR(DecideLastLine(engine, bytes, file.get(), begin, &size));
  file->to = size;
  if (grown_from != nullptr && size == file->from) return Status::Ok();
  // Until it has been read, the position says that nothing of it was.
  file->ordinal = static_cast<int32_t>(texts_.size());
  const bool plain = file->compression == Compression::kNone;
  CutSplits(file, plain ? std::min(begin, size) : begin);
  names_.push_back(listed.name);
  texts_.push_back(std::move(file));
  return Status::Ok();
}

}  // namespace

Error NoFiles(columnar::Engine& engine, const FileSourceFacts& facts) {
  const std::string& pattern = facts.options.path;
  // The first name with a wildcard is looked for in the folder before it.
  std::string folder = ParentPath(pattern.substr(0, pattern.find_first_of("*?[{")) + "x");
  if (pattern.find("://") == std::string::npos) {
    folder = folder == "." ? facts.base_folder : JoinPath(facts.base_folder, folder);
  }
  std::string there;
  const auto entries = engine.env().ListDir(folder);
  if (entries.ok()) {
    size_t shown = 0;
    for (const FileInfo& entry : *entries) {
      if (entry.path.starts_with('.')) continue;
      if (++shown > 5) {
        there += ", …";
        break;
      }
      there += (shown > 1 ? ", " : "") + entry.path;
    }
    there = there.empty() ? folder + " is empty" : folder + " holds " + there;
  } else {
    there = "there is no folder " + folder;
  }
  return Error::User(ErrorCode::kNotFound, fmt::format("no file matches 'path' = '{}'", pattern))
      .At(facts.name)
      .Fix(there);
}

Status CheckParquetFile(FileBytes& file) {
  const auto broken = [&](const std::string& why) {
    return Error::User(ErrorCode::kCorrupt, file.name() + " is not a whole Parquet file: " + why)
        .Fix("copy the file again, or take it out of the source's path");
  };
  if (file.size() < 12) return broken(fmt::format("it has {} bytes", file.size()));
  char begin[4];
  char end[8];
  WEIR_RETURN_IF_ERROR(file.ReadAt(0, begin, sizeof(begin)));
  WEIR_RETURN_IF_ERROR(file.ReadAt(file.size() - sizeof(end), end, sizeof(end)));
  if (std::memcmp(begin, "PARE", 4) == 0) return broken("it is encrypted");
  if (std::memcmp(begin, "PAR1", 4) != 0) return broken("it does not begin with 'PAR1'");
  if (std::memcmp(end + 4, "PAR1", 4) != 0) {
    return broken(
        fmt::format("it has {} bytes and does not end with 'PAR1': it was cut off", file.size()));
  }
  uint32_t footer;
  std::memcpy(&footer, end, sizeof(footer));
  if (footer + uint64_t{12} > file.size()) return broken("its footer is longer than the file");
  return Status::Ok();
}

Result<std::unique_ptr<columnar::SourceScan>> PlanFileScan(
    columnar::Engine& engine, const std::shared_ptr<const FileSourceFacts>& facts,
    const ScanRequest& request) {
  auto scan = std::make_unique<FileScan>(facts);
  WEIR_RETURN_IF_ERROR(scan->Plan(engine, request));
  return scan;
}

}  // namespace weir::connect
