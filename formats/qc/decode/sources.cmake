# Of the module, and of libqcompress.
set(QC_CONTAINER_DECODE_SOURCES
  base_slot.cpp checksum.cpp container.cpp container_base.cpp container_failure.cpp
  container_files.cpp container_path.cpp
  graph_dictionary.cpp limited_memory.cpp manifest_table.cpp qc_layout.cpp transposition.cpp
  unit_cache.cpp)
