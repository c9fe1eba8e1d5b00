# Compiler flags, sanitizers, ccache and mold: how our code is built, not what.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

# Assertions stay on (no -DNDEBUG). -g1 keeps stack traces with lines at a third of -g's link input.
# (CMake itself makes the variable, empty; the sanitizer presets fill it.)
if(NOT CMAKE_CXX_FLAGS_DEV)
  set(CMAKE_CXX_FLAGS_DEV "-O2 -g1")
endif()
set(CMAKE_C_FLAGS_DEV "-O2 -g1")

set(WEIR_SANITIZE "" CACHE STRING "sanitizers for all of our code, as in -fsanitize=")
option(WEIR_FUZZ "build *_fuzz.cc with libFuzzer (clang only)" OFF)

add_library(weir_flags INTERFACE)
target_compile_options(weir_flags INTERFACE -Wall -Wextra -Werror)
target_include_directories(weir_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(WEIR_SANITIZE)
  target_compile_options(weir_flags INTERFACE
    -fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_compile_definitions(weir_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "WEIR_FUZZ needs clang: use the preset `fuzz`")
  endif()
  target_compile_options(weir_flags INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr,function
    -fno-sanitize-recover=all)
  target_link_options(weir_flags INTERFACE -fsanitize=address,undefined)
endif()

# The prefix map keeps the work tree's path out of the objects, so that ccache's are shared.
target_compile_options(weir_flags INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_SOURCE_DIR}/tools/cmake/ccache.sh)
endif()

find_program(WEIR_MOLD mold)
if(WEIR_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
