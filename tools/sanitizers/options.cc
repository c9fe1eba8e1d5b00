// What the sanitizers must not report, linked into every test of the presets asan, tsan and fuzz.
// Each line says why it is there; a line without a reason does not belong here.

extern "C" {

// libduckdb.so comes prebuilt and is not instrumented: it grows a std::vector without telling the
// sanitizer, and our instrumented code would then report the elements as out of bounds.
const char* __asan_default_options() { return "detect_container_overflow=0"; }

const char* __ubsan_default_options() { return "print_stacktrace=1"; }

const char* __lsan_default_suppressions() {
  // Singletons that libduckdb.so keeps for the life of the process.
  return "leak:libduckdb.so\n";
}

const char* __tsan_default_suppressions() {
  // libduckdb.so is not instrumented: its atomics are invisible, so what they order looks like a
  // race. Our own concurrency is tested without it.
  return "called_from_lib:libduckdb.so\n";
}

}  // extern "C"
