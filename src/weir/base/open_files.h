// How many files and connections the process may have open at a time.
//
// Thread rule: a free function, any thread.
#pragma once

#include <cstdint>

namespace weir {

// Raises what is allowed to the most that the system lets us have, and says how many that is.
uint64_t RaiseOpenFilesMax();

}  // namespace weir
