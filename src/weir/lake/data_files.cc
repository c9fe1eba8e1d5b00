#include "weir/lake/data_files.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/hash.hpp"
#include "duckdb/common/types/selection_vector.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/ports.h"
#include "weir/lake/file_stats.h"
#include "weir/lake/paths.h"
#include "weir/lake/row_order.h"

namespace weir::lake {
namespace {

// Rows are gathered before they are sorted by partition, unless there are few partitions: with 84 a
// chunk holds 24 rows of each, and handing on so few costs more than copying all of them once.
constexpr size_t kDirectPartitionsMax = 10;
constexpr size_t kGatherRowsMax = 65'536;
constexpr uint64_t kGatheredRowBytes = 256;  // a guess, to stay within little memory

// Memory is looked at once in this many chunks.
constexpr int kMemoryCheckChunks = 8;

// A buffer takes memory for a whole vector of each column with its first row, in blocks of
// DuckDB's; it should hold some of these before it is written out.
constexpr uint64_t kBlockBytes = 256 << 10;
constexpr uint64_t kBufferFills = 4;
constexpr size_t kBuffersMin = 4;
// An open file, measured: 10 kB, half a kilobyte a column, and 1.8 kB a column for each row group.
constexpr uint64_t kOpenFileBytes = 10 << 10;
constexpr uint64_t kOpenFileColumnBytes = 4 << 10;
constexpr size_t kOpenFilesMin = 16;
constexpr size_t kOpenFilesMax = 400;  // far from the number of open files that systems allow

// Rows that are put aside are split by partition this many ways at most, and again if need be.
constexpr size_t kSpoolBucketsMax = 16;
constexpr int kSpoolLevelsMax = 6;

// What the first row of a buffer takes.
uint64_t VectorBytes(const duckdb::LogicalType& type) {
  uint64_t bytes = STANDARD_VECTOR_SIZE / 8;
  if (type.id() == duckdb::LogicalTypeId::STRUCT) {
    for (const auto& child : duckdb::StructType::GetChildTypes(type)) {
      bytes += VectorBytes(child.second);
    }
    return bytes;
  }
  bytes += STANDARD_VECTOR_SIZE * duckdb::GetTypeIdSize(type.InternalType());
  if (type.InternalType() == duckdb::PhysicalType::LIST) {
    bytes += VectorBytes(duckdb::ListType::GetChildType(type));
  }
  return bytes;
}

// Rows put aside, by the hash of their partition.
struct SpoolBucket {
  duckdb::unique_ptr<duckdb::ColumnDataCollection> rows;
  duckdb::ColumnDataAppendState append;
  std::unordered_set<duckdb::hash_t> partitions;
  std::vector<duckdb::sel_t> selected;  // of the chunk that is appended now
};
struct Spool {
  int level = 0;
  std::vector<SpoolBucket> buckets;
};

std::vector<size_t> Positions(const columnar::Schema& schema, const std::vector<std::string>& names,
                              bool inside) {
  std::vector<size_t> out;
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    const bool found = std::find(names.begin(), names.end(), schema.fields[i].name) != names.end();
    if (found == inside) out.push_back(i);
  }
  return out;
}

}  // namespace

// A thread's way into the files: sorts the rows of each chunk by partition and hands them to the
// Locals it holds, one a partition.
class PartitionWriter : public DataFiles::Writer {
 public:
  PartitionWriter(DataFiles& files, duckdb::ClientContext& context)
      : files_(files),
        context_(context),
        key_columns_(Positions(files.options_.schema, files.options_.partition_columns, true)),
        file_columns_(Positions(files.options_.schema, files.options_.partition_columns, false)) {
    files_.writers_ += 1;
    const size_t columns = files.options_.schema.fields.size();
    for (size_t i = 0; i < columns; ++i) {
      if (!files.options_.schema.fields[i].nullable) required_columns_.push_back(i);
    }
    for (int i = 0; files.options_.keep_order && i < columnar::kOrderColumnCount; ++i) {
      file_columns_.push_back(columns + static_cast<size_t>(i));
    }
    file_chunk_.InitializeEmpty(files.file_schema_.Types());
    if (key_columns_.empty()) return;
    chunk_types_ = files.options_.schema.Types();
    if (files.options_.keep_order) {
      chunk_types_.resize(chunk_types_.size() + columnar::kOrderColumnCount,
                          duckdb::LogicalType::BIGINT);
    }
    // Several chunks at least: one alone would be handed on as it is.
    gather_rows_ = std::clamp<size_t>(files.options_.memory_bytes / 8 / kGatheredRowBytes,
                                      4 * STANDARD_VECTOR_SIZE, kGatherRowsMax);
    gathered_.Initialize(duckdb::Allocator::DefaultAllocator(), chunk_types_, gather_rows_);
    spool_chunk_.InitializeEmpty(chunk_types_);
    leader_.Initialize(gather_rows_);
    equal_rows_.Initialize(gather_rows_);
  }

  ~PartitionWriter() override {
    if (!finished_) files_.writers_ -= 1;
  }

  Status Write(duckdb::DataChunk& chunk) override {
    if (chunk.size() == 0) return Status();
    return columnar::CatchDuckDB([&]() -> Status {
      WEIR_RETURN_IF_ERROR(CheckRequired(chunk));
      if (key_columns_.empty()) {
        WEIR_ASSIGN_OR_RETURN(Slot * slot, FindSlot({}));
        for (size_t i = 0; i < file_columns_.size(); ++i) {
          file_chunk_.data[i].Reference(chunk.data[file_columns_[i]]);
        }
        file_chunk_.SetCardinality(chunk.size());
        WEIR_RETURN_IF_ERROR(WriteRows(*slot, file_chunk_));
        return ++chunks_ % kMemoryCheckChunks == 0 ? KeepMemory() : Status();
      }
      if (spool_) return Put(*spool_, chunk);
      if (slots_.size() <= kDirectPartitionsMax && gathered_.size() == 0) {
        WEIR_RETURN_IF_ERROR(WritePartitioned(chunk));
        return ++chunks_ % kMemoryCheckChunks == 0 ? KeepMemory() : Status();
      }
      return Gather(chunk);
    });
  }

  Status Finish() override {
    finished_ = true;
    Status first = columnar::CatchDuckDB([&]() -> Status {
      WEIR_RETURN_IF_ERROR(WriteGathered());
      if (!spool_) return Status();
      draining_ = true;
      Spool spool = std::move(*spool_);
      spool_.reset();
      return Drain(spool);
    });
    for (auto& [values, slot] : slots_) {
      Status status = ReleaseSlot(*slot);
      if (first.ok()) first = std::move(status);
    }
    files_.writers_ -= 1;
    return first;
  }

 private:
  struct Slot {
    DataFiles::Partition* partition = nullptr;
    DataFiles::Lease lease;
    uint64_t last_chunk = 0;
  };
  struct Group {
    Slot* slot = nullptr;
    size_t first_row = 0;
    std::vector<duckdb::sel_t> rows;
  };

  Status CheckRequired(duckdb::DataChunk& chunk) {
    for (const size_t column : required_columns_) {
      duckdb::UnifiedVectorFormat format;
      chunk.data[column].ToUnifiedFormat(chunk.size(), format);
      if (format.validity.AllValid()) continue;
      for (size_t row = 0; row < chunk.size(); ++row) {
        if (!format.validity.RowIsValid(format.sel->get_index(row))) {
          return Error::Data(ErrorCode::kContract, "NULL in column '" +
                                                       files_.options_.schema.fields[column].name +
                                                       "', which is NOT NULL")
              .At(files_.options_.table);
        }
      }
    }
    return Status();
  }

  Result<Slot*> FindSlot(PartitionValues values) {
    const auto found = slots_.find(values);
    if (found != slots_.end()) return found->second.get();
    auto slot = std::make_unique<Slot>();
    WEIR_ASSIGN_OR_RETURN(slot->partition, files_.FindPartition(values));
    Slot* out = slot.get();
    slots_.emplace(std::move(values), std::move(slot));
    return out;
  }

  // The slot for the partition values in this row.
  Result<Slot*> SlotOfRow(duckdb::DataChunk& chunk, size_t row) {
    PartitionValues values;
    for (const size_t column : key_columns_) {
      const auto& field = files_.options_.schema.fields[column];
      WEIR_ASSIGN_OR_RETURN(auto text, PartitionText(chunk.GetValue(column, row)));
      if (!text && !field.nullable) {
        return Error::Data(ErrorCode::kContract,
                           "an empty string in partition column '" + field.name +
                               "', which is NOT NULL (Delta stores it as NULL)")
            .At(files_.options_.table);
      }
      values[field.name] = std::move(text);
    }
    return FindSlot(std::move(values));
  }

  Status Gather(duckdb::DataChunk& chunk) {
    if (gathered_.size() + chunk.size() > gather_rows_) WEIR_RETURN_IF_ERROR(WriteGathered());
    // The rows before may have been too many partitions.
    if (spool_) return Put(*spool_, chunk);
    gathered_.Append(chunk);
    return Status();
  }

  Status WriteGathered() {
    if (gathered_.size() == 0) return Status();
    WEIR_RETURN_IF_ERROR(WritePartitioned(gathered_));
    gathered_.Reset();
    chunks_ += 1;
    return KeepMemory();
  }

  duckdb::Vector HashesOf(duckdb::DataChunk& chunk) const {
    const size_t rows = chunk.size();
    duckdb::Vector hashes(duckdb::LogicalType::HASH, rows);
    duckdb::VectorOperations::Hash(chunk.data[key_columns_[0]], hashes, rows);
    for (size_t i = 1; i < key_columns_.size(); ++i) {
      duckdb::VectorOperations::CombineHash(hashes, chunk.data[key_columns_[i]], rows);
    }
    hashes.Flatten(rows);
    return hashes;
  }

  Spool NewSpool(int level) const {
    Spool spool;
    spool.level = level;
    spool.buckets.resize(
        std::clamp<size_t>(files_.options_.buffers_max, size_t{2}, kSpoolBucketsMax));
    for (SpoolBucket& bucket : spool.buckets) {
      bucket.rows = duckdb::make_uniq<duckdb::ColumnDataCollection>(context_, chunk_types_);
      bucket.rows->InitializeAppend(bucket.append);
    }
    return spool;
  }

  // Puts the rows aside.
  Status Put(Spool& spool, duckdb::DataChunk& chunk) {
    duckdb::Vector hashes = HashesOf(chunk);
    const auto* hash = duckdb::FlatVector::GetData<duckdb::hash_t>(hashes);
    for (size_t row = 0; row < chunk.size(); ++row) {
      SpoolBucket& bucket = spool.buckets[(hash[row] >> (8 * spool.level)) % spool.buckets.size()];
      bucket.selected.push_back(static_cast<duckdb::sel_t>(row));
      if (row == 0 || hash[row] != hash[row - 1]) bucket.partitions.insert(hash[row]);
    }
    for (SpoolBucket& bucket : spool.buckets) {
      for (size_t at = 0; at < bucket.selected.size(); at += STANDARD_VECTOR_SIZE) {
        const size_t count = std::min<size_t>(bucket.selected.size() - at, STANDARD_VECTOR_SIZE);
        duckdb::SelectionVector selection(bucket.selected.data() + at);
        spool_chunk_.Slice(chunk, selection, count);
        bucket.rows->Append(bucket.append, spool_chunk_);
      }
      bucket.selected.clear();
    }
    return Status();
  }

  // Writes what was put aside, bucket by bucket: few partitions at a time.
  Status Drain(Spool& spool) {
    for (SpoolBucket& bucket : spool.buckets) bucket.append.current_chunk_state.handles.clear();
    for (SpoolBucket& bucket : spool.buckets) {
      const bool split =
          bucket.partitions.size() > files_.options_.buffers_max && spool.level < kSpoolLevelsMax;
      Spool inner;
      if (split) inner = NewSpool(spool.level + 1);
      for (duckdb::DataChunk& chunk : bucket.rows->Chunks()) {
        WEIR_RETURN_IF_ERROR(split ? Put(inner, chunk) : Gather(chunk));
      }
      bucket.rows.reset();
      if (split) {
        WEIR_RETURN_IF_ERROR(Drain(inner));
        continue;
      }
      WEIR_RETURN_IF_ERROR(WriteGathered());
      for (auto& [values, slot] : slots_) WEIR_RETURN_IF_ERROR(ReleaseSlot(*slot));
    }
    return Status();
  }

  // Hands the rows on, sorted by partition.
  Status WritePartitioned(duckdb::DataChunk& chunk) {
    const size_t rows = chunk.size();
    duckdb::Vector hashes = HashesOf(chunk);
    const auto* hash = duckdb::FlatVector::GetData<duckdb::hash_t>(hashes);

    group_of_hash_.clear();
    size_t group_count = 0;
    duckdb::hash_t last_hash = 0;
    Group* last = nullptr;
    for (size_t row = 0; row < rows; ++row) {
      if (last == nullptr || hash[row] != last_hash) {
        const auto [entry, is_new] = group_of_hash_.try_emplace(hash[row], group_count);
        if (is_new) {
          if (groups_.size() == group_count) groups_.emplace_back();
          groups_[group_count].rows.clear();
          groups_[group_count].first_row = row;
          group_count += 1;
        }
        last = &groups_[entry->second];
        last_hash = hash[row];
      }
      last->rows.push_back(static_cast<duckdb::sel_t>(row));
      leader_.set_index(row, last->first_row);
    }
    WEIR_ASSIGN_OR_RETURN(const bool exact, GroupsAreExact(chunk));
    if (!exact) {
      return Error::Bug("two partitions of " + files_.options_.table + " have the same hash");
    }
    for (size_t i = 0; i < group_count; ++i) {
      WEIR_ASSIGN_OR_RETURN(groups_[i].slot, SlotOfRow(chunk, groups_[i].first_row));
    }
    if (slots_.size() > files_.options_.buffers_max && !draining_) {
      for (auto& [values, slot] : slots_) WEIR_RETURN_IF_ERROR(ReleaseSlot(*slot));
      spool_ = NewSpool(0);
      return Put(*spool_, chunk);
    }
    for (size_t i = 0; i < group_count; ++i) {
      Group& group = groups_[i];
      for (size_t at = 0; at < group.rows.size(); at += STANDARD_VECTOR_SIZE) {
        const size_t count = std::min<size_t>(group.rows.size() - at, STANDARD_VECTOR_SIZE);
        duckdb::SelectionVector selection(group.rows.data() + at);
        for (size_t column = 0; column < file_columns_.size(); ++column) {
          file_chunk_.data[column].Slice(chunk.data[file_columns_[column]], selection, count);
        }
        file_chunk_.SetCardinality(count);
        WEIR_RETURN_IF_ERROR(WriteRows(*group.slot, file_chunk_));
      }
    }
    return Status();
  }

  // Rows were grouped by hash; equal hashes of different values would mix partitions.
  Result<bool> GroupsAreExact(duckdb::DataChunk& chunk) {
    for (const size_t column : key_columns_) {
      duckdb::Vector leaders(chunk.data[column], leader_, chunk.size());
      const size_t equal = duckdb::VectorOperations::NotDistinctFrom(
          chunk.data[column], leaders, nullptr, chunk.size(), &equal_rows_, nullptr);
      if (equal != chunk.size()) return false;
    }
    return true;
  }

  Status WriteRows(Slot& slot, duckdb::DataChunk& rows) {
    // A full file takes no more rows; the others may still be in it.
    if (slot.lease.local &&
        slot.lease.file->writer->bytes_written() >= files_.options_.file_bytes) {
      WEIR_RETURN_IF_ERROR(ReleaseSlot(slot));
    }
    if (!slot.lease.local) {
      if (leases_ >= files_.options_.buffers_max) WEIR_RETURN_IF_ERROR(ReleaseOldest());
      WEIR_ASSIGN_OR_RETURN(slot.lease, files_.Acquire(context_, *slot.partition));
      leases_ += 1;
    }
    slot.last_chunk = chunks_;
    WEIR_RETURN_IF_ERROR(slot.lease.local->Write(context_, rows));
    files_.SyncSoon(*slot.lease.file);
    return Status();
  }

  Status ReleaseSlot(Slot& slot) {
    if (!slot.lease.local) return Status();
    leases_ -= 1;
    return files_.Release(context_, std::move(slot.lease));
  }

  Status ReleaseOldest() {
    Slot* oldest = nullptr;
    for (auto& [values, slot] : slots_) {
      if (slot->lease.local && (oldest == nullptr || slot->last_chunk < oldest->last_chunk)) {
        oldest = slot.get();
      }
    }
    return oldest == nullptr ? Status() : ReleaseSlot(*oldest);
  }

  // Writes out the largest buffers until this thread is within its share.
  Status KeepMemory() {
    const uint64_t share =
        files_.options_.memory_bytes / static_cast<uint64_t>(std::max(1, files_.writers_.load()));
    uint64_t total = 0;
    std::vector<std::pair<uint64_t, Slot*>> sizes;
    for (auto& [values, slot] : slots_) {
      if (!slot->lease.local) continue;
      sizes.emplace_back(slot->lease.local->buffered_bytes(), slot.get());
      total += sizes.back().first;
    }
    if (total <= share) return Status();
    std::sort(sizes.begin(), sizes.end(),
              [](const auto& a, const auto& b) { return a.first > b.first; });
    // Down to half, so that the next chunks do not flush again at once.
    for (const auto& [size, slot] : sizes) {
      if (total <= share / 2) break;
      total -= size;
      WEIR_RETURN_IF_ERROR(slot->lease.local->Flush(context_));
    }
    return Status();
  }

  DataFiles& files_;
  duckdb::ClientContext& context_;
  const std::vector<size_t> key_columns_;
  std::vector<size_t> file_columns_;
  std::vector<size_t> required_columns_;
  std::map<PartitionValues, std::unique_ptr<Slot>> slots_;
  size_t leases_ = 0;
  uint64_t chunks_ = 0;
  bool finished_ = false;

  size_t gather_rows_ = 0;
  duckdb::DataChunk gathered_;

  std::optional<Spool> spool_;  // more partitions than buffers
  bool draining_ = false;
  duckdb::vector<duckdb::LogicalType> chunk_types_;
  duckdb::DataChunk spool_chunk_;

  // Reused from chunk to chunk.
  duckdb::DataChunk file_chunk_;
  duckdb::SelectionVector leader_;  // row -> first row of its group
  duckdb::SelectionVector equal_rows_;
  std::unordered_map<duckdb::hash_t, size_t> group_of_hash_;
  std::vector<Group> groups_;
};

DataFiles::DataFiles(columnar::Engine& engine, DataFilesOptions options)
    : engine_(engine), options_(std::move(options)) {
  for (const size_t i : Positions(options_.schema, options_.partition_columns, false)) {
    stats_schema_.fields.push_back(options_.schema.fields[i]);
  }
  file_schema_ = stats_schema_;
  if (options_.keep_order) {
    file_schema_.fields.push_back({columnar::kOrderColumn, duckdb::LogicalType::BIGINT, true});
    file_schema_.fields.push_back({columnar::kSuborderColumn, duckdb::LogicalType::BIGINT, true});
  }
  DeriveLimits();
}

void DataFiles::DeriveLimits() {
  if (options_.buffers_max == 0) {
    uint64_t vectors = 0;
    for (const auto& field : file_schema_.fields) vectors += VectorBytes(field.type);
    const uint64_t buffer = (vectors + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    const auto writers = static_cast<uint64_t>(std::max(1, engine_.options().threads));
    options_.buffers_max =
        std::max<size_t>(kBuffersMin, options_.memory_bytes / writers / (kBufferFills * buffer));
  }
  if (options_.open_files_max == 0) {
    const uint64_t file = kOpenFileBytes + kOpenFileColumnBytes * file_schema_.fields.size();
    options_.open_files_max =
        std::clamp<size_t>(options_.memory_bytes / 4 / file, kOpenFilesMin, kOpenFilesMax);
  }
}

DataFiles::~DataFiles() {
  StopSyncing();
  if (closed_) return;
  for (auto& [values, partition] : partitions_) partition->current.reset();
  for (const auto& path : written_paths_) (void)engine_.env().RemoveFile(path);
}

Result<std::unique_ptr<DataFiles::Writer>> DataFiles::OpenWriter() {
  WEIR_ASSIGN_OR_RETURN(auto connection, engine_.Connect());
  duckdb::ClientContext& context = *connection->context;
  {
    const std::lock_guard lock(mutex_);
    connections_.push_back(std::move(connection));
  }
  return std::make_unique<PartitionWriter>(*this, context);
}

Result<DataFiles::Partition*> DataFiles::FindPartition(PartitionValues values) {
  const std::lock_guard lock(mutex_);
  auto& entry = partitions_[values];
  if (entry) return entry.get();
  auto partition = std::make_unique<Partition>();
  for (const auto& column : options_.partition_columns) {
    const std::string folder = PartitionFolder(column, values[column]);
    partition->folder = partition->folder.empty() ? folder : JoinPath(partition->folder, folder);
  }
  const Status made = engine_.env().CreateDirs(JoinPath(options_.table, partition->folder));
  if (!made.ok()) {
    partitions_.erase(values);
    return made.error();
  }
  partition->values = std::move(values);
  entry = std::move(partition);
  return entry.get();
}

Result<DataFiles::Lease> DataFiles::Acquire(duckdb::ClientContext& context, Partition& partition) {
  std::vector<std::shared_ptr<OpenFile>> to_close;
  Lease lease;
  {
    const std::lock_guard lock(mutex_);
    auto& current = partition.current;
    if (current && current->writer->bytes_written() >= options_.file_bytes) {
      current->retired = true;
      if (current->locals == 0) to_close.push_back(current);
      current.reset();
    }
    if (!current) {
      WEIR_ASSIGN_OR_RETURN(current, StartFile(context, partition));
    }
    partition.last_use = ++uses_;
    current->locals += 1;
    lease.file = current;
    for (auto& file : TakeSurplusLocked()) to_close.push_back(std::move(file));
  }
  for (const auto& file : to_close) WEIR_RETURN_IF_ERROR(FinishFile(context, *file));
  WEIR_ASSIGN_OR_RETURN(lease.local, lease.file->writer->NewLocal(context));
  return lease;
}

Status DataFiles::Release(duckdb::ClientContext& context, Lease lease) {
  Status status = lease.local->Finish(context);
  lease.local.reset();
  bool close = false;
  {
    const std::lock_guard lock(mutex_);
    lease.file->locals -= 1;
    close = lease.file->retired && lease.file->locals == 0;
  }
  if (status.ok() && close) status = FinishFile(context, *lease.file);
  return status;
}

Result<std::shared_ptr<DataFiles::OpenFile>> DataFiles::StartFile(duckdb::ClientContext& context,
                                                                  Partition& partition) {
  std::string number = std::to_string(file_number_++);
  number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
  const std::string name = "part-" + number + "-" + options_.name + ".snappy.parquet";
  auto file = std::make_shared<OpenFile>();
  const std::string relative = partition.folder.empty() ? name : JoinPath(partition.folder, name);
  file->path = JoinPath(options_.table, relative);
  file->add.path = UriEncodePath(relative);
  file->add.partition_values = partition.values;
  written_paths_.push_back(file->path);
  WEIR_ASSIGN_OR_RETURN(file->writer,
                        columnar::ParquetWriter::Create(context, file->path, file_schema_, {}));
  open_files_ += 1;
  return file;
}

Status DataFiles::FinishFile(duckdb::ClientContext& context, OpenFile& file) {
  WEIR_ASSIGN_OR_RETURN(const auto stats, file.writer->Close(context));
  file.writer.reset();
  file.add.size = stats.bytes;
  file.add.modification_time_ms = engine_.env().NowMicros() / 1000;
  file.add.stats = StatsToJson(stats_schema_, stats, options_.stats_columns);
  if (options_.keep_order) SetRowOrder(file.add, {0, OrderEnd(stats)});
  rows_ += stats.rows;
  bytes_ += stats.bytes;
  file_count_ += 1;
  const std::lock_guard lock(mutex_);
  open_files_ -= 1;
  adds_.push_back(std::move(file.add));
  return Status();
}

std::vector<std::shared_ptr<DataFiles::OpenFile>> DataFiles::TakeSurplusLocked() {
  std::vector<std::shared_ptr<OpenFile>> taken;
  if (open_files_ <= options_.open_files_max) return taken;
  std::vector<Partition*> idle;
  for (auto& [values, partition] : partitions_) {
    if (partition->current && partition->current->locals == 0) idle.push_back(partition.get());
  }
  std::sort(idle.begin(), idle.end(),
            [](const Partition* a, const Partition* b) { return a->last_use < b->last_use; });
  // A quarter at once: closing one for each one opened would make tiny files of everything.
  for (Partition* partition : idle) {
    if (taken.size() >= options_.open_files_max / 4 + 1) break;
    partition->current->retired = true;
    taken.push_back(std::move(partition->current));
    partition->current.reset();
  }
  return taken;
}

void DataFiles::SyncSoon(OpenFile& file) {
  const uint64_t written = file.writer->bytes_written();
  uint64_t next = file.bytes_to_sync_next;
  if (written < next || engine_.options().threads <= 1) return;
  if (!file.bytes_to_sync_next.compare_exchange_strong(next, written + kSyncBytes)) return;
  const std::lock_guard lock(sync_mutex_);
  sync_paths_.push_back(file.path);
  if (!sync_thread_) {
    sync_thread_ = engine_.env().StartThread("lake-sync", [this] { SyncQueued(); });
  }
  sync_wake_.notify_one();
}

void DataFiles::SyncQueued() {
  for (;;) {
    std::string path;
    {
      std::unique_lock lock(sync_mutex_);
      sync_wake_.wait(lock, [this] { return sync_stop_ || !sync_paths_.empty(); });
      if (sync_stop_) return;
      path = std::move(sync_paths_.front());
      sync_paths_.pop_front();
    }
    // An error shows again where the file is closed.
    auto file = engine_.env().OpenFile(path, OpenMode::kReadWrite);
    if (file.ok()) (void)(*file)->Sync();
  }
}

void DataFiles::StopSyncing() {
  std::unique_ptr<Thread> thread;
  {
    const std::lock_guard lock(sync_mutex_);
    sync_stop_ = true;
    sync_wake_.notify_one();
    thread = std::move(sync_thread_);
  }
}

Result<std::vector<AddFile>> DataFiles::Close() {
  StopSyncing();
  std::vector<std::shared_ptr<OpenFile>> open;
  for (auto& [values, partition] : partitions_) {
    if (partition->current) open.push_back(partition->current);
  }
  // What the writers left unencoded is encoded here, and every file synced: in parallel.
  std::atomic<size_t> next{0};
  std::mutex result_mutex;
  Status result;
  const auto body = [&] {
    auto connection = engine_.Connect();
    Status status = connection.status();
    while (status.ok()) {
      const size_t i = next++;
      if (i >= open.size()) break;
      status = FinishFile(*(*connection)->context, *open[i]);
    }
    const std::lock_guard lock(result_mutex);
    if (result.ok()) result = std::move(status);
  };
  // More threads than cores: while some wait for the disk, others encode.
  const int cores = std::max(1, engine_.options().threads);
  const size_t threads =
      std::min<size_t>(open.size(), static_cast<size_t>(cores > 1 ? 4 * cores : 1));
  if (threads <= 1) {
    body();
  } else {
    std::vector<std::unique_ptr<Thread>> pool;
    for (size_t i = 1; i < threads; ++i) {
      pool.push_back(engine_.env().StartThread("lake-close", body));
    }
    body();
    pool.clear();  // joins
  }
  WEIR_RETURN_IF_ERROR(std::move(result));
  for (auto& [values, partition] : partitions_) partition->current.reset();
  WEIR_RETURN_IF_ERROR(SyncFolders());
  closed_ = true;
  std::sort(adds_.begin(), adds_.end(),
            [](const AddFile& a, const AddFile& b) { return a.path < b.path; });
  return std::move(adds_);
}

Status DataFiles::SyncFolders() {
  // Folders from the inside out, so that a name never survives without what it names.
  std::set<std::string, std::greater<>> folders;
  for (const auto& [values, partition] : partitions_) {
    for (std::string folder = partition->folder; !folder.empty() && folder != ".";
         folder = ParentPath(folder)) {
      folders.insert(JoinPath(options_.table, folder));
    }
  }
  for (const auto& folder : folders) WEIR_RETURN_IF_ERROR(engine_.env().SyncDir(folder));
  if (partitions_.empty()) return Status();
  WEIR_RETURN_IF_ERROR(engine_.env().SyncDir(options_.table));
  return engine_.env().SyncDir(ParentPath(options_.table));
}

}  // namespace weir::lake
