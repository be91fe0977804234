// Conversions between the float widths, exact to the bit and the same on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/bit_cast.h"
#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

/// IEEE 754 binary16 bits to float32; exact.
float half_to_float(std::uint16_t bits) noexcept;

/// The bits of that float32. Where floats pass through registers of another width (x87), a
/// signalling NaN survives only as an integer.
inline std::uint32_t half_to_float_bits(std::uint16_t bits) noexcept {
  // Without branches, so that compilers use vectors for loops over it.
  constexpr std::uint32_t kBias = (127 - 15) << 23;
  constexpr std::uint32_t kSmallest = kBias + (1 << 23);  // 2^-14
  const std::uint32_t exponent = bits & 0x7c00u;
  const std::uint32_t moved = (bits & 0x7fffu) << 13;
  // 2^-14 (1 + mantissa) - 2^-14, which is exact.
  const auto subnormal =
      bit_cast<std::uint32_t>(bit_cast<float>(moved + kSmallest) - bit_cast<float>(kSmallest));
  const std::uint32_t is_infinite = (exponent + 0x0400u) >> 15;  // or not a number
  const std::uint32_t normal = moved + kBias + is_infinite * kBias;
  const std::uint32_t is_normal = 0u - ((exponent + 0x7c00u) >> 15);
  return (static_cast<std::uint32_t>(bits & 0x8000u) << 16) | (normal & is_normal) |
         (subnormal & ~is_normal);
}

/// float32 to binary16 bits, rounded to nearest even; overflow gives infinity. A NaN keeps the top
/// ten bits of its payload and stays a NaN.
std::uint16_t float_to_half(float value) noexcept;

/// bfloat16 bits to float32; exact.
float bfloat16_to_float(std::uint16_t bits) noexcept;

/// float32 to bfloat16 bits, rounded to nearest even.
std::uint16_t float_to_bfloat16(float value) noexcept;

/// The values of a float32, float16, bfloat16 or double payload as float32 (doubles are rounded).
/// Requires is_value_type(type) and a whole number of elements.
std::vector<float> load_floats(DataType type, ByteView payload);

/// Writes one value as element `index` of a payload, rounded to nearest even in the payload's type.
/// Requires is_value_type(type).
void store_value(DataType type, MutableBytes payload, std::size_t index, double value) noexcept;

/// What a tensor of `type` holds after store_value().
double stored_value(DataType type, double value) noexcept;

/// store_value() of all elements; the payload must be as long as they are.
void store_floats(DataType type, std::span<const float> values, MutableBytes payload) noexcept;

}  // namespace qc
