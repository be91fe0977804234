#include "core/zeros.h"

#include <algorithm>
#include <cmath>

namespace qc {
namespace {

// Calls body.operator()<Bits>() with the unsigned type as wide as a float type.
template <typename Body>
void with_bits(DataType type, Body&& body) noexcept {
  switch (data_type_bits(type)) {
    case 16:
      return body.template operator()<std::uint16_t>();
    case 64:
      return body.template operator()<std::uint64_t>();
    default:
      return body.template operator()<std::uint32_t>();
  }
}

template <typename Bits>
constexpr Bits kNegativeZero = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));

// Bits of `part` of `whole` symbols that are coded by their frequency.
double information(std::uint64_t part, std::uint64_t whole) noexcept {
  if (part == 0) return 0;
  const auto count = static_cast<double>(part);
  return count * std::log2(static_cast<double>(whole) / count);
}

}  // namespace

ZeroCount& ZeroCount::operator+=(const ZeroCount& other) noexcept {
  zeros += other.zeros;
  negative += other.negative;
  return *this;
}

double ZeroCount::sign_bytes() const noexcept {
  return (information(negative, zeros) + information(zeros - negative, zeros)) / 8;
}

ZeroCount count_zeros(DataType type, ByteView payload) noexcept {
  ZeroCount count;
  with_bits(type, [&]<typename Bits>() {
    // Sums of 32 bits in blocks: a compiler counts several elements at a time.
    constexpr std::size_t kBlock = std::size_t{1} << 16;
    for (std::size_t begin = 0; begin < payload.size(); begin += kBlock) {
      const std::size_t end = std::min(payload.size(), begin + kBlock);
      std::uint32_t zeros = 0;
      std::uint32_t negative = 0;
      for (std::size_t at = begin; at < end; at += sizeof(Bits)) {
        const auto bits = load_le<Bits>(payload.data() + at);
        zeros += (bits & static_cast<Bits>(~kNegativeZero<Bits>)) == 0 ? 1 : 0;
        negative += bits == kNegativeZero<Bits> ? 1 : 0;
      }
      count += {zeros, negative};
    }
  });
  return count;
}

void make_zeros_positive(DataType type, MutableBytes payload) noexcept {
  with_bits(type, [&]<typename Bits>() {
    for (std::size_t at = 0; at < payload.size(); at += sizeof(Bits)) {
      const auto bits = load_le<Bits>(payload.data() + at);
      store_le(payload.data() + at, bits == kNegativeZero<Bits> ? Bits{0} : bits);
    }
  });
}

}  // namespace qc
