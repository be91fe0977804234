// Sorted codebooks as bytes: differences of ordered bit patterns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/decode_context.h"
#include "codecs/element.h"
#include "core/bytes.h"

namespace qc {

/// The most entries of one codebook.
inline constexpr std::uint64_t kMaxCodebookEntries = std::uint64_t{1} << 24;

/// Appends a codebook: distinct patterns in the order of order_key(). The number of entries is not
/// stored.
void write_codebook(std::span<const std::uint64_t> sorted, Element element, Bytes& out);

/// Reads `count` patterns as elements one after the other into `book`, which has room for them.
/// False, with the reason in the context, when the bytes are damaged.
bool read_codebook(ByteReader& in, std::uint64_t count, Element element, std::uint8_t* book,
                   DecodeContext& context) noexcept;

}  // namespace qc
