#include "weir/cli/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

namespace weir::cli {

namespace {

std::atomic<bool> interrupted{false};

void OnSignal(int) { interrupted.store(true); }

}  // namespace

bool IsTerminal(int fd) { return isatty(fd) == 1; }

size_t TerminalWidth(int fd) {
  winsize size{};
  if (!IsTerminal(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

bool ReadHiddenLine(std::string* line) {
  termios shown{};
  if (tcgetattr(0, &shown) != 0) return false;
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (tcsetattr(0, TCSAFLUSH, &hidden) != 0) return false;
  const bool read = !!std::getline(std::cin, *line);
  tcsetattr(0, TCSAFLUSH, &shown);
  std::cerr << '\n';
  return read;
}

std::atomic<bool>& CatchInterrupts() {
  RearmInterrupts();
  return interrupted;
}

void RearmInterrupts() {
  interrupted.store(false);
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace weir::cli
