#include "weir/cli/topic/line_input.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "weir/base/errno_error.h"

namespace weir::cli {

namespace {

constexpr size_t kReadBytes = 64 << 10;

}  // namespace

std::unique_ptr<LineInput> LineInput::OfStdin() {
  return std::unique_ptr<LineInput>(new LineInput("stdin"));
}

Result<std::unique_ptr<LineInput>> LineInput::OfFile(Env& env, const std::string& path) {
  std::unique_ptr<LineInput> input(new LineInput(path));
  WEIR_ASSIGN_OR_RETURN(input->file_, env.OpenFile(path, OpenMode::kRead));
  return input;
}

Result<bool> LineInput::More() {
  if (ended_) return false;
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t had = buffer_.size();
  if (had > kLineBytesMax) {
    return Error::User(ErrorCode::kLimit, "a line of more than 256 MiB")
        .At(name_ + ":" + std::to_string(line_ + 1));
  }
  buffer_.resize(had + kReadBytes);
  size_t got = 0;
  if (file_) {
    WEIR_ASSIGN_OR_RETURN(got, file_->ReadAt(file_at_, buffer_.data() + had, kReadBytes));
    file_at_ += got;
  } else {
    ssize_t n = 0;
    do {
      n = ::read(STDIN_FILENO, buffer_.data() + had, kReadBytes);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return ErrnoError(errno, "reading", name_);
    got = static_cast<size_t>(n);
  }
  buffer_.resize(had + got);
  ended_ = got == 0;
  return got > 0;
}

Result<bool> LineInput::Next(std::string* line) {
  size_t searched = at_;
  for (;;) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      line->assign(buffer_, at_, end - at_);
      at_ = end + 1;
      break;
    }
    const size_t left = buffer_.size() - at_;
    WEIR_ASSIGN_OR_RETURN(const bool more, More());
    searched = at_ + left;
    if (more) continue;
    if (left == 0) return false;
    line->assign(buffer_, at_, left);
    at_ += left;
    break;
  }
  if (!line->empty() && line->back() == '\r') line->pop_back();
  ++line_;
  return true;
}

bool LineInput::MustWait() const {
  if (file_ || ended_ || buffer_.find('\n', at_) != std::string::npos) return false;
  pollfd in{STDIN_FILENO, POLLIN, 0};
  return ::poll(&in, 1, 0) == 0;
}

}  // namespace weir::cli
