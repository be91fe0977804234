// rANS in AVX-512: 64 lanes in four vectors; words are handed out by expansion.
#include "codecs/decode/stages/rans_decoder.h"
#include "codecs/shared/simd/intrinsics.h"

#if QC_X86_KERNELS

namespace qc {

QC_TARGET_AVX512 void decode_rans_avx512(const RansTable& table, RansLanes& lanes, Symbol* out,
                                         std::size_t rows) noexcept {
  constexpr std::size_t kVectors = 4;
  const __m512i slot_mask = _mm512_set1_epi32(static_cast<int>((1u << table.bits) - 1));
  const __m512i low_half = _mm512_set1_epi32(0xffff);
  const __m512i low = _mm512_set1_epi32(static_cast<int>(kRansLow));
  const __m128i bits = _mm_cvtsi32_si128(static_cast<int>(table.bits));
  __m512i states[kVectors];
  for (std::size_t k = 0; k < kVectors; ++k) {
    states[k] = _mm512_load_si512(lanes.states.data() + 16 * k);
  }
  const std::uint8_t* next = lanes.next;
  for (; rows > 0; --rows) {
    for (std::size_t k = 0; k < kVectors; ++k) {
      const __m512i slots = _mm512_and_si512(states[k], slot_mask);
      const __m512i symbols =
          _mm512_and_si512(_mm512_i32gather_epi32(slots, table.symbols, 2), low_half);
      const __m512i ranges = _mm512_i32gather_epi32(symbols, table.ranges, 4);
      const __m512i rests = _mm512_sub_epi32(slots, _mm512_srli_epi32(ranges, 16));
      const __m512i scaled =
          _mm512_mullo_epi32(_mm512_and_si512(ranges, low_half), _mm512_srl_epi32(states[k], bits));
      const __m512i moved = _mm512_add_epi32(scaled, rests);
      const __mmask16 refill = _mm512_cmplt_epu32_mask(moved, low);
      const __m512i words =
          _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(next)));
      const __m512i mine = _mm512_maskz_expand_epi32(refill, words);
      states[k] = _mm512_mask_or_epi32(moved, refill, _mm512_slli_epi32(moved, 16), mine);
      next += 2 * static_cast<std::size_t>(_mm_popcnt_u32(refill));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 16 * k), _mm512_cvtepi32_epi16(symbols));
    }
    out += kMaxRansLanes;
  }
  lanes.next = next;
  for (std::size_t k = 0; k < kVectors; ++k) {
    _mm512_store_si512(lanes.states.data() + 16 * k, states[k]);
  }
}

}  // namespace qc
#endif
