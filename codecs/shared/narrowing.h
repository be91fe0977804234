// Floats as floats of a narrower type. A narrowing is exact when widening gives the same bits back.
#pragma once

#include <array>
#include <cstdint>

#include "codecs/shared/element.h"
#include "core/bit_cast.h"
#include "core/float_types.h"

namespace qc {

inline float as_float(std::uint64_t pattern) noexcept {
  return bit_cast<float>(static_cast<std::uint32_t>(pattern));
}

inline std::uint64_t from_half(std::uint64_t pattern) noexcept {
  return half_to_float_bits(static_cast<std::uint16_t>(pattern));
}

inline std::uint64_t add_low_half(std::uint64_t pattern) noexcept { return pattern << 16; }

/// 0 for NaNs: converting them may change their payload.
inline std::uint64_t float_to_double(std::uint64_t pattern) noexcept {
  if ((pattern & 0x7fffffffu) > 0x7f800000u) return 0;
  return bit_cast<std::uint64_t>(static_cast<double>(as_float(pattern)));
}

struct Narrowing {
  std::uint8_t code;  ///< on disk: its place in kNarrowings
  Element from;
  Element to;
  std::uint64_t (*widen)(std::uint64_t pattern) noexcept;
};

inline constexpr std::array<Narrowing, 3> kNarrowings = {{
    {.code = 0, .from = {4, true}, .to = {2, true}, .widen = from_half},
    {.code = 1, .from = {4, true}, .to = {2, true}, .widen = add_low_half},
    {.code = 2, .from = {8, true}, .to = {4, true}, .widen = float_to_double},
}};

}  // namespace qc
