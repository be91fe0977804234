// Dense elements to a bitmap and the values that are not zero.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qc {

/// Bytes after the values that compress_nonzeros may write.
inline constexpr std::size_t kCompressSlack = 64;

/// Bit i % 8 of byte i / 8 of `bitmap` becomes 1 where element i, of `width` bytes, is not zero
/// (all bits zero); those elements go to `values` in order. Bits past `count` are 0. Runs at
/// simd_level(), with the same result at every level.
void compress_nonzeros(const std::uint8_t* data, std::size_t count, unsigned width,
                       std::uint8_t* bitmap, std::uint8_t* values) noexcept;

}  // namespace qc
