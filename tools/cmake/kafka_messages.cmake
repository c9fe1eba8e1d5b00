# weir_kafka_messages(LAYER): the C++ of Kafka's messages, made in the build folder, as a part of the
# layer's library (and what fills messages with random values, of its tests).

function(weir_kafka_messages layer)
  set(generator ${CMAKE_SOURCE_DIR}/tools/kafka_codec.py)
  set(messages ${CMAKE_SOURCE_DIR}/src/weir/log/kafka/messages.txt)
  set(folder ${WEIR_GENERATED_DIR}/weir/log/kafka/messages)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${generator} ${messages})
  execute_process(COMMAND python3 ${generator} --outputs
    OUTPUT_VARIABLE names OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" names "${names}")
  list(TRANSFORM names PREPEND ${folder}/ OUTPUT_VARIABLE files)
  add_custom_command(OUTPUT ${files}
    COMMAND python3 ${generator} ${messages} ${folder}
    DEPENDS ${generator} ${messages} COMMENT "Making Kafka's messages" VERBATIM)
  set(library ${files})
  list(FILTER library EXCLUDE REGEX "random_messages.cc$")
  target_sources(weir_${layer} PRIVATE ${library})
  target_include_directories(weir_${layer} PUBLIC ${WEIR_GENERATED_DIR})
  add_custom_target(weir_kafka_messages_files DEPENDS ${files})
  add_dependencies(weir_${layer} weir_kafka_messages_files)
  target_sources(weir_${layer}_test PRIVATE ${folder}/random_messages.cc)
  add_dependencies(weir_${layer}_test weir_kafka_messages_files)
endfunction()
