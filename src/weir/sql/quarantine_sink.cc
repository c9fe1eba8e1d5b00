#include "weir/sql/quarantine_sink.h"

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/connection.hpp"

namespace weir::sql {

QuarantineSink::QuarantineSink(columnar::Catalog& catalog, columnar::Engine& engine,
                               std::string table, columnar::SinkOptions options)
    : catalog_(catalog), engine_(engine), table_(std::move(table)), options_(std::move(options)) {}

QuarantineSink::~QuarantineSink() = default;

Status QuarantineSink::OpenLocked() {
  if (sink_) return Status::Ok();
  WEIR_ASSIGN_OR_RETURN(connection_, engine_.Connect());
  connection_->BeginTransaction();
  WEIR_ASSIGN_OR_RETURN(sink_, catalog_.OpenSink(table_, options_));
  WEIR_ASSIGN_OR_RETURN(writer_, sink_->OpenWriter(*connection_->context));
  return Status::Ok();
}

Status QuarantineSink::Open() {
  std::lock_guard lock(mutex_);
  return OpenLocked();
}

Status QuarantineSink::Write(duckdb::DataChunk& chunk) {
  std::lock_guard lock(mutex_);
  WEIR_RETURN_IF_ERROR(OpenLocked());
  rows_ += static_cast<int64_t>(chunk.size());
  return writer_->Write(*connection_->context, chunk);
}

Result<std::optional<std::string>> QuarantineSink::Prepare(uint64_t epoch) {
  std::lock_guard lock(mutex_);
  if (!sink_) return std::optional<std::string>();
  WEIR_RETURN_IF_ERROR(writer_->Finish(*connection_->context));
  WEIR_ASSIGN_OR_RETURN(std::string token, sink_->Prepare(epoch));
  return std::optional<std::string>(std::move(token));
}

int64_t QuarantineSink::rows() const {
  std::lock_guard lock(mutex_);
  return rows_;
}

}  // namespace weir::sql
