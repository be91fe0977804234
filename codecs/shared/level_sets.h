// Sets of small multiples of a scale: ternary, five-level and binary weights.
#pragma once

#include <cstdint>

#include "codecs/shared/symbol.h"

namespace qc {

/// The sets of multiples, by how many there are: 2 for {-1, 1}, 3 for {-1, 0, 1}, 5 for {-2, ...,
/// 2}. Symbol s of the set stands for multiple_of(set, s).
constexpr bool is_level_set(std::uint64_t set) noexcept { return set == 2 || set == 3 || set == 5; }

constexpr int multiple_of(std::uint32_t set, std::uint32_t symbol) noexcept {
  return set == 2 ? 2 * static_cast<int>(symbol) - 1
                  : static_cast<int>(symbol) - static_cast<int>(set / 2);
}

/// Bits of the mantissa, which doubled_pattern() needs. Two kinds of float have two bytes.
constexpr bool is_mantissa(std::uint64_t bits, unsigned width) noexcept {
  switch (width) {
    case 2:
      return bits == 10 || bits == 7;
    case 4:
      return bits == 23;
    case 8:
      return bits == 52;
    default:
      return false;
  }
}

/// Twice a positive float: one more in the exponent, which a number below the normal ones does not
/// have.
constexpr std::uint64_t doubled_pattern(std::uint64_t scale, unsigned mantissa) noexcept {
  const std::uint64_t exponent_step = std::uint64_t{1} << mantissa;
  return scale < exponent_step ? 2 * scale : scale + exponent_step;
}

/// The pattern of `multiple` (-2 to 2) times a scale.
constexpr std::uint64_t scaled_pattern(std::uint64_t scale, int multiple, unsigned mantissa,
                                       unsigned width) noexcept {
  if (multiple == 0) return 0;
  const std::uint64_t sign = std::uint64_t{1} << (8 * width - 1);
  const std::uint64_t magnitude =
      multiple == 2 || multiple == -2 ? doubled_pattern(scale, mantissa) : scale;
  return multiple < 0 ? magnitude ^ sign : magnitude;
}

/// The largest set.
inline constexpr std::uint32_t kMostInSet = 5;

constexpr std::uint32_t power(std::uint32_t base, std::uint32_t exponent) noexcept {
  std::uint32_t result = 1;
  for (std::uint32_t i = 0; i < exponent; ++i) result *= base;
  return result;
}

/// The most digits of base `set` in a symbol.
constexpr std::uint32_t most_grouped(std::uint32_t set) noexcept {
  std::uint32_t digits = 0;
  for (std::uint32_t values = set; values <= kMaxAlphabet; values *= set) ++digits;
  return digits;
}

}  // namespace qc
