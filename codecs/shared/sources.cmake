# Of the module, and of libqcompress.
set(QC_CODECS_SHARED_SOURCES
  arena.cpp element.cpp heap.cpp huffman_code.cpp simd/compress.cpp simd/cpu.cpp simd/expand.cpp
  simd/join_planes.cpp simd/look_up.cpp simd/stream_copy.cpp)
