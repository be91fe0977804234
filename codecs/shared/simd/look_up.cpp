#include "codecs/shared/simd/look_up.h"

#include <cstring>

#include "codecs/shared/element.h"
#include "codecs/shared/simd/intrinsics.h"

namespace qc {
namespace {

template <typename T>
void look_up_portable(std::span<const Symbol> ranks, const std::uint8_t* codebook,
                      std::uint8_t* out) noexcept {
  for (const Symbol rank : ranks) {
    std::memcpy(out, codebook + rank * sizeof(T), sizeof(T));
    out += sizeof(T);
  }
}

#if QC_X86_KERNELS

QC_TARGET_AVX2 void look_up_words_avx2(std::span<const Symbol> ranks, const std::uint8_t* codebook,
                                       std::uint8_t* out) noexcept {
  const auto* book = reinterpret_cast<const int*>(codebook);
  std::size_t i = 0;
  for (; i + 8 <= ranks.size(); i += 8) {
    const __m256i at =
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(ranks.data() + i)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 4 * i),
                        _mm256_i32gather_epi32(book, at, 4));
  }
  look_up_portable<std::uint32_t>(ranks.subspan(i), codebook, out + 4 * i);
}

// Codebooks of at most 32 entries are two registers.
QC_TARGET_AVX512 void look_up_words_avx512(std::span<const Symbol> ranks,
                                           const std::uint8_t* codebook, std::size_t entries,
                                           std::uint8_t* out) noexcept {
  const auto first_entries = static_cast<__mmask16>(entries >= 16 ? 0xffffu : (1u << entries) - 1);
  const std::size_t more = entries > 16 ? entries - 16 : 0;
  const auto more_entries = static_cast<__mmask16>(more >= 16 ? 0xffffu : (1u << more) - 1);
  const __m512i low = _mm512_maskz_loadu_epi32(first_entries, codebook);
  const __m512i high =
      more > 0 ? _mm512_maskz_loadu_epi32(more_entries, codebook + 64) : _mm512_setzero_si512();
  const bool small = entries <= 32;
  std::size_t i = 0;
  for (; i + 16 <= ranks.size(); i += 16) {
    const __m512i at = _mm512_cvtepu16_epi32(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ranks.data() + i)));
    const __m512i values =
        small ? _mm512_permutex2var_epi32(low, at, high) : _mm512_i32gather_epi32(at, codebook, 4);
    _mm512_storeu_si512(out + 4 * i, values);
  }
  look_up_portable<std::uint32_t>(ranks.subspan(i), codebook, out + 4 * i);
}

#elif QC_NEON_KERNELS

// As many words as four registers hold; larger codebooks are looked up in memory.
constexpr std::size_t kEntriesInRegisters = 16;

// The entries that four ranks stand for.
uint8x16_t four_entries(const uint8x16x4_t& entries, uint32x4_t ranks) noexcept {
  // Byte b of an entry is at 4 * rank + b.
  const uint32x4_t places = vmlaq_u32(vdupq_n_u32(0x03020100), ranks, vdupq_n_u32(0x04040404));
  return vqtbl4q_u8(entries, vreinterpretq_u8_u32(places));
}

void look_up_words_neon(std::span<const Symbol> ranks, const std::uint8_t* codebook,
                        std::size_t entries, std::uint8_t* out) noexcept {
  std::uint8_t book[4 * kEntriesInRegisters] = {};
  std::memcpy(book, codebook, 4 * entries);
  const uint8x16x4_t registers = vld1q_u8_x4(book);
  std::size_t i = 0;
  for (; i + 8 <= ranks.size(); i += 8) {
    const uint16x8_t some = vld1q_u16(ranks.data() + i);
    vst1q_u8(out + 4 * i, four_entries(registers, vmovl_u16(vget_low_u16(some))));
    vst1q_u8(out + 4 * i + 16, four_entries(registers, vmovl_high_u16(some)));
  }
  look_up_portable<std::uint32_t>(ranks.subspan(i), codebook, out + 4 * i);
}

#endif

}  // namespace

void look_up(std::span<const Symbol> ranks, const std::uint8_t* codebook, std::size_t entries,
             unsigned width, std::uint8_t* out) noexcept {
#if QC_X86_KERNELS
  if (width == 4 && simd_level() == SimdLevel::kAvx512) {
    return look_up_words_avx512(ranks, codebook, entries, out);
  }
  if (width == 4 && simd_level() == SimdLevel::kAvx2) {
    return look_up_words_avx2(ranks, codebook, out);
  }
#elif QC_NEON_KERNELS
  if (width == 4 && entries <= kEntriesInRegisters && simd_level() == SimdLevel::kNeon) {
    return look_up_words_neon(ranks, codebook, entries, out);
  }
#endif
  static_cast<void>(entries);
  with_width(width, [&]<typename T>() { look_up_portable<T>(ranks, codebook, out); });
}

}  // namespace qc
