# Of the module, and of libqcompress.
set(QC_CODECS_DECODE_SOURCES
  channel_map.cpp codebook.cpp context_grid.cpp decode_context.cpp layout_table.cpp stage_table.cpp
  tensor_decoder.cpp zstd_bytes.cpp
  layouts/bitmap.cpp layouts/channel_palette.cpp layouts/constant.cpp layouts/context_floats.cpp
  layouts/context_palette.cpp layouts/csr.cpp layouts/levels.cpp layouts/narrow.cpp
  layouts/palette.cpp layouts/planes.cpp layouts/raw.cpp layouts/repeats.cpp
  stages/bitpack.cpp stages/huffman.cpp stages/huffman_decoder.cpp
  stages/huffman_decoder_avx2.cpp stages/huffman_decoder_avx512.cpp stages/length_table.cpp
  stages/radix.cpp stages/rans.cpp stages/rans_decoder.cpp stages/rans_decoder_avx2.cpp
  stages/rans_decoder_avx512.cpp stages/zstd.cpp)
