// Bitmap and values to dense elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codecs/shared/simd/stream_copy.h"

namespace qc {

/// Bytes after the values that expand_bits may read.
inline constexpr std::size_t kExpandSlack = 64;

/// Writes 8 * `bytes` elements of `width` bytes: where bit i % 8 of byte i / 8 of the bitmap is
/// set, the next of `values`, elsewhere zero. Streaming, where there is a kernel for it, needs
/// `out` aligned to 64 bytes, and stream_fence() afterwards. Runs at simd_level(), with the same
/// result at every level.
void expand_bits(const std::uint8_t* bitmap, std::size_t bytes, const std::uint8_t* values,
                 unsigned width, std::uint8_t* out, StoreMode mode = StoreMode::kCached) noexcept;

/// Bits that are set.
std::size_t count_bits(const std::uint8_t* bitmap, std::size_t bytes) noexcept;

}  // namespace qc
