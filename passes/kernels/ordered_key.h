// Floats as unsigned integers of the same order.
#pragma once

#include <bit>
#include <cstdint>

namespace qc {

/// Ascending with the value; minus zero gives what zero gives. Requires that it is not NaN.
inline std::uint32_t ordered_key(float value) noexcept {
  constexpr std::uint32_t kSign = 0x80000000u;
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);
  // Negative numbers are reversed and put below the others.
  const auto negative = static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 31);
  return bits ^ (negative | kSign);
}

/// The value of a key.
inline float from_ordered_key(std::uint32_t key) noexcept {
  constexpr std::uint32_t kSign = 0x80000000u;
  return std::bit_cast<float>((key & kSign) != 0 ? key & ~kSign : ~key);
}

}  // namespace qc
