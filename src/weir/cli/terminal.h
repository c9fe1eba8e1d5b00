// What a command may know of the terminal it writes to, and Ctrl-C.
//
// Thread rule: free functions, any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

namespace weir::cli {

bool IsTerminal(int fd);  // 0 stdin, 1 stdout, 2 stderr
// Columns of the terminal behind fd; 0 if there is none (then nothing is cut).
size_t TerminalWidth(int fd);
// A line of stdin that the terminal does not show while it is typed. False at its end.
bool ReadHiddenLine(std::string* line);

// From now on SIGINT and SIGTERM set the flag instead of ending the process; a second one ends it
// at once, which is safe: what is not committed is found and removed by the next run.
std::atomic<bool>& CatchInterrupts();
// Arms the handler again after an interrupt was dealt with.
void RearmInterrupts();

inline constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells have it

}  // namespace weir::cli
