// rANS in AVX2: 64 lanes in eight vectors; words are handed out by a table of permutations.
#include "codecs/decode/stages/rans_decoder.h"
#include "codecs/shared/simd/intrinsics.h"
#include "codecs/shared/simd/places.h"

#if QC_X86_KERNELS

namespace qc {

QC_TARGET_AVX2 void decode_rans_avx2(const RansTable& table, RansLanes& lanes, Symbol* out,
                                     std::size_t rows) noexcept {
  constexpr std::size_t kVectors = 8;
  const __m256i slot_mask = _mm256_set1_epi32(static_cast<int>((1u << table.bits) - 1));
  const __m256i low_half = _mm256_set1_epi32(0xffff);
  const __m128i bits = _mm_cvtsi32_si128(static_cast<int>(table.bits));
  const auto* symbols_at = reinterpret_cast<const int*>(table.symbols);
  const auto* ranges_at = reinterpret_cast<const int*>(table.ranges);
  const std::uint8_t* next = lanes.next;
  auto* states_at = reinterpret_cast<__m256i*>(lanes.states.data());
  for (; rows > 0; --rows) {
    for (std::size_t k = 0; k < kVectors; ++k) {
      const __m256i state = _mm256_load_si256(states_at + k);
      const __m256i slots = _mm256_and_si256(state, slot_mask);
      const __m256i symbols =
          _mm256_and_si256(_mm256_i32gather_epi32(symbols_at, slots, 2), low_half);
      const __m256i ranges = _mm256_i32gather_epi32(ranges_at, symbols, 4);
      const __m256i rests = _mm256_sub_epi32(slots, _mm256_srli_epi32(ranges, 16));
      const __m256i scaled =
          _mm256_mullo_epi32(_mm256_and_si256(ranges, low_half), _mm256_srl_epi32(state, bits));
      const __m256i moved = _mm256_add_epi32(scaled, rests);
      // Below 2^16: nothing in the upper half.
      const __m256i refill =
          _mm256_cmpeq_epi32(_mm256_srli_epi32(moved, 16), _mm256_setzero_si256());
      const auto mask = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(refill)));
      const __m256i words =
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next)));
      const __m128i places =
          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kExpandPlaces[mask]));
      const __m256i mine = _mm256_permutevar8x32_epi32(words, _mm256_cvtepu8_epi32(places));
      const __m256i refilled = _mm256_or_si256(_mm256_slli_epi32(moved, 16), mine);
      _mm256_store_si256(states_at + k, _mm256_blendv_epi8(moved, refilled, refill));
      next += 2 * static_cast<std::size_t>(_mm_popcnt_u32(mask));
      const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(symbols, symbols), 0xd8);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 8 * k), _mm256_castsi256_si128(packed));
    }
    out += kMaxRansLanes;
  }
  lanes.next = next;
}

}  // namespace qc
#endif
