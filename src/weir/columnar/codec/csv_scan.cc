#include "weir/columnar/codec/csv_scan.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>

namespace weir::columnar {

namespace {

uint64_t PrefixXor(uint64_t bits) {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  bits ^= bits << 32;
  return bits;
}

bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                          __builtin_cpu_supports("popcnt");
  return has;
}

}  // namespace

CsvScanner::CsvScanner(const CsvDialect& dialect, bool allow_simd)
    : dialect_(dialect),
      simd_(allow_simd && !dialect.comment &&
            (!dialect.quote || !dialect.escape || dialect.escape == dialect.quote)),
      delimiter_(dialect.delimiter.value_or('\n')),
      quote_(dialect.quote.value_or('\n')),
      has_delimiter_(dialect.delimiter.has_value()),
      has_quote_(dialect.quote.has_value()),
      doubled_(!dialect.escape || dialect.escape == dialect.quote) {}

void CsvScanner::Start(TextIndex* index, uint32_t begin) {
  index_ = index;
  stopped_ = false;
  garbage_.clear();
  comments_.clear();
  state_ = State::kFieldStart;
  position_ = begin;
  record_begin_ = begin;
  record_first_ = static_cast<uint32_t>(index->end_count);
  comment_ = false;
}

void CsvScanner::Restart(size_t record_count, uint32_t begin) {
  if (record_count < index_->records.size()) {
    index_->end_count = index_->records[record_count].first_field;
    index_->records.resize(record_count);
  } else {
    index_->end_count = record_first_;
  }
  while (!garbage_.empty() && garbage_.back().record >= record_count) garbage_.pop_back();
  while (!comments_.empty() && comments_.back() >= record_count) comments_.pop_back();
  stopped_ = false;
  state_ = State::kFieldStart;
  position_ = begin;
  record_begin_ = begin;
  record_first_ = static_cast<uint32_t>(index_->end_count);
  comment_ = false;
}

void CsvScanner::Scan(const char* data, uint32_t size, uint32_t stop) {
  stop_ = stop;
  if (record_begin_ >= stop && at_record_start()) stopped_ = true;
  if (stopped_) return;
  if (simd_) {
    if (HasAvx2()) {
      ScanAvx2(data, size);
    } else {
      ScanSse2(data, size);
    }
  } else {
    ScanBytes(data, size);
  }
}

bool CsvScanner::Finish(uint32_t size) {
  if (stopped_ || at_record_start()) return true;
  if (in_quotes()) return false;
  EndRecord(size);
  record_begin_ = position_ = size;  // there is no line end to step over
  return true;
}

void CsvScanner::ReserveEnds(size_t more) {
  if (index_->end_count + more > index_->ends.size()) {
    index_->ends.resize(std::max<size_t>(index_->ends.size() * 2, index_->end_count + more + 4096));
  }
}

void CsvScanner::EndField(uint32_t position) {
  ReserveEnds(1);
  index_->ends[index_->end_count++] = position;
  state_ = State::kFieldStart;
}

void CsvScanner::EndRecord(uint32_t position) {
  EndField(position);
  if (comment_) {
    comments_.push_back(static_cast<uint32_t>(index_->records.size()));
    comment_ = false;
  }
  index_->records.push_back({record_begin_, record_first_});
  record_begin_ = position + 1;
  record_first_ = static_cast<uint32_t>(index_->end_count);
  if (record_begin_ >= stop_) stopped_ = true;
}

void CsvScanner::MarkGarbage() {
  const auto record = static_cast<uint32_t>(index_->records.size());
  if (garbage_.empty() || garbage_.back().record != record) {
    garbage_.push_back({record, static_cast<uint32_t>(index_->end_count) - record_first_});
  }
}

// The definition of the format, one byte at a time.
void CsvScanner::ScanBytes(const char* data, uint32_t to) {
  for (; position_ < to && !stopped_; ++position_) {
    const char c = data[position_];
    switch (state_) {
      case State::kFieldStart:
        if (dialect_.comment && c == *dialect_.comment && position_ == record_begin_) {
          comment_ = true;
          state_ = State::kComment;
          break;
        }
        if (has_quote_ && c == quote_) {
          state_ = State::kQuoted;
          break;
        }
        state_ = State::kUnquoted;
        [[fallthrough]];
      case State::kUnquoted:
        if (c == '\n') {
          EndRecord(position_);
        } else if (has_delimiter_ && c == delimiter_) {
          EndField(position_);
        }
        break;
      case State::kQuoted:
        if (!doubled_ && c == *dialect_.escape) {
          index_->has_escapes = true;
          state_ = State::kEscaped;
        } else if (c == quote_) {
          state_ = State::kAfterQuote;
        }
        break;
      case State::kEscaped:
        state_ = State::kQuoted;
        break;
      case State::kAfterQuote:
        if (c == '\n') {
          EndRecord(position_);
        } else if (has_delimiter_ && c == delimiter_) {
          EndField(position_);
        } else if (c == quote_ && doubled_) {
          index_->has_escapes = true;
          state_ = State::kQuoted;
        } else if (c == '\r') {
          state_ = State::kAfterQuoteCr;
        } else {
          MarkGarbage();
          state_ = State::kUnquoted;
        }
        break;
      case State::kAfterQuoteCr:
        if (c == '\n') {
          EndRecord(position_);
        } else {
          MarkGarbage();
          state_ = State::kUnquoted;
          if (has_delimiter_ && c == delimiter_) EndField(position_);
        }
        break;
      case State::kComment:
        if (c == '\n') EndRecord(position_);
        break;
    }
  }
}

// One block of 64 bytes as masks. False, with nothing changed, if it is not regular.
[[gnu::always_inline]] inline bool CsvScanner::Block(const char* data, uint32_t size,
                                                     uint64_t separators, uint64_t newlines,
                                                     uint64_t quotes) {
  uint64_t structural = separators | newlines;
  State next;
  if (quotes != 0 || state_ >= State::kQuoted) {
    if (state_ > State::kQuoted && state_ != State::kAfterQuote) return false;
    const uint64_t carried = state_ == State::kQuoted ? ~uint64_t{0} : 0;
    const uint64_t inside = PrefixXor(quotes) ^ carried;
    structural &= ~inside;
    newlines &= ~inside;
    const uint64_t open = quotes & inside;
    const uint64_t close = quotes & ~inside;
    const uint64_t may_open =
        ((structural | close) << 1) |
        static_cast<uint64_t>(state_ == State::kFieldStart || state_ == State::kAfterQuote);
    if ((open & ~may_open) != 0) return false;
    const uint64_t after_close = (close << 1) | static_cast<uint64_t>(state_ == State::kAfterQuote);
    uint64_t odd = after_close & ~(structural | open);
    while (odd != 0) {  // only "\r\n" may still stand there
      const uint32_t at = position_ + static_cast<uint32_t>(std::countr_zero(odd));
      if (data[at] != '\r' || at + 1 >= size || data[at + 1] != '\n') return false;
      odd &= odd - 1;
    }
    if ((after_close & open) != 0) index_->has_escapes = true;
    constexpr uint64_t kLast = uint64_t{1} << 63;
    if ((inside & kLast) != 0) {
      next = State::kQuoted;
    } else if ((close & kLast) != 0) {
      next = State::kAfterQuote;
    } else if ((structural & kLast) != 0) {
      next = State::kFieldStart;
    } else if ((after_close & ~(structural | open) & kLast) != 0) {
      next = State::kAfterQuoteCr;
    } else {
      next = State::kUnquoted;
    }
  } else {
    next = (structural >> 63) != 0 ? State::kFieldStart : State::kUnquoted;
  }
  state_ = next;

  ReserveEnds(64 + 8);
  const auto base = static_cast<uint32_t>(index_->end_count);
  uint32_t* out = index_->ends.data() + base;
  const int count = std::popcount(structural);
  uint64_t bits = structural;
  // Eight at a time without asking how many there are: what is written too much is overwritten.
  for (int done = 0; done < count; done += 8) {
    for (int i = 0; i < 8; ++i) {
      out[done + i] = position_ + static_cast<uint32_t>(std::countr_zero(bits));
      bits &= bits - 1;
    }
  }
  index_->end_count = base + static_cast<uint32_t>(count);
  while (newlines != 0) {
    const uint64_t bit = newlines & (~newlines + 1);
    const uint32_t at = position_ + static_cast<uint32_t>(std::countr_zero(newlines));
    index_->records.push_back({record_begin_, record_first_});
    record_begin_ = at + 1;
    record_first_ = base + static_cast<uint32_t>(std::popcount(structural & (bit - 1))) + 1;
    if (record_begin_ >= stop_) {
      stopped_ = true;
      index_->end_count = record_first_;
      state_ = State::kFieldStart;
      position_ = record_begin_;
      return true;
    }
    newlines &= newlines - 1;
  }
  position_ += 64;
  return true;
}

[[gnu::target("avx2,bmi,popcnt")]] void CsvScanner::ScanAvx2(const char* data, uint32_t size) {
  const __m256i separator = _mm256_set1_epi8(delimiter_);
  const __m256i newline = _mm256_set1_epi8('\n');
  const __m256i quote = _mm256_set1_epi8(quote_);
  const uint64_t quotes_count = has_quote_ ? ~uint64_t{0} : 0;
  while (position_ + 64 <= size && !stopped_) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + position_));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + position_ + 32));
    const auto mask = [](__m256i x, __m256i y) __attribute__((target("avx2"), always_inline)) {
      return static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(x))) |
             (static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(y))) << 32);
    };
    const uint64_t separators =
        mask(_mm256_cmpeq_epi8(a, separator), _mm256_cmpeq_epi8(b, separator));
    const uint64_t newlines = mask(_mm256_cmpeq_epi8(a, newline), _mm256_cmpeq_epi8(b, newline));
    const uint64_t quotes =
        mask(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote)) & quotes_count;
    if (!Block(data, size, separators, newlines, quotes)) ScanBytes(data, position_ + 64);
  }
  if (!stopped_) ScanBytes(data, size);
}

void CsvScanner::ScanSse2(const char* data, uint32_t size) {
  const __m128i separator = _mm_set1_epi8(delimiter_);
  const __m128i newline = _mm_set1_epi8('\n');
  const __m128i quote = _mm_set1_epi8(quote_);
  while (position_ + 64 <= size && !stopped_) {
    uint64_t separators = 0;
    uint64_t newlines = 0;
    uint64_t quotes = 0;
    for (int i = 0; i < 4; ++i) {
      const __m128i bytes =
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + position_ + 16 * i));
      const auto mask = [&](__m128i wanted) {
        return static_cast<uint64_t>(
                   static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted))))
               << (16 * i);
      };
      separators |= mask(separator);
      newlines |= mask(newline);
      if (has_quote_) quotes |= mask(quote);
    }
    if (!Block(data, size, separators, newlines, quotes)) ScanBytes(data, position_ + 64);
  }
  if (!stopped_) ScanBytes(data, size);
}

}  // namespace weir::columnar
