// RecordFilter: which records an SQL condition holds for, batch by batch, as `tail --where` and its
// like want them. The condition sees the columns of server/topics/record_columns.h.
//
//   WEIR_ASSIGN_OR_RETURN(auto filter, RecordFilter::Open("value->>'$.amount' > '10'"));
//   filter->Add(record);                                        // up to kBatch of them
//   WEIR_ASSIGN_OR_RETURN(std::vector<size_t> kept, filter->Take());
//
// Thread rule: one thread at a time.
// Errors: kInvalid (kUser), the condition is none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"

namespace weir::server {
struct TopicRecord;
}  // namespace weir::server

namespace weir::cli {

class RecordFilter {
 public:
  static constexpr size_t kBatch = 2048;

  // Bound here: mistakes are told before anything is read.
  static Result<std::unique_ptr<RecordFilter>> Open(const std::string& condition);
  ~RecordFilter();

  void Add(const server::TopicRecord& record);
  size_t size() const { return size_; }
  // The places, ascending, of those added since the last Take for which the condition holds.
  Result<std::vector<size_t>> Take();

 private:
  struct Parts;
  explicit RecordFilter(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
  size_t size_ = 0;
};

}  // namespace weir::cli
