// LineInput: lines of a file or of standard input. Says when the next line is not there yet, so
// that what came before need not wait for it.
//
// Limits: kLineBytesMax a line.
// Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"

namespace weir::cli {

class LineInput {
 public:
  static constexpr size_t kLineBytesMax = 256 << 20;

  static std::unique_ptr<LineInput> OfStdin();
  static Result<std::unique_ptr<LineInput>> OfFile(Env& env, const std::string& path);

  // Without its line feed (and carriage return). False at the end.
  Result<bool> Next(std::string* line);
  // Next would wait for somebody to write.
  bool MustWait() const;
  const std::string& name() const { return name_; }
  int64_t line() const { return line_; }  // of the last Next, from 1

 private:
  explicit LineInput(std::string name) : name_(std::move(name)) {}
  Result<bool> More();

  const std::string name_;
  std::unique_ptr<File> file_;  // none: standard input
  uint64_t file_at_ = 0;
  std::string buffer_;
  size_t at_ = 0;  // in buffer_
  bool ended_ = false;
  int64_t line_ = 0;
};

}  // namespace weir::cli
