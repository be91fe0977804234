// Writing of interleaved Huffman parts.
#pragma once

#include <cstdint>
#include <span>

#include "codecs/stage.h"

namespace qc {

/// Appends 2^log_parts bit strings: symbol i goes to part i mod 2^log_parts. `codes` and `lengths`
/// are of canonical_codes(). Gives the sizes of the parts in bytes. Requires at most
/// kMaxHuffmanParts.
std::vector<std::size_t> encode_huffman(std::span<const Symbol> symbols,
                                        std::span<const std::uint16_t> codes,
                                        std::span<const std::uint8_t> lengths, unsigned log_parts,
                                        Bytes& out);

}  // namespace qc
