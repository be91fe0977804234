// Sorted codebooks as bytes; see codebook_code.h.
#pragma once

#include <cstdint>

#include "codecs/decode/coded_stats.h"
#include "codecs/decode/decode_context.h"
#include "codecs/shared/element.h"
#include "core/bytes.h"

namespace qc {

/// Reads `count` patterns as elements one after the other into `book`, which has room for them.
/// False, with the reason in the context, when the bytes are damaged. `stats` as in
/// LayoutDecoder::open.
bool read_codebook(ByteReader& in, std::uint64_t count, Element element, std::uint8_t* book,
                   DecodeContext& context, CodedStats* stats) noexcept;

}  // namespace qc
