// Writing of interleaved Huffman parts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codecs/encode/stage.h"

namespace qc {

/// Bit strings, and the memory that they are in.
struct EncodedParts {
  std::unique_ptr<std::uint8_t[]> memory;
  std::vector<ByteView> parts;
};

/// The 2^log_parts bit strings of a stream: symbol i goes to part i mod 2^log_parts. `codes` and
/// `lengths` are of canonical_codes(). Requires at most kMaxHuffmanParts.
EncodedParts encode_huffman(std::span<const Symbol> symbols, std::span<const std::uint16_t> codes,
                            std::span<const std::uint8_t> lengths, unsigned log_parts);

}  // namespace qc
