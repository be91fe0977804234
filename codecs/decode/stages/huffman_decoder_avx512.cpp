// Huffman parts in AVX-512: four vectors of 32 bits for a group, refilled by gathers. Two groups
// side by side hide each other's latency. Small codes are looked up in registers (VBMI byte
// permutations), others in the table in memory.
#include "codecs/decode/stages/huffman_decoder.h"
#include "codecs/shared/simd/intrinsics.h"

#if QC_X86_KERNELS

namespace qc {
namespace {

// Bits that a 32-bit load at a byte boundary is sure to hold.
constexpr unsigned kUsableBits = 32 - 7;

struct Lanes {
  __m512i v[4];
};

QC_TARGET_AVX512 inline __m512i load(const void* from) noexcept { return _mm512_load_si512(from); }

QC_TARGET_AVX512 inline Lanes load_positions(const HuffmanParts& parts,
                                             std::size_t group) noexcept {
  const std::uint32_t* at = parts.positions.data() + kGroup * group;
  return {{load(at), load(at + 16), load(at + 32), load(at + 48)}};
}

QC_TARGET_AVX512 inline void store_positions(const Lanes& positions, HuffmanParts& parts,
                                             std::size_t group) noexcept {
  std::uint32_t* at = parts.positions.data() + kGroup * group;
  for (std::size_t k = 0; k < 4; ++k) _mm512_store_si512(at + 16 * k, positions.v[k]);
}

QC_TARGET_AVX512 inline Lanes refill(const std::uint8_t* begin, const Lanes& positions) noexcept {
  Lanes bits;
  for (std::size_t k = 0; k < 4; ++k) {
    const __m512i bytes = _mm512_i32gather_epi32(_mm512_srli_epi32(positions.v[k], 3), begin, 1);
    bits.v[k] = _mm512_srlv_epi32(bytes, _mm512_and_si512(positions.v[k], _mm512_set1_epi32(7)));
  }
  return bits;
}

// Bytes k of each 32-bit lane from the low byte of vector k: in the order of parts.
QC_TARGET_AVX512 inline __m512i pack_low_bytes(const Lanes& bits) noexcept {
  __m512i packed =
      _mm512_mask_blend_epi8(0x2222222222222222u, bits.v[0], _mm512_slli_epi32(bits.v[1], 8));
  packed = _mm512_mask_blend_epi8(0x4444444444444444u, packed, _mm512_slli_epi32(bits.v[2], 16));
  return _mm512_mask_blend_epi8(0x8888888888888888u, packed, _mm512_slli_epi32(bits.v[3], 24));
}

QC_TARGET_AVX512 inline Lanes unpack_bytes(__m512i packed) noexcept {
  const __m512i low = _mm512_set1_epi32(0xff);
  return {{_mm512_and_si512(packed, low), _mm512_and_si512(_mm512_srli_epi32(packed, 8), low),
           _mm512_and_si512(_mm512_srli_epi32(packed, 16), low), _mm512_srli_epi32(packed, 24)}};
}

QC_TARGET_AVX512 inline void store_bytes(__m512i symbols, Symbol* out) noexcept {
  _mm512_storeu_si512(out, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(symbols)));
  _mm512_storeu_si512(out + 32, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(symbols, 1)));
}

struct CompactTable {
  __m512i symbols[4];
  __m512i lengths;
};

// `Bits` is 7 or 8: how many bits of the longest code are looked at.
template <unsigned Bits>
QC_TARGET_AVX512 inline __m512i look_up(const CompactTable& table, __m512i index) noexcept {
  const __m512i low = _mm512_permutex2var_epi8(table.symbols[0], index, table.symbols[1]);
  if constexpr (Bits == 7) return low;
  const __m512i high = _mm512_permutex2var_epi8(table.symbols[2], index, table.symbols[3]);
  return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(index), high);
}

template <unsigned Bits>
QC_TARGET_AVX512 inline __m512i compact_step(const CompactTable& table, Lanes& bits,
                                             Symbol* out) noexcept {
  const __m512i symbols = look_up<Bits>(table, pack_low_bytes(bits));
  const __m512i lengths = _mm512_permutexvar_epi8(symbols, table.lengths);
  store_bytes(symbols, out);
  const Lanes shifts = unpack_bytes(lengths);
  for (std::size_t k = 0; k < 4; ++k) bits.v[k] = _mm512_srlv_epi32(bits.v[k], shifts.v[k]);
  return lengths;
}

QC_TARGET_AVX512 inline void advance(Lanes& positions, __m512i lengths) noexcept {
  const Lanes by = unpack_bytes(lengths);
  for (std::size_t k = 0; k < 4; ++k) positions.v[k] = _mm512_add_epi32(positions.v[k], by.v[k]);
}

// `Steps` codes of every part, which fit into one refill.
template <unsigned Bits, std::size_t Steps, std::size_t Groups>
QC_TARGET_AVX512 inline void compact_rows(const CompactTable& table, const std::uint8_t* begin,
                                          Lanes (&positions)[Groups], Symbol* out) noexcept {
  Lanes bits[Groups];
  __m512i used[Groups];
  for (std::size_t group = 0; group < Groups; ++group) {
    bits[group] = refill(begin, positions[group]);
    used[group] = _mm512_setzero_si512();
  }
  for (std::size_t step = 0; step < Steps; ++step) {
    for (std::size_t group = 0; group < Groups; ++group) {
      const __m512i lengths = compact_step<Bits>(table, bits[group], out);
      used[group] = _mm512_add_epi8(used[group], lengths);
      out += kGroup;
    }
  }
  for (std::size_t group = 0; group < Groups; ++group) advance(positions[group], used[group]);
}

template <unsigned Bits, std::size_t Steps, std::size_t Groups>
QC_TARGET_AVX512 void decode_compact(const HuffmanTable& from, HuffmanParts& parts, Symbol* out,
                                     std::size_t rows) noexcept {
  CompactTable table;
  for (std::size_t k = 0; k < 4; ++k) table.symbols[k] = load(from.symbols.data() + 64 * k);
  table.lengths = load(from.lengths.data());
  Lanes positions[Groups];
  for (std::size_t group = 0; group < Groups; ++group) {
    positions[group] = load_positions(parts, group);
  }
  for (; rows >= Steps; rows -= Steps) {
    compact_rows<Bits, Steps, Groups>(table, parts.begin, positions, out);
    out += Steps * Groups * kGroup;
  }
  for (; rows > 0; --rows) {
    compact_rows<Bits, 1, Groups>(table, parts.begin, positions, out);
    out += Groups * kGroup;
  }
  for (std::size_t group = 0; group < Groups; ++group) {
    store_positions(positions[group], parts, group);
  }
}

// Entries of one row: the low halves are symbols, part 4j + k in lane j of vector k.
QC_TARGET_AVX512 inline void store_entries(const Lanes& entries, Symbol* out) noexcept {
  const __m512i even =
      _mm512_mask_blend_epi16(0xaaaaaaaau, entries.v[0], _mm512_slli_epi32(entries.v[1], 16));
  const __m512i odd =
      _mm512_mask_blend_epi16(0xaaaaaaaau, entries.v[2], _mm512_slli_epi32(entries.v[3], 16));
  const __m512i low = _mm512_unpacklo_epi32(even, odd);
  const __m512i high = _mm512_unpackhi_epi32(even, odd);
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  _mm512_storeu_si512(out, _mm512_permutex2var_epi64(low, first, high));
  _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi64(low, second, high));
}

// One group; rows are `stride` symbols apart.
template <unsigned Steps>
QC_TARGET_AVX512 void decode_gathered(const HuffmanTable& table, HuffmanParts& parts,
                                      std::size_t group, Symbol* out, std::size_t rows,
                                      std::size_t stride) noexcept {
  const __m512i mask = _mm512_set1_epi32(static_cast<int>((1u << table.longest) - 1));
  Lanes positions = load_positions(parts, group);
  while (rows > 0) {
    Lanes bits = refill(parts.begin, positions);
    const unsigned steps = rows < Steps ? 1 : Steps;
    for (unsigned step = 0; step < steps; ++step) {
      Lanes entries;
      for (std::size_t k = 0; k < 4; ++k) {
        entries.v[k] = _mm512_i32gather_epi32(_mm512_and_si512(bits.v[k], mask), table.entries, 4);
        const __m512i lengths = _mm512_srli_epi32(entries.v[k], 16);
        bits.v[k] = _mm512_srlv_epi32(bits.v[k], lengths);
        positions.v[k] = _mm512_add_epi32(positions.v[k], lengths);
      }
      store_entries(entries, out);
      out += stride;
    }
    rows -= steps;
  }
  store_positions(positions, parts, group);
}

template <std::size_t Groups>
void decode_groups(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                   std::size_t rows) noexcept {
  if (!table.is_compact) {
    const bool two = 2 * table.longest <= kUsableBits;
    for (std::size_t group = 0; group < Groups; ++group) {
      const auto kernel = two ? decode_gathered<2> : decode_gathered<1>;
      kernel(table, parts, group, out + group * kGroup, rows, Groups * kGroup);
    }
    return;
  }
  switch (table.longest) {
    case 8:
      return decode_compact<8, kUsableBits / 8, Groups>(table, parts, out, rows);
    case 7:
      return decode_compact<7, kUsableBits / 7, Groups>(table, parts, out, rows);
    case 6:
      return decode_compact<7, kUsableBits / 6, Groups>(table, parts, out, rows);
    default:
      return decode_compact<7, kUsableBits / 5, Groups>(table, parts, out, rows);
  }
}

}  // namespace

void decode_huffman_avx512(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                           std::size_t rows) noexcept {
  if (parts.log_count == kLogGroup) {
    decode_groups<1>(table, parts, out, rows);
  } else {
    decode_groups<2>(table, parts, out, rows);
  }
}

}  // namespace qc
#endif
