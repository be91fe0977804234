// Sorted codebooks as bytes; see codebook_code.h.
#pragma once

#include <cstdint>
#include <span>

#include "codecs/shared/element.h"
#include "core/bytes.h"

namespace qc {

/// Appends a codebook: distinct patterns in the order of order_key(). The number of entries is not
/// stored.
void write_codebook(std::span<const std::uint64_t> sorted, Element element, Bytes& out);

}  // namespace qc
