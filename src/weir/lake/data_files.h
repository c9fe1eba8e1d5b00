// DataFiles: the Parquet files that one change writes into a table's folder, under their final
// names, invisible until a log entry names them.
//
//   DataFiles files(engine, options);
//   WEIR_ASSIGN_OR_RETURN(auto writer, files.OpenWriter());  // one per thread
//   writer->Write(chunk); ... writer->Finish();
//   WEIR_ASSIGN_OR_RETURN(std::vector<AddFile> adds, files.Close());
//
// The files of a partition are written one after the other, each by all threads together: encoding
// runs in parallel, and a small change does not leave a file per thread. A new file starts at
// `file_bytes`. Partition columns are not stored; their values are in the folder name and in the
// add action.
//
// Memory: what all writers buffer stays near `memory_bytes`: a writer above its share writes out
// its largest buffers, as row groups however small. A writer that meets more partitions than its
// share has buffers for puts its rows aside, in DuckDB's memory or on disk, and writes them when it
// finishes, some partitions at a time. Files are finished early when too many are open.
//
// What is buffered belongs to connections of its own, one per Writer, that live until the files are
// closed: rows left over by one thread are encoded by another, later.
//
// Disk: a thread of its own syncs what has been written while the rest is still being encoded, so
// that little is left to wait for in Close. (Not in an engine of one thread: simulations.)
//
// Thread rule: DataFiles is thread-safe; a Writer belongs to one thread at a time.
// Invariants: after Close every file, and every folder that was made for it, is on disk. Without
// Close the files are removed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/parquet_writer.h"
#include "weir/columnar/schema.h"
#include "weir/lake/actions.h"

namespace duckdb {
class ClientContext;
class Connection;
class DataChunk;
}  // namespace duckdb

namespace weir::lake {

struct DataFilesOptions {
  std::string table;        // the table's folder
  std::string name;         // part of every file name: what finds them again
  columnar::Schema schema;  // of the chunks, partition columns included
  // Chunks have kOrderColumn and kSuborderColumn behind these, which are stored (row_order.h).
  bool keep_order = false;
  std::vector<std::string> partition_columns;
  uint64_t memory_bytes = 256 << 20;
  uint64_t file_bytes = 128 << 20;
  int64_t stats_columns = 32;  // leaf columns with statistics; -1: all
  // 0: by memory_bytes. Partitions that a writer buffers at a time; files that are open at a time.
  size_t buffers_max = 0;
  size_t open_files_max = 0;
};

class DataFiles {
 public:
  class Writer {
   public:
    virtual ~Writer() = default;
    // The chunk is read during the call only.
    virtual Status Write(duckdb::DataChunk& chunk) = 0;
    virtual Status Finish() = 0;
  };

  DataFiles(columnar::Engine& engine, DataFilesOptions options);
  ~DataFiles();

  Result<std::unique_ptr<Writer>> OpenWriter();
  // Every Writer must be finished. Ordered by path.
  Result<std::vector<AddFile>> Close();

  // Of finished files, complete after Close.
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }
  int64_t file_count() const { return file_count_; }

 private:
  friend class PartitionWriter;
  static constexpr uint64_t kSyncBytes = 16 << 20;  // written since the last sync of a file

  // A file while it is written.
  struct OpenFile {
    std::unique_ptr<columnar::ParquetWriter> writer;
    AddFile add;
    std::string path;
    size_t locals = 0;     // Locals in use
    bool retired = false;  // no new Locals; closed with the last one
    std::atomic<uint64_t> bytes_to_sync_next{kSyncBytes};
  };
  struct Partition {
    PartitionValues values;
    std::string folder;  // relative to the table, "" for none
    std::shared_ptr<OpenFile> current;
    uint64_t last_use = 0;
  };

  // The partition with these values, made when first seen. Stable address.
  Result<Partition*> FindPartition(PartitionValues values);
  // A Local of the partition's current file; starts a file if there is none or it is full.
  struct Lease {
    std::shared_ptr<OpenFile> file;
    std::unique_ptr<columnar::ParquetWriter::Local> local;
  };
  Result<Lease> Acquire(duckdb::ClientContext& context, Partition& partition);
  Status Release(duckdb::ClientContext& context, Lease lease);

  Result<std::shared_ptr<OpenFile>> StartFile(duckdb::ClientContext& context, Partition& partition);
  Status FinishFile(duckdb::ClientContext& context, OpenFile& file);
  // Takes files without Locals off their partitions until few enough are open.
  std::vector<std::shared_ptr<OpenFile>> TakeSurplusLocked();
  Status SyncFolders();
  void DeriveLimits();
  // Asks the syncing thread to bring the file to disk if much of it was written since the last
  // time.
  void SyncSoon(OpenFile& file);
  void SyncQueued();  // body of that thread
  void StopSyncing();

  columnar::Engine& engine_;
  DataFilesOptions options_;       // not changed after construction
  columnar::Schema stats_schema_;  // without the partition columns
  columnar::Schema file_schema_;   // the same, and the order columns

  std::mutex mutex_;
  std::vector<std::unique_ptr<duckdb::Connection>> connections_;      // guarded by mutex_
  std::map<PartitionValues, std::unique_ptr<Partition>> partitions_;  // guarded by mutex_
  std::vector<AddFile> adds_;                                         // guarded by mutex_
  std::vector<std::string> written_paths_;                            // guarded by mutex_
  uint64_t uses_ = 0;                                                 // guarded by mutex_
  size_t open_files_ = 0;                                             // guarded by mutex_
  size_t file_number_ = 0;                                            // guarded by mutex_
  bool closed_ = false;

  std::mutex sync_mutex_;
  std::condition_variable sync_wake_;
  std::deque<std::string> sync_paths_;   // guarded by sync_mutex_
  bool sync_stop_ = false;               // guarded by sync_mutex_
  std::unique_ptr<Thread> sync_thread_;  // guarded by sync_mutex_, started when first needed

  std::atomic<int64_t> rows_{0};
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> file_count_{0};
  std::atomic<int> writers_{0};
};

}  // namespace weir::lake
