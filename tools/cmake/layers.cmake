# weir_layer(NAME [LIBS ...] [PCH] [SHARDS n]): one folder of src/weir as targets, all by glob:
#   weir_NAME         static library of *.cc
#   weir_NAME_test    *_test.cc with GoogleTest, one ctest entry (label fast), or n that share its
#                     tests: for a layer whose tests wait, begun before all others; where it has a
#                     *_sim_test.cc, another runs its simulations over 10,000 seeds (label slow);
#                     where it has a *_sink_contract_test.cc, another crashes its sinks at every
#                     operation (label slow)
#   fuzz_X            X_fuzz.cc: libFuzzer in preset `fuzz`; elsewhere replays tests/fuzz/X as a test
#   weir_NAME_bench   *_bench.cc with Google Benchmark
# It links to the layers that tools/layers.txt lets it include. A folder that does not exist yet is
# left out, here and in the lists of others.

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/layers.txt)

set(WEIR_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)

# The DuckDB headers cost seconds a file; GCC reads them once. Clang builds without, so that a file
# that leans on the precompiled header instead of its own includes does not go unnoticed.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(WEIR_PCH_HEADER ${CMAKE_SOURCE_DIR}/src/weir/columnar/duckdb_pch.h)
endif()
file(WRITE ${WEIR_GENERATED_DIR}/duckdb_pch.cc.in "// The translation unit that owns the precompiled header.\n")
configure_file(${WEIR_GENERATED_DIR}/duckdb_pch.cc.in ${WEIR_GENERATED_DIR}/duckdb_pch.cc COPYONLY)
if(WEIR_PCH_HEADER)
  add_library(weir_duckdb_pch STATIC ${WEIR_GENERATED_DIR}/duckdb_pch.cc)
  target_link_libraries(weir_duckdb_pch PRIVATE weir_flags weir_duckdb)
  target_precompile_headers(weir_duckdb_pch PRIVATE ${WEIR_PCH_HEADER})
endif()

function(weir_use_pch target)
  if(WEIR_PCH_HEADER)
    target_precompile_headers(${target} REUSE_FROM weir_duckdb_pch)
  endif()
endfunction()

# Every executable of ours: its sanitizers' options.
function(weir_executable target)
  if(WEIR_SANITIZE OR WEIR_FUZZ)
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tools/sanitizers/options.cc)
  endif()
endfunction()

function(weir_layer name)
  cmake_parse_arguments(arg "PCH" "SHARDS" "LIBS" ${ARGN})
  file(STRINGS ${CMAKE_SOURCE_DIR}/tools/layers.txt below REGEX "^layer ${name}:")
  if(NOT below)
    message(FATAL_ERROR "tools/layers.txt has no layer ${name}")
  endif()
  string(REGEX REPLACE "^layer ${name}: *" "" below "${below}")
  separate_arguments(below)
  set(dir ${CMAKE_SOURCE_DIR}/src/weir/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${sources})
  set(fuzzers ${sources})
  set(benches ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|_bench|/main)\\.cc$")
  if(name STREQUAL "base")
    weir_version_source(version_source)
    list(APPEND sources ${version_source})
  endif()

  set(libs weir_flags ${arg_LIBS})
  foreach(layer IN LISTS below)
    if(TARGET weir_${layer})
      list(APPEND libs weir_${layer})
    endif()
  endforeach()

  if(sources)
    add_library(weir_${name} STATIC ${sources})
    target_link_libraries(weir_${name} PUBLIC ${libs})
    if(arg_PCH)
      weir_use_pch(weir_${name})
    endif()
  elseif(NOT EXISTS ${dir})
    return()
  else()
    add_library(weir_${name} INTERFACE)
    target_link_libraries(weir_${name} INTERFACE ${libs})
  endif()

  if(tests)
    add_executable(weir_${name}_test ${tests})
    target_link_libraries(weir_${name}_test PRIVATE weir_${name} GTest::gmock GTest::gtest_main)
    weir_executable(weir_${name}_test)
    target_compile_definitions(weir_${name}_test PRIVATE WEIR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(arg_PCH)
      weir_use_pch(weir_${name}_test)
    endif()
    if(arg_SHARDS)
      math(EXPR last "${arg_SHARDS} - 1")
      foreach(shard RANGE ${last})
        add_test(NAME unit/${name}.${shard} COMMAND weir_${name}_test --gtest_brief=1)
        set_tests_properties(unit/${name}.${shard} PROPERTIES LABELS fast TIMEOUT 600 COST 1000
          ENVIRONMENT "GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${shard}")
      endforeach()
    else()
      add_test(NAME unit/${name} COMMAND weir_${name}_test --gtest_brief=1)
      set_tests_properties(unit/${name} PROPERTIES LABELS fast TIMEOUT 600)
    endif()
    if(tests MATCHES "_sim_test\\.cc")
      add_test(NAME sim/${name} COMMAND weir_${name}_test --gtest_brief=1 --gtest_filter=*Sim*)
      set_tests_properties(sim/${name} PROPERTIES
        LABELS slow TIMEOUT 14400 ENVIRONMENT WEIR_SIM_SEEDS=10000)
    endif()
    if(tests MATCHES "sink_contract_test\\.cc")
      add_test(NAME sweep/${name}
        COMMAND weir_${name}_test --gtest_brief=1 --gtest_filter=*BatchSinkContract.ACrashAt*)
      set_tests_properties(sweep/${name} PROPERTIES
        LABELS slow TIMEOUT 3600 ENVIRONMENT WEIR_CRASH_EVERYWHERE=1)
    endif()
  endif()

  foreach(file IN LISTS fuzzers)
    get_filename_component(stem ${file} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" stem ${stem})
    add_executable(fuzz_${stem} ${file})
    weir_executable(fuzz_${stem})
    target_link_libraries(fuzz_${stem} PRIVATE weir_${name})
    if(arg_PCH)
      weir_use_pch(fuzz_${stem})
    endif()
    if(WEIR_FUZZ)
      target_link_options(fuzz_${stem} PRIVATE -fsanitize=fuzzer)
    else()
      target_sources(fuzz_${stem} PRIVATE ${CMAKE_SOURCE_DIR}/tools/fuzz/replay_main.cc)
      add_test(NAME fuzz/${stem} COMMAND fuzz_${stem} ${CMAKE_SOURCE_DIR}/tests/fuzz/${stem})
      set_tests_properties(fuzz/${stem} PROPERTIES LABELS fast TIMEOUT 60)
    endif()
  endforeach()

  if(benches AND NOT WEIR_FUZZ)
    add_executable(weir_${name}_bench ${benches})
    target_link_libraries(weir_${name}_bench PRIVATE weir_${name} benchmark::benchmark_main)
    weir_executable(weir_${name}_bench)
    if(arg_PCH)
      weir_use_pch(weir_${name}_bench)
    endif()
  endif()
endfunction()

# base/version.cc is written at build time, so that `weir --version` names the commit it was built
# from; the file changes, and is compiled again, only when that text does.
function(weir_version_source out)
  set(file ${WEIR_GENERATED_DIR}/weir/base/version.cc)
  add_custom_target(weir_version_file
    COMMAND ${CMAKE_COMMAND}
      -DSOURCE_DIR=${CMAKE_SOURCE_DIR} -DOUT=${file} -DWEIR_VERSION=${PROJECT_VERSION}
      "-DLIBRARIES=DuckDB ${WEIR_DUCKDB_VERSION}, simdjson ${simdjson_VERSION}, fmt ${fmt_VERSION}, yaml-cpp ${yaml-cpp_VERSION}, libcurl ${CURL_VERSION_STRING}, zstd ${weir_zstd_pc_VERSION}, xxhash ${weir_xxhash_pc_VERSION}, zlib ${ZLIB_VERSION_STRING}, lz4 ${weir_lz4_pc_VERSION}, snappy ${weir_snappy_pc_VERSION}, isa-l ${weir_isal_pc_VERSION}, RE2 ${weir_re2_pc_VERSION}, Boost ${Boost_VERSION_STRING}, librdkafka ${weir_rdkafka_pc_VERSION}, avro-c ${weir_avro_pc_VERSION}, OpenSSL ${OPENSSL_VERSION}, toml++ ${weir_toml_pc_VERSION}"
      "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
      -P ${CMAKE_SOURCE_DIR}/tools/cmake/version.cmake
    BYPRODUCTS ${file} COMMENT "Naming the commit" VERBATIM)
  set(${out} ${file} PARENT_SCOPE)
endfunction()

# weir_program(NAME MAIN LAYER layer): the installed command. bin/ and lib/ can be moved together: the
# program finds in ../lib what a plain Debian 12 lacks. DT_RPATH, not RUNPATH: it also serves the
# libraries that those libraries need.
function(weir_program name main)
  cmake_parse_arguments(arg "" "LAYER" "" ${ARGN})
  if(WEIR_FUZZ)
    return()
  endif()
  add_executable(${name} ${main})
  weir_executable(${name})
  target_link_libraries(${name} PRIVATE weir_${arg_LAYER})
  target_link_options(${name} PRIVATE -Wl,--as-needed -Wl,--disable-new-dtags)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
    INSTALL_RPATH "$ORIGIN/../lib")
  install(TARGETS ${name} RUNTIME_DEPENDENCY_SET weir_libraries RUNTIME DESTINATION bin)
  install(RUNTIME_DEPENDENCY_SET weir_libraries
    DIRECTORIES ${WEIR_DEPS_DIR}/duckdb/lib
    PRE_EXCLUDE_REGEXES "^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|stdc\\+\\+|gcc_s))\\.so"
    LIBRARY DESTINATION lib)
  file(REAL_PATH ${WEIR_DEPS_DIR}/extensions extensions)  # installed as a folder, not as a link
  install(DIRECTORY ${extensions}/ DESTINATION lib/weir/extensions)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/weir)
  install(FILES ${WEIR_DEPS_DIR}/duckdb/LICENSE
    DESTINATION share/doc/weir/licenses RENAME libduckdb.so)
endfunction()
