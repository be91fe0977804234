// What an encoded tensor is made of, told while it is opened.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "codecs/shared/ids.h"

namespace qc {

struct LayoutDecoder;

/// What the bits of a stream mean.
enum class StreamUse { kValues, kIndices };

/// How deep layouts may be nested inside another one. The deepest that makes sense: sparse,
/// narrowed twice (double, float, half), palette.
inline constexpr unsigned kMaxNesting = 3;

/// Observes the opening of a tensor: where the bytes of the encoded tensor go.
struct CodedStats {
  std::uint64_t value_bytes = 0;     ///< coded values or codebook ranks
  std::uint64_t index_bytes = 0;     ///< coded positions of non-zeros
  std::uint64_t codebook_bytes = 0;  ///< codebooks
  std::uint64_t table_bytes = 0;     ///< Huffman code lengths
  std::uint64_t value_symbols = 0;   ///< stored elements (fillers included)
  std::uint64_t index_symbols = 0;   ///< gaps and escapes, or bytes of a bitmap
  std::uint64_t codebook_size = 0;   ///< entries of all codebooks
  std::uint32_t value_bits = 0;      ///< fixed width of a stored value before entropy coding
  std::uint32_t index_bits = 0;      ///< fixed width of an index symbol before entropy coding
  bool has_palette = false;          ///< values are stored as ranks in a codebook
  bool value_huffman = false;        ///< some value stream is Huffman coded
  bool index_huffman = false;        ///< the index stream is Huffman coded

  /// The layouts of the elements, the outermost first, then that of the values it stores, and so
  /// on.
  std::span<const LayoutDecoder* const> layouts() const noexcept {
    return std::span(layouts_).first(layout_count_);
  }

  void add_layout(const LayoutDecoder& layout) noexcept {
    if (layout_count_ < layouts_.size()) layouts_[layout_count_++] = &layout;
  }

  /// A stream of `bytes`, `tables` of which are code tables.
  void add_stream(StreamUse use, StageId stage, std::uint64_t bytes,
                  std::uint64_t tables) noexcept {
    const bool huffman = stage == StageId::kHuffman;
    table_bytes += tables;
    if (use == StreamUse::kValues) {
      value_bytes += bytes - tables;
      value_huffman |= huffman;
    } else {
      index_bytes += bytes - tables;
      index_huffman |= huffman;
    }
  }

 private:
  std::array<const LayoutDecoder*, kMaxNesting + 1> layouts_{};
  std::size_t layout_count_ = 0;
};

}  // namespace qc
