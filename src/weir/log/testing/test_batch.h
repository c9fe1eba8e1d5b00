// TestBatch: a record batch for tests of storage, where only the header matters: its records are
// padding, its CRC is zero.
//
// Thread rule: a value.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "weir/log/batch_header.h"

namespace weir::log::testing {

class TestBatch {
 public:
  explicit TestBatch(int32_t records) : bytes_(kBatchHeaderBytes, '\0') {
    bytes_[16] = 2;
    Put<int32_t>(23, records - 1);
    Put<int32_t>(57, records);
    Producer(kNoProducerId, -1, kNoSequence);
    SetLength();
  }
  TestBatch& Producer(int64_t id, int16_t epoch, int32_t sequence) {
    Put<int64_t>(43, id);
    Put<int16_t>(51, epoch);
    Put<int32_t>(53, sequence);
    return *this;
  }
  TestBatch& Timestamp(int64_t ms) {
    Put<int64_t>(27, ms);
    Put<int64_t>(35, ms);
    return *this;
  }
  TestBatch& Attributes(int16_t attributes) {
    Put<int16_t>(21, attributes);
    return *this;
  }
  // In all.
  TestBatch& Size(size_t bytes) {
    bytes_.resize(bytes, 'r');
    SetLength();
    return *this;
  }

  std::string_view bytes() const { return bytes_; }

 private:
  template <typename T>
  void Put(size_t at, T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      bytes_[at + sizeof(T) - 1 - i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
    }
  }
  void SetLength() { Put<int32_t>(8, static_cast<int32_t>(bytes_.size() - kBatchLengthEnd)); }

  std::string bytes_;
};

}  // namespace weir::log::testing
