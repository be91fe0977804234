#include "codecs/shared/simd/compress.h"

#include "codecs/shared/element.h"
#include "codecs/shared/simd/intrinsics.h"
#include "codecs/shared/simd/places.h"

namespace qc {
namespace {

template <typename T>
void compress_portable(const std::uint8_t* data, std::size_t count, std::uint8_t* bitmap,
                       std::uint8_t* values) noexcept {
  for (std::size_t begin = 0; begin < count; begin += 8) {
    const std::size_t some = count - begin < 8 ? count - begin : 8;
    unsigned bits = 0;
    for (std::size_t i = 0; i < some; ++i) {
      const T value = load_le<T>(data + (begin + i) * sizeof(T));
      // Stored in any case, and written over when it is zero: no branch to mispredict.
      store_le(values, value);
      values += value != 0 ? sizeof(T) : 0;
      bits |= (value != 0 ? 1u : 0u) << i;
    }
    *bitmap++ = static_cast<std::uint8_t>(bits);
  }
}

#if QC_X86_KERNELS

QC_TARGET_AVX512 void compress_words_avx512(const std::uint8_t* data, std::size_t count,
                                            std::uint8_t* bitmap, std::uint8_t* values) noexcept {
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512i elements = _mm512_loadu_si512(data + 4 * i);
    const __mmask16 set = _mm512_test_epi32_mask(elements, elements);
    store_le(bitmap + i / 8, static_cast<std::uint16_t>(set));
    _mm512_storeu_si512(values, _mm512_maskz_compress_epi32(set, elements));
    values += 4 * static_cast<std::size_t>(_mm_popcnt_u32(set));
  }
  compress_portable<std::uint32_t>(data + 4 * i, count - i, bitmap + i / 8, values);
}

#elif QC_NEON_KERNELS

// Those of four words that are not zero; gives their bits.
unsigned compress_four(const std::uint8_t* data, std::uint8_t*& values) noexcept {
  constexpr std::uint32_t kBitOfLane[] = {1, 2, 4, 8};
  const uint8x16_t elements = vld1q_u8(data);
  const uint32x4_t words = vreinterpretq_u32_u8(elements);
  const uint32x4_t set = vandq_u32(vtstq_u32(words, words), vld1q_u32(kBitOfLane));
  const unsigned bits = vaddvq_u32(set);
  vst1q_u8(values, vqtbl1q_u8(elements, vld1q_u8(kCompressWords[bits].data())));
  values += kWordBytes[bits];
  return bits;
}

void compress_words_neon(const std::uint8_t* data, std::size_t count, std::uint8_t* bitmap,
                         std::uint8_t* values) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const unsigned low = compress_four(data + 4 * i, values);
    const unsigned high = compress_four(data + 4 * i + 16, values);
    *bitmap++ = static_cast<std::uint8_t>(low | high << 4);
  }
  compress_portable<std::uint32_t>(data + 4 * i, count - i, bitmap, values);
}

#endif

}  // namespace

void compress_nonzeros(const std::uint8_t* data, std::size_t count, unsigned width,
                       std::uint8_t* bitmap, std::uint8_t* values) noexcept {
#if QC_X86_KERNELS
  if (width == 4 && simd_level() == SimdLevel::kAvx512) {
    return compress_words_avx512(data, count, bitmap, values);
  }
#elif QC_NEON_KERNELS
  if (width == 4 && simd_level() == SimdLevel::kNeon) {
    return compress_words_neon(data, count, bitmap, values);
  }
#endif
  with_width(width, [&]<typename T>() { compress_portable<T>(data, count, bitmap, values); });
}

}  // namespace qc
