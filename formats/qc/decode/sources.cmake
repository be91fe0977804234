# Of the module, and of libqcompress.
set(QC_CONTAINER_DECODE_SOURCES
  checksum.cpp container.cpp container_failure.cpp container_files.cpp container_path.cpp
  graph_dictionary.cpp limited_memory.cpp manifest_table.cpp qc_layout.cpp transposition.cpp
  unit_cache.cpp)

# The dictionary is a file, so that anybody can take it, and bytes in a target. `folder` is formats/qc.
function(qc_embed_dictionary target folder)
  set(dictionary ${folder}/graph_dictionary.bin)
  set(bytes ${CMAKE_CURRENT_BINARY_DIR}/embedded/graph_dictionary.inc)
  add_custom_command(
    OUTPUT ${bytes}
    COMMAND ${CMAKE_COMMAND} -D INPUT=${dictionary} -D OUTPUT=${bytes}
            -P ${folder}/decode/embed_file.cmake
    DEPENDS ${dictionary} ${folder}/decode/embed_file.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${bytes})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/embedded)
endfunction()
