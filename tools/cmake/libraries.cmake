# Everything that is not ours. Debian packages by their own CMake files or pkg-config; DuckDB from
# build/deps, which `./dev setup` links to the verified download cache.

set(WEIR_DEPS_DIR ${CMAKE_SOURCE_DIR}/build/deps CACHE PATH "what ./dev setup fetched")
if(NOT EXISTS ${WEIR_DEPS_DIR}/duckdb/lib/libduckdb.so)
  message(FATAL_ERROR "${WEIR_DEPS_DIR}/duckdb is missing: run ./dev setup first")
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(Boost 1.81 REQUIRED)  # headers: Asio, Beast
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(weir_xxhash_pc REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(weir_zstd_pc REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(weir_isal_pc REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(weir_lz4_pc REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(weir_snappy_pc REQUIRED IMPORTED_TARGET snappy)
pkg_check_modules(weir_edit_pc REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(weir_re2_pc REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(weir_rdkafka_pc REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(weir_avro_pc REQUIRED IMPORTED_TARGET avro-c)
pkg_check_modules(weir_toml_pc REQUIRED IMPORTED_TARGET tomlplusplus)
find_package(OpenSSL REQUIRED)
add_library(weir_xxhash ALIAS PkgConfig::weir_xxhash_pc)
add_library(weir_zstd ALIAS PkgConfig::weir_zstd_pc)
add_library(weir_isal ALIAS PkgConfig::weir_isal_pc)
add_library(weir_lz4 ALIAS PkgConfig::weir_lz4_pc)
add_library(weir_snappy ALIAS PkgConfig::weir_snappy_pc)
# Its pkg-config file asks for -pthread, which the precompiled header was not made with; who uses threads
# links Threads::Threads.
set_target_properties(PkgConfig::weir_re2_pc PROPERTIES INTERFACE_COMPILE_OPTIONS "")
add_library(weir_edit ALIAS PkgConfig::weir_edit_pc)
add_library(weir_re2 ALIAS PkgConfig::weir_re2_pc)
add_library(weir_rdkafka ALIAS PkgConfig::weir_rdkafka_pc)
add_library(weir_avro ALIAS PkgConfig::weir_avro_pc)
add_library(weir_toml ALIAS PkgConfig::weir_toml_pc)

# The shared library comes out of the npm package with a build path of its own; we link it by path
# and find it at run time in ../lib (installed) or in build/deps (build tree).
add_library(weir_duckdb SHARED IMPORTED)
set_target_properties(weir_duckdb PROPERTIES
  IMPORTED_LOCATION ${WEIR_DEPS_DIR}/duckdb/lib/libduckdb.so
  IMPORTED_SONAME libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${WEIR_DEPS_DIR}/duckdb/include)  # imported: -isystem
file(STRINGS ${WEIR_DEPS_DIR}/duckdb/version WEIR_DUCKDB_VERSION LIMIT_COUNT 1)
