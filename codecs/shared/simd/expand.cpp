#include "codecs/shared/simd/expand.h"

#include <bit>
#include <cstring>

#include "codecs/shared/element.h"
#include "codecs/shared/simd/intrinsics.h"
#include "codecs/shared/simd/places.h"

namespace qc {
namespace {

template <typename T>
void expand_portable(const std::uint8_t* bitmap, std::size_t bytes, const std::uint8_t* values,
                     std::uint8_t* out) noexcept {
  std::memset(out, 0, 8 * bytes * sizeof(T));
  for (std::size_t byte = 0; byte < bytes; ++byte) {
    for (unsigned bits = bitmap[byte]; bits != 0; bits &= bits - 1) {
      const auto at = static_cast<std::size_t>(std::countr_zero(bits));
      std::memcpy(out + at * sizeof(T), values, sizeof(T));
      values += sizeof(T);
    }
    out += 8 * sizeof(T);
  }
}

#if QC_X86_KERNELS

template <StoreMode Mode>
QC_TARGET_AVX2 void expand_words_avx2(const std::uint8_t* bitmap, std::size_t bytes,
                                      const std::uint8_t* values, std::uint8_t* out) noexcept {
  const __m256i bit_of_lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  for (std::size_t byte = 0; byte < bytes; ++byte) {
    const unsigned bits = bitmap[byte];
    const __m256i next = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
    const __m128i places = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kExpandPlaces[bits]));
    const __m256i spread = _mm256_permutevar8x32_epi32(next, _mm256_cvtepu8_epi32(places));
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), bit_of_lane);
    const __m256i keep = _mm256_cmpeq_epi32(set, bit_of_lane);
    const __m256i elements = _mm256_and_si256(spread, keep);
    auto* to = reinterpret_cast<__m256i*>(out);
    if constexpr (Mode == StoreMode::kStreaming) {
      _mm256_stream_si256(to, elements);
    } else {
      _mm256_storeu_si256(to, elements);
    }
    values += 4 * static_cast<std::size_t>(_mm_popcnt_u32(bits));
    out += 32;
  }
}

template <StoreMode Mode>
QC_TARGET_AVX512 void expand_words_avx512(const std::uint8_t* bitmap, std::size_t bytes,
                                          const std::uint8_t* values, std::uint8_t* out) noexcept {
  std::size_t byte = 0;
  for (; byte + 2 <= bytes; byte += 2) {
    const unsigned bits = load_le<std::uint16_t>(bitmap + byte);
    const __m512i next = _mm512_loadu_si512(values);
    const __m512i elements = _mm512_maskz_expand_epi32(static_cast<__mmask16>(bits), next);
    if constexpr (Mode == StoreMode::kStreaming) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(out), elements);
    } else {
      _mm512_storeu_si512(out, elements);
    }
    values += 4 * static_cast<std::size_t>(_mm_popcnt_u32(bits));
    out += 64;
  }
  if (byte < bytes) expand_words_avx2<StoreMode::kCached>(bitmap + byte, 1, values, out);
}

#elif QC_NEON_KERNELS

// The elements of four bits.
void expand_four(unsigned bits, const std::uint8_t*& values, std::uint8_t* out) noexcept {
  vst1q_u8(out, vqtbl1q_u8(vld1q_u8(values), vld1q_u8(kExpandWords[bits].data())));
  values += kWordBytes[bits];
}

void expand_words_neon(const std::uint8_t* bitmap, std::size_t bytes, const std::uint8_t* values,
                       std::uint8_t* out) noexcept {
  for (std::size_t byte = 0; byte < bytes; ++byte) {
    const unsigned bits = bitmap[byte];
    expand_four(bits & 15u, values, out);
    expand_four(bits >> 4, values, out + 16);
    out += 32;
  }
}

#endif

}  // namespace

void expand_bits(const std::uint8_t* bitmap, std::size_t bytes, const std::uint8_t* values,
                 unsigned width, std::uint8_t* out, StoreMode mode) noexcept {
  if (bytes == 0) return;
#if QC_X86_KERNELS
  const bool streaming = mode == StoreMode::kStreaming;
  if (width == 4 && simd_level() == SimdLevel::kAvx512) {
    return streaming ? expand_words_avx512<StoreMode::kStreaming>(bitmap, bytes, values, out)
                     : expand_words_avx512<StoreMode::kCached>(bitmap, bytes, values, out);
  }
  if (width == 4 && simd_level() == SimdLevel::kAvx2) {
    return streaming ? expand_words_avx2<StoreMode::kStreaming>(bitmap, bytes, values, out)
                     : expand_words_avx2<StoreMode::kCached>(bitmap, bytes, values, out);
  }
#elif QC_NEON_KERNELS
  if (width == 4 && simd_level() == SimdLevel::kNeon) {
    return expand_words_neon(bitmap, bytes, values, out);
  }
#endif
  static_cast<void>(mode);
  with_width(width, [&]<typename T>() { expand_portable<T>(bitmap, bytes, values, out); });
}

std::size_t count_bits(const std::uint8_t* bitmap, std::size_t bytes) noexcept {
  std::size_t count = 0;
  std::size_t at = 0;
  for (; at + 8 <= bytes; at += 8) {
    count += static_cast<std::size_t>(std::popcount(load_le<std::uint64_t>(bitmap + at)));
  }
  for (; at < bytes; ++at) count += static_cast<std::size_t>(std::popcount(bitmap[at]));
  return count;
}

}  // namespace qc
