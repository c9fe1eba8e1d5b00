# Run at build time by the target weir_version_file: writes OUT if its text changed.
execute_process(
  COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE WEIR_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  set(WEIR_COMMIT "unknown")
endif()
configure_file(${SOURCE_DIR}/src/weir/base/version.cc.in ${OUT} @ONLY)
