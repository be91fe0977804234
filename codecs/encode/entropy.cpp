#include "codecs/encode/entropy.h"

#include <array>
#include <bit>

namespace qc {
namespace {

constexpr unsigned kLogFraction = 12;

constexpr unsigned kLogIndexBits = 11;

// log2 of 1 + (i + 1/2) / 2^kLogIndexBits in fixed point, by squaring once for every fraction bit.
constexpr auto kLogFractions = [] {
  std::array<std::uint16_t, std::size_t{1} << kLogIndexBits> fractions{};
  for (std::size_t i = 0; i < fractions.size(); ++i) {
    std::uint64_t mantissa = (std::uint64_t{1} << 31) + ((2 * i + 1) << (30 - kLogIndexBits));
    std::uint32_t result = 0;
    for (unsigned bit = 0; bit < kLogFraction; ++bit) {
      mantissa = mantissa * mantissa >> 31;
      result <<= 1;
      if (mantissa >> 32 != 0) {
        mantissa >>= 1;
        result |= 1;
      }
    }
    fractions[i] = static_cast<std::uint16_t>(result);
  }
  return fractions;
}();

// log2 in fixed point, right to the last bits of the fraction; exact for powers of two. 0 for 0.
std::uint64_t log2_fixed(std::uint64_t number) noexcept {
  if (number == 0) return 0;
  const auto whole = static_cast<unsigned>(std::bit_width(number)) - 1;
  if (std::has_single_bit(number)) return std::uint64_t{whole} << kLogFraction;
  const std::uint64_t rest = number ^ (std::uint64_t{1} << whole);
  const std::uint64_t index =
      whole > kLogIndexBits ? rest >> (whole - kLogIndexBits) : rest << (kLogIndexBits - whole);
  return (std::uint64_t{whole} << kLogFraction) + kLogFractions[index];
}

// Whole bits.
std::uint64_t round_up(std::uint64_t fixed) noexcept {
  return (fixed + (std::uint64_t{1} << kLogFraction) - 1) >> kLogFraction;
}

}  // namespace

std::uint64_t entropy_bits(std::span<const std::uint32_t> counts) noexcept {
  std::uint64_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  const std::uint64_t log_total = log2_fixed(total);
  std::uint64_t bits = 0;
  for (const std::uint32_t count : counts) {
    if (count > 0) bits += count * (log_total - log2_fixed(count));
  }
  return round_up(bits);
}

std::uint64_t cross_entropy_bits(std::span<const std::uint32_t> counts,
                                 std::span<const std::uint32_t> frequencies,
                                 unsigned bits) noexcept {
  const std::uint64_t log_total = std::uint64_t{bits} << kLogFraction;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) sum += counts[i] * (log_total - log2_fixed(frequencies[i]));
  }
  return round_up(sum);
}

}  // namespace qc
