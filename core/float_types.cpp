#include "core/float_types.h"

#include <cmath>

#include "core/bit_cast.h"

namespace qc {

float half_to_float(std::uint16_t bits) noexcept {
  return bit_cast<float>(half_to_float_bits(bits));
}

std::uint16_t float_to_half(float value) noexcept {
  const auto bits = bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    const std::uint32_t payload = (magnitude >> 13) & 0x3ffu;
    return static_cast<std::uint16_t>(sign | 0x7c00u | (payload ? payload : 1u));
  }
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  const auto round_shift = [](std::uint32_t number, std::uint32_t shift) {
    const std::uint32_t half = 1u << (shift - 1);
    const std::uint32_t odd = (number >> shift) & 1u;
    return (number + half - 1 + odd) >> shift;
  };
  if (magnitude >= 0x38800000u) {
    // A carry out of the mantissa correctly raises the exponent, up to infinity.
    return static_cast<std::uint16_t>(sign | round_shift(magnitude - (112u << 23), 13));
  }
  const std::uint32_t exponent = magnitude >> 23;
  if (exponent < 102) return static_cast<std::uint16_t>(sign);
  const std::uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  return static_cast<std::uint16_t>(sign | round_shift(mantissa, 126 - exponent));
}

float bfloat16_to_float(std::uint16_t bits) noexcept {
  return bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t float_to_bfloat16(float value) noexcept {
  const auto bits = bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return static_cast<std::uint16_t>((bits >> 16) | ((bits & 0x7f0000u) ? 0u : 1u));
  }
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace qc
