#include "weir/log/retention/settled_writer.h"

namespace weir::log {

Status SettledWriter::Open() {
  WEIR_ASSIGN_OR_RETURN(file_, files_.Create(first_));
  return Status::Ok();
}

Status SettledWriter::Add(uint32_t partition, const BatchHeader& header, std::string_view batch) {
  const size_t at = buffer_.size();
  Frame frame;
  frame.kind = FrameKind::kBatch;
  frame.stream = partition;
  frame.position = frame.durable = first_ + bytes();
  buffer_.append(kFrameHeaderBytes, '\0');
  buffer_.append(batch);
  frame.body = std::string_view(buffer_).substr(at + kFrameHeaderBytes);
  WriteFrameHeader(frame, buffer_.data() + at);
  index_->Add(partition, header.base_offset, frame.position,
              static_cast<uint32_t>(kFrameHeaderBytes + batch.size()), header.max_timestamp);
  return buffer_.size() >= kBufferBytes ? Write() : Status::Ok();
}

Status SettledWriter::Write() {
  WEIR_RETURN_IF_ERROR(file_->WriteAt(written_, buffer_.data(), buffer_.size()));
  written_ += buffer_.size();
  buffer_.clear();
  return Status::Ok();
}

Result<SegmentIndexes::Index> SettledWriter::Finish() {
  WEIR_RETURN_IF_ERROR(Write());
  WEIR_RETURN_IF_ERROR(file_->Sync());
  files_.Grown(first_, written_);
  WEIR_RETURN_IF_ERROR(indexes_.Save(*index_));
  return SegmentIndexes::Index(index_);
}

}  // namespace weir::log
