#include "weir/log/groups/group_context.h"

#include <fmt/format.h>

namespace weir::log {

std::string GroupContext::NewUuid() {
  const uint64_t high = env.RandomU64();
  const uint64_t low = env.RandomU64();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xfff, 0x8000 | ((low >> 48) & 0x3fff), low & 0xffffffffffff);
}

std::string GroupContext::NewMemberId(const std::string& prefix) {
  return prefix + "-" + NewUuid();
}

GroupContext::Scope::~Scope() {
  context_.depth_ -= 1;
  // An answer may lead to a call, whose own Scope then runs what waits here, in order.
  while (context_.depth_ == 0 && !context_.answers_.empty()) {
    const std::function<void()> answer = std::move(context_.answers_.front());
    context_.answers_.pop_front();
    answer();
  }
}

void GroupContext::WhenDurable(Position position, std::function<void()> then) {
  log.WhenDurable(position, [this, alive = std::weak_ptr<char>(alive_), then = std::move(then)] {
    if (alive.expired()) return;
    Scope scope(*this);
    then();
  });
}

std::function<void()> GroupContext::Scoped(std::function<void()> task) {
  return [this, task = std::move(task)] {
    Scope scope(*this);
    task();
  };
}

}  // namespace weir::log
