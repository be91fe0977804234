// Huffman parts in AVX2, 32 at a time: four vectors of 32 bits, refilled and looked up by gathers.
#include "codecs/decode/stages/huffman_decoder.h"
#include "codecs/shared/simd/intrinsics.h"

#if QC_X86_KERNELS

namespace qc {
namespace {

// Bits that a 32-bit load at a byte boundary is sure to hold.
constexpr unsigned kUsableBits = 32 - 7;

QC_TARGET_AVX2 inline __m256i gather(const void* from, __m256i at, bool bytes) noexcept {
  const int* base = static_cast<const int*>(from);
  return bytes ? _mm256_i32gather_epi32(base, at, 1) : _mm256_i32gather_epi32(base, at, 4);
}

// Entries of half a row: the low halves are symbols, part 4j + k in lane j of vector k.
QC_TARGET_AVX2 inline void store_entries(const __m256i (&entries)[4], Symbol* out) noexcept {
  const __m256i even = _mm256_blend_epi16(entries[0], _mm256_slli_epi32(entries[1], 16), 0xaa);
  const __m256i odd = _mm256_blend_epi16(entries[2], _mm256_slli_epi32(entries[3], 16), 0xaa);
  const __m256i low = _mm256_unpacklo_epi32(even, odd);
  const __m256i high = _mm256_unpackhi_epi32(even, odd);
  auto* to = reinterpret_cast<__m256i*>(out);
  _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
  _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
}

// The parts of slots first + 16k on, for k = 0 to 3. Rows are `stride` symbols apart.
template <unsigned Steps>
QC_TARGET_AVX2 void decode_half(const HuffmanTable& table, HuffmanParts& parts, std::size_t first,
                                Symbol* out, std::size_t rows, std::size_t stride) noexcept {
  const __m256i mask = _mm256_set1_epi32(static_cast<int>((1u << table.longest) - 1));
  __m256i positions[4];
  std::uint32_t* at = parts.positions.data() + first;
  for (std::size_t k = 0; k < 4; ++k) {
    positions[k] = _mm256_load_si256(reinterpret_cast<const __m256i*>(at + 16 * k));
  }
  while (rows > 0) {
    __m256i bits[4];
    for (std::size_t k = 0; k < 4; ++k) {
      bits[k] = _mm256_srlv_epi32(gather(parts.begin, _mm256_srli_epi32(positions[k], 3), true),
                                  _mm256_and_si256(positions[k], _mm256_set1_epi32(7)));
    }
    const unsigned steps = rows < Steps ? 1 : Steps;
    for (unsigned step = 0; step < steps; ++step) {
      __m256i entries[4];
      for (std::size_t k = 0; k < 4; ++k) {
        entries[k] = gather(table.entries, _mm256_and_si256(bits[k], mask), false);
        const __m256i lengths = _mm256_srli_epi32(entries[k], 16);
        bits[k] = _mm256_srlv_epi32(bits[k], lengths);
        positions[k] = _mm256_add_epi32(positions[k], lengths);
      }
      store_entries(entries, out);
      out += stride;
    }
    rows -= steps;
  }
  for (std::size_t k = 0; k < 4; ++k) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(at + 16 * k), positions[k]);
  }
}

template <unsigned Steps>
void decode_rows(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                 std::size_t rows) noexcept {
  for (std::size_t group = 0; group < parts.count(); group += kGroup) {
    decode_half<Steps>(table, parts, group, out + group, rows, parts.count());
    decode_half<Steps>(table, parts, group + 8, out + group + kGroup / 2, rows, parts.count());
  }
}

}  // namespace

void decode_huffman_avx2(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                         std::size_t rows) noexcept {
  switch (kUsableBits / table.longest) {
    case 1:
      return decode_rows<1>(table, parts, out, rows);
    case 2:
      return decode_rows<2>(table, parts, out, rows);
    case 3:
      return decode_rows<3>(table, parts, out, rows);
    default:
      return decode_rows<4>(table, parts, out, rows);
  }
}

}  // namespace qc
#endif
