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
#endif
  with_width(width, [&]<typename T>() { join_portable<T>(planes, turned, out, done, count); });
}

}  // namespace qc
