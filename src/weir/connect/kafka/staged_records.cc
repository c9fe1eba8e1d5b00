#include "weir/connect/kafka/staged_records.h"

#include <algorithm>

#include "weir/base/byte_codec.h"
#include "weir/base/checksum.h"

namespace weir::connect {

namespace {

constexpr std::string_view kMagic = "weirrec1";
constexpr std::string_view kEndMagic = "1cerriew";
constexpr size_t kBlockBytes = size_t{64} << 10;  // aimed at; a large record has a block alone
// In front of a block: how many bytes follow, and their checksum, seeded with the block's offset so
// that a block in a wrong place is found out.
constexpr size_t kBlockHeaderBytes = 4 + 8;
constexpr size_t kTrailerBytes = 8 + 8 + 8;  // index offset, its checksum, end magic

constexpr uint8_t kHasKey = 1;
constexpr uint8_t kHasValue = 2;
constexpr uint8_t kHasTimestamp = 4;
constexpr uint8_t kHasHeaders = 8;

void Encode(const StagedRecord& record, ByteWriter* out) {
  out->Signed(record.order_major);
  out->Signed(record.order_minor);
  out->U8(static_cast<uint8_t>((record.key ? kHasKey : 0) | (record.value ? kHasValue : 0) |
                               (record.timestamp_ms ? kHasTimestamp : 0) |
                               (record.headers.empty() ? 0 : kHasHeaders)));
  if (record.key) out->String(*record.key);
  if (record.value) out->String(*record.value);
  if (record.timestamp_ms) out->Signed(*record.timestamp_ms);
  if (record.headers.empty()) return;
  out->Varint(record.headers.size());
  for (const StagedHeader& header : record.headers) {
    out->String(header.name);
    out->U8(header.value ? 1 : 0);
    if (header.value) out->String(*header.value);
  }
}

// False: not a record.
bool Decode(ByteReader& in, StagedRecord* record) {
  record->order_major = in.Signed();
  record->order_minor = in.Signed();
  const uint8_t flags = in.U8();
  if (flags >= 2 * kHasHeaders) return false;
  record->key.reset();
  record->value.reset();
  record->timestamp_ms.reset();
  record->headers.clear();
  if (flags & kHasKey) record->key = std::string(in.String());
  if (flags & kHasValue) record->value = std::string(in.String());
  if (flags & kHasTimestamp) record->timestamp_ms = in.Signed();
  if (flags & kHasHeaders) {
    const uint64_t count = in.Count(2);
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
      StagedHeader& header = record->headers.emplace_back();
      header.name = std::string(in.String());
      if (in.U8() != 0) header.value = std::string(in.String());
    }
  }
  return in.ok();
}

std::pair<int64_t, int64_t> PlaceOf(const StagedRecord& record) {
  return {record.order_major, record.order_minor};
}

}  // namespace

// --- writing ---

Status StagedRun::Add(const StagedRecord& record) {
  ByteWriter encoded;
  Encode(record, &encoded);
  if (encoded.bytes().size() > kStagedRecordBytesMax) {
    return Error::User(ErrorCode::kLimit, "a record of " + std::to_string(encoded.bytes().size()) +
                                              " bytes is too large for a topic")
        .Fix("keep large values in a table and their key in the topic");
  }
  const size_t begin = bytes_.size();
  bytes_ += encoded.bytes();
  entries_.push_back({record.order_major, record.order_minor, begin, bytes_.size()});
  return Status::Ok();
}

void StagedRun::Clear() {
  bytes_.clear();
  entries_.clear();
}

Result<std::unique_ptr<StagedFile>> StagedFile::Create(Env& env, const std::string& path) {
  std::unique_ptr<StagedFile> out(new StagedFile);
  WEIR_ASSIGN_OR_RETURN(out->file_, env.OpenFile(path, OpenMode::kCreateNew));
  WEIR_RETURN_IF_ERROR(out->Write(kMagic));
  return out;
}

Status StagedFile::Write(std::string_view bytes) {
  WEIR_RETURN_IF_ERROR(file_->WriteAt(size_, bytes.data(), bytes.size()));
  size_ += bytes.size();
  return Status::Ok();
}

Status StagedFile::Append(StagedRun& run) {
  if (run.empty()) return Status::Ok();
  std::stable_sort(run.entries_.begin(), run.entries_.end(),
                   [](const StagedRun::Entry& a, const StagedRun::Entry& b) {
                     return std::pair(a.major, a.minor) < std::pair(b.major, b.minor);
                   });
  std::lock_guard lock(mutex_);
  if (runs_.size() >= kStagedRunsMax) {
    return Error::User(ErrorCode::kLimit,
                       "the rows of one run are too many for one transaction of a topic")
        .Fix("read less at once, or give the run more --memory");
  }
  RunPlace place{size_, 0, run.entries_.size()};
  std::string block;
  for (size_t i = 0; i < run.entries_.size(); ++i) {
    const StagedRun::Entry& entry = run.entries_[i];
    block.append(run.bytes_, entry.begin, entry.end - entry.begin);
    const bool last = i + 1 == run.entries_.size();
    if (!last &&
        block.size() + (run.entries_[i + 1].end - run.entries_[i + 1].begin) <= kBlockBytes) {
      continue;
    }
    ByteWriter header;
    header.U32(static_cast<uint32_t>(block.size()));
    header.U64(Xxh3(block, size_));
    WEIR_RETURN_IF_ERROR(Write(header.bytes() + block));
    block.clear();
  }
  place.bytes = size_ - place.offset;
  runs_.push_back(place);
  return Status::Ok();
}

Result<StagedTotals> StagedFile::Finish() {
  std::lock_guard lock(mutex_);
  StagedTotals totals;
  ByteWriter index;
  index.Varint(runs_.size());
  for (const RunPlace& run : runs_) {
    index.Varint(run.offset);
    index.Varint(run.bytes);
    index.Varint(run.records);
    totals.records += static_cast<int64_t>(run.records);
  }
  totals.checksum = Xxh3(index.bytes(), size_);
  ByteWriter trailer;
  trailer.U64(size_);
  trailer.U64(totals.checksum);
  WEIR_RETURN_IF_ERROR(Write(index.bytes() + trailer.bytes() + std::string(kEndMagic)));
  WEIR_RETURN_IF_ERROR(file_->Sync());
  file_.reset();
  totals.bytes = size_;
  return totals;
}

// --- reading ---

// Where one run is read.
struct StagedReader::Cursor {
  size_t run = 0;
  uint64_t offset = 0;  // of the next block
  uint64_t end = 0;
  uint64_t records_left = 0;
  std::string block;
  ByteReader rest{""};
  StagedRecord record;  // the next one

  // For a heap whose top is the least.
  static bool Later(const Cursor* a, const Cursor* b) {
    const auto place_a = PlaceOf(a->record);
    const auto place_b = PlaceOf(b->record);
    return place_a != place_b ? place_a > place_b : a->run > b->run;
  }
};

StagedReader::~StagedReader() = default;

Error StagedReader::Damaged(const std::string& what) const {
  return Error::Operator(ErrorCode::kCorrupt, "staged records are damaged: " + what)
      .At(path_)
      .Fix("put the file back from a copy, or give the epoch up: weir flow resolve --discard");
}

Result<std::unique_ptr<StagedReader>> StagedReader::Open(
    Env& env, const std::string& path, const std::optional<StagedTotals>& expected) {
  std::unique_ptr<StagedReader> out(new StagedReader);
  out->path_ = path;
  WEIR_ASSIGN_OR_RETURN(out->file_, env.OpenFile(path, OpenMode::kRead));
  WEIR_ASSIGN_OR_RETURN(const uint64_t size, out->file_->Size());
  if (size < kMagic.size() + kTrailerBytes) return out->Damaged("the file is too short");
  const auto read = [&](uint64_t offset, uint64_t bytes) -> Result<std::string> {
    std::string text(bytes, '\0');
    WEIR_ASSIGN_OR_RETURN(const size_t got, out->file_->ReadAt(offset, text.data(), bytes));
    if (got != bytes) return out->Damaged("it ends early");
    return text;
  };
  WEIR_ASSIGN_OR_RETURN(const std::string magic, read(0, kMagic.size()));
  WEIR_ASSIGN_OR_RETURN(const std::string trailer, read(size - kTrailerBytes, kTrailerBytes));
  if (magic != kMagic) return out->Damaged("it does not begin as such a file does");
  ByteReader fields(trailer);
  const uint64_t index_offset = fields.U64();
  const uint64_t checksum = fields.U64();
  if (fields.Raw(kEndMagic.size()) != kEndMagic || index_offset < kMagic.size() ||
      index_offset > size - kTrailerBytes) {
    return out->Damaged("it does not end as such a file does");
  }
  const uint64_t index_bytes = size - kTrailerBytes - index_offset;
  if (index_bytes > kStagedRunsMax * 32) return out->Damaged("its index is too large");
  WEIR_ASSIGN_OR_RETURN(const std::string index, read(index_offset, index_bytes));
  if (Xxh3(index, index_offset) != checksum) return out->Damaged("its index");
  ByteReader in(index);
  const uint64_t runs = in.Count(3);
  uint64_t at = kMagic.size();
  for (uint64_t i = 0; i < runs && in.ok(); ++i) {
    auto cursor = std::make_unique<Cursor>();
    cursor->run = i;
    cursor->offset = in.Varint();
    const uint64_t bytes = in.Varint();
    cursor->records_left = in.Varint();
    // Runs follow one another without a gap.
    if (!in.ok() || cursor->offset != at || bytes > index_offset - at ||
        cursor->records_left > bytes) {
      return out->Damaged("its index");
    }
    at += bytes;
    cursor->end = at;
    out->records_ += static_cast<int64_t>(cursor->records_left);
    out->cursors_.push_back(std::move(cursor));
  }
  if (!in.ok() || !in.done() || at != index_offset) return out->Damaged("its index");
  if (expected && (expected->bytes != size || expected->checksum != checksum ||
                   expected->records != out->records_)) {
    return out->Damaged("it is not the file that was prepared");
  }
  for (auto& cursor : out->cursors_) {
    WEIR_RETURN_IF_ERROR(out->Advance(*cursor));
    if (cursor->records_left > 0) out->heap_.push_back(cursor.get());
  }
  std::make_heap(out->heap_.begin(), out->heap_.end(), Cursor::Later);
  return out;
}

// Reads the cursor's next record; at the end records_left is 0.
Status StagedReader::Advance(Cursor& cursor) {
  if (cursor.records_left == 0) return Status::Ok();
  if (cursor.rest.done()) {
    if (cursor.offset + kBlockHeaderBytes > cursor.end) return Damaged("a run ends early");
    char header[kBlockHeaderBytes];
    WEIR_ASSIGN_OR_RETURN(size_t got, file_->ReadAt(cursor.offset, header, sizeof header));
    ByteReader fields(std::string_view(header, got));
    const uint64_t bytes = fields.U32();
    const uint64_t checksum = fields.U64();
    if (!fields.ok() || bytes == 0 || bytes > cursor.end - cursor.offset - kBlockHeaderBytes) {
      return Damaged("a block at " + std::to_string(cursor.offset));
    }
    cursor.block.resize(bytes);
    WEIR_ASSIGN_OR_RETURN(
        got, file_->ReadAt(cursor.offset + kBlockHeaderBytes, cursor.block.data(), bytes));
    if (got != bytes || Xxh3(cursor.block, cursor.offset) != checksum) {
      return Damaged("a block at " + std::to_string(cursor.offset));
    }
    cursor.offset += kBlockHeaderBytes + bytes;
    cursor.rest = ByteReader(cursor.block);
  }
  if (!Decode(cursor.rest, &cursor.record)) {
    return Damaged("a record before " + std::to_string(cursor.offset));
  }
  return Status::Ok();
}

Result<bool> StagedReader::Next(StagedRecord* record) {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Cursor::Later);
  Cursor& cursor = *heap_.back();
  std::swap(*record, cursor.record);
  --cursor.records_left;
  const auto before = PlaceOf(*record);
  WEIR_RETURN_IF_ERROR(Advance(cursor));
  if (cursor.records_left == 0) {
    if (!cursor.rest.done() || cursor.offset != cursor.end) return Damaged("a run is too long");
    cursor.block = std::string();
    heap_.pop_back();
    return true;
  }
  if (PlaceOf(cursor.record) < before) return Damaged("records out of order");
  std::push_heap(heap_.begin(), heap_.end(), Cursor::Later);
  return true;
}

}  // namespace weir::connect
