#include "codecs/shared/simd/join_planes.h"

#include <algorithm>
#include <cstring>

#include "codecs/shared/element.h"
#include "codecs/shared/simd/intrinsics.h"

namespace qc {
namespace {

template <typename T>
T turn_right(T value) noexcept {
  return static_cast<T>(static_cast<T>(value >> 1) | static_cast<T>(value << (8 * sizeof(T) - 1)));
}

// A plane into the elements, which hold nothing yet where it is the first.
template <typename T, typename Bits>
void add_plane(const Bits* plane, unsigned shift, T* values, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<T>(values[i] | static_cast<T>(static_cast<T>(plane[i]) << shift));
  }
}

template <typename T>
void join_portable(std::span<const PlaneBlock> planes, bool turned, std::uint8_t* out,
                   std::size_t begin, std::size_t end) noexcept {
  constexpr std::size_t kStep = 512;
  T values[kStep];
  for (std::size_t at = begin; at < end; at += kStep) {
    const std::size_t some = std::min(kStep, end - at);
    std::fill_n(values, some, T{0});
    for (const PlaneBlock& plane : planes) {
      if (plane.bytes != nullptr) add_plane(plane.bytes + at, plane.shift, values, some);
      if (plane.symbols != nullptr) add_plane(plane.symbols + at, plane.shift, values, some);
    }
    if (turned) {
      for (std::size_t i = 0; i < some; ++i) values[i] = turn_right(values[i]);
    }
    std::memcpy(out + at * sizeof(T), values, some * sizeof(T));
  }
}

#if QC_X86_KERNELS

// The bits of eight elements in 32-bit lanes.
QC_TARGET_AVX2 inline __m256i eight_words(const PlaneBlock& plane, std::size_t at) noexcept {
  if (plane.bytes != nullptr) {
    return _mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(plane.bytes + at)));
  }
  return _mm256_cvtepu16_epi32(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(plane.symbols + at)));
}

// Elements from the first on, so many that fill vectors; gives their number.
QC_TARGET_AVX2 std::size_t join_words_avx2(std::span<const PlaneBlock> planes, bool turned,
                                           std::uint8_t* out, std::size_t count) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= count; at += 8) {
    __m256i value = _mm256_setzero_si256();
    for (const PlaneBlock& plane : planes) {
      const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(plane.shift));
      value = _mm256_or_si256(value, _mm256_sll_epi32(eight_words(plane, at), shift));
    }
    if (turned) {
      value = _mm256_or_si256(_mm256_srli_epi32(value, 1), _mm256_slli_epi32(value, 31));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 4 * at), value);
  }
  return at;
}

// The bits of sixteen elements in 16-bit lanes.
QC_TARGET_AVX2 inline __m256i sixteen_halves(const PlaneBlock& plane, std::size_t at) noexcept {
  if (plane.bytes != nullptr) {
    return _mm256_cvtepu8_epi16(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(plane.bytes + at)));
  }
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(plane.symbols + at));
}

QC_TARGET_AVX2 std::size_t join_halves_avx2(std::span<const PlaneBlock> planes, bool turned,
                                            std::uint8_t* out, std::size_t count) noexcept {
  std::size_t at = 0;
  for (; at + 16 <= count; at += 16) {
    __m256i value = _mm256_setzero_si256();
    for (const PlaneBlock& plane : planes) {
      const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(plane.shift));
      value = _mm256_or_si256(value, _mm256_sll_epi16(sixteen_halves(plane, at), shift));
    }
    if (turned) {
      value = _mm256_or_si256(_mm256_srli_epi16(value, 1), _mm256_slli_epi16(value, 15));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 2 * at), value);
  }
  return at;
}

#elif QC_NEON_KERNELS

// The bits of sixteen elements in 16-bit lanes.
uint16x8x2_t sixteen_halves(const PlaneBlock& plane, std::size_t at) noexcept {
  if (plane.bytes == nullptr) return vld1q_u16_x2(plane.symbols + at);
  const uint8x16_t bytes = vld1q_u8(plane.bytes + at);
  return {vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)};
}

// Elements from the first on, so many that fill vectors; gives their number. With -O2, `values` are
// in registers only if the loops over them are unrolled by force.
std::size_t join_words_neon(std::span<const PlaneBlock> planes, bool turned, std::uint8_t* out,
                            std::size_t count) noexcept {
  std::size_t at = 0;
  for (; at + 16 <= count; at += 16) {
    uint32x4_t values[4] = {};
    for (const PlaneBlock& plane : planes) {
      const int32x4_t shift = vdupq_n_s32(static_cast<int>(plane.shift));
      const uint16x8x2_t bits = sixteen_halves(plane, at);
#pragma GCC unroll 2
      for (unsigned i = 0; i < 2; ++i) {
        const uint32x4_t low = vmovl_u16(vget_low_u16(bits.val[i]));
        const uint32x4_t high = vmovl_high_u16(bits.val[i]);
        values[2 * i] = vorrq_u32(values[2 * i], vshlq_u32(low, shift));
        values[2 * i + 1] = vorrq_u32(values[2 * i + 1], vshlq_u32(high, shift));
      }
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; ++i) {
      // A shift to the right that keeps the bits above.
      if (turned) values[i] = vsriq_n_u32(vshlq_n_u32(values[i], 31), values[i], 1);
      vst1q_u8(out + 4 * at + 16 * i, vreinterpretq_u8_u32(values[i]));
    }
  }
  return at;
}

std::size_t join_halves_neon(std::span<const PlaneBlock> planes, bool turned, std::uint8_t* out,
                             std::size_t count) noexcept {
  std::size_t at = 0;
  for (; at + 16 <= count; at += 16) {
    uint16x8_t values[2] = {};
    for (const PlaneBlock& plane : planes) {
      const int16x8_t shift = vdupq_n_s16(static_cast<std::int16_t>(plane.shift));
      const uint16x8x2_t bits = sixteen_halves(plane, at);
      for (unsigned i = 0; i < 2; ++i) {
        values[i] = vorrq_u16(values[i], vshlq_u16(bits.val[i], shift));
      }
    }
    for (unsigned i = 0; i < 2; ++i) {
      if (turned) values[i] = vsriq_n_u16(vshlq_n_u16(values[i], 15), values[i], 1);
      vst1q_u8(out + 2 * at + 16 * i, vreinterpretq_u8_u16(values[i]));
    }
  }
  return at;
}

#endif

}  // namespace

void join_planes(std::span<const PlaneBlock> planes, unsigned width, bool turned, std::uint8_t* out,
                 std::size_t count) noexcept {
  std::size_t done = 0;
#if QC_X86_KERNELS
  if (simd_level() != SimdLevel::kScalar) {
    if (width == 4) done = join_words_avx2(planes, turned, out, count);
    if (width == 2) done = join_halves_avx2(planes, turned, out, count);
  }
#elif QC_NEON_KERNELS
  if (simd_level() != SimdLevel::kScalar) {
    if (width == 4) done = join_words_neon(planes, turned, out, count);
    if (width == 2) done = join_halves_neon(planes, turned, out, count);
  }
#endif
  with_width(width, [&]<typename T>() { join_portable<T>(planes, turned, out, done, count); });
}

}  // namespace qc
