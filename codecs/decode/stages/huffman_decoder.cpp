#include "codecs/decode/stages/huffman_decoder.h"

#include <algorithm>
#include <cstring>

#include "codecs/shared/simd/cpu.h"

namespace qc {
namespace {

HuffmanKernel kernel_for(SimdLevel level) noexcept {
#if QC_X86_KERNELS
  if (level == SimdLevel::kAvx512) return decode_huffman_avx512;
  if (level == SimdLevel::kAvx2) return decode_huffman_avx2;
#endif
  static_cast<void>(level);
  return nullptr;
}

// At least 56 bits from a position on, zeros past the end.
std::uint64_t peek_bits(const HuffmanParts& parts, std::uint32_t position) noexcept {
  const std::uint32_t byte = position >> 3;
  std::uint64_t bits = 0;
  if (byte + 8 <= parts.size) {
    bits = load_le<std::uint64_t>(parts.begin + byte);
  } else if (byte < parts.size) {
    std::memcpy(&bits, parts.begin + byte, parts.size - byte);
  }
  return bits >> (position & 7);
}

// `Lanes` parts at a time, so that their look-ups overlap. Rows are `stride` symbols apart.
template <unsigned Lanes>
void decode_lanes(const HuffmanTable& table, const HuffmanParts& parts,
                  const std::array<std::uint32_t*, Lanes>& positions, Symbol* out, std::size_t rows,
                  std::size_t stride) noexcept {
  const std::uint32_t* entries = table.entries;
  const std::uint64_t mask = (std::uint64_t{1} << table.longest) - 1;
  const std::size_t per_peek = 56 / table.longest;
  std::array<std::uint32_t, Lanes> at;
  for (unsigned lane = 0; lane < Lanes; ++lane) at[lane] = *positions[lane];
  while (rows > 0) {
    const std::size_t some = std::min(rows, per_peek);
    std::array<std::uint64_t, Lanes> bits;
    for (unsigned lane = 0; lane < Lanes; ++lane) bits[lane] = peek_bits(parts, at[lane]);
    for (std::size_t row = 0; row < some; ++row) {
      for (unsigned lane = 0; lane < Lanes; ++lane) {
        const std::uint32_t entry = entries[bits[lane] & mask];
        const std::uint32_t length = entry >> 16;
        out[lane] = static_cast<Symbol>(entry);
        bits[lane] >>= length;
        at[lane] += length;
      }
      out += stride;
    }
    rows -= some;
  }
  for (unsigned lane = 0; lane < Lanes; ++lane) *positions[lane] = at[lane];
}

void decode_scalar(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                   std::size_t count) noexcept {
  const std::size_t part_count = parts.count();
  for (std::size_t part = 0; part < part_count && part < count; part += 4) {
    std::array<std::uint32_t*, 4> positions{};
    const std::size_t full_rows = count / part_count;
    const std::size_t rest = count % part_count;
    const std::size_t lanes = std::min<std::size_t>(part_count, 4);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      positions[lane] = &parts.positions[parts.slot_of(part + lane)];
    }
    if (lanes == 4) {
      decode_lanes<4>(table, parts, positions, out + part, full_rows, part_count);
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const std::size_t done = lanes == 4 ? full_rows : 0;
      const std::size_t rows = full_rows + (part + lane < rest ? 1 : 0) - done;
      decode_lanes<1>(table, parts, {positions[lane]}, out + done * part_count + part + lane, rows,
                      part_count);
    }
  }
}

// No hardware follows so many streams. Fetches a few of them ahead, others with every call.
void prefetch_some(HuffmanParts& parts) noexcept {
  constexpr std::size_t kSlots = kGroup / 4;
  constexpr std::uint32_t kAhead = 192;  // bytes
  for (std::size_t i = 0; i < kSlots; ++i) {
    const std::uint32_t byte = parts.positions[parts.next_prefetch + i] / 8 + kAhead;
    __builtin_prefetch(parts.begin + std::min(byte, parts.size));
  }
  parts.next_prefetch = (parts.next_prefetch + kSlots) % parts.count();
}

}  // namespace

void decode_huffman(const HuffmanTable& table, HuffmanParts& parts,
                    std::span<Symbol> out) noexcept {
  const std::span<std::uint32_t> positions = std::span(parts.positions).first(parts.count());
  const std::uint32_t furthest = *std::max_element(positions.begin(), positions.end());
  if (furthest > 8 * parts.size) {
    // A part ran past the end: the stream is damaged, and positions need not grow any more.
    std::fill(out.begin(), out.end(), static_cast<Symbol>(table.entries[0]));
    return;
  }
  const HuffmanKernel kernel = parts.log_count >= kLogGroup ? kernel_for(simd_level()) : nullptr;
  if (kernel != nullptr) {
    const std::size_t rows = out.size() / parts.count();
    const std::uint64_t most = (std::uint64_t{furthest} + rows * table.longest) / 8;
    if (most + kHuffmanMargin <= parts.size) {
      prefetch_some(parts);
      kernel(table, parts, out.data(), rows);
      out = out.subspan(rows * parts.count());
    }
  }
  if (!out.empty()) decode_scalar(table, parts, out.data(), out.size());
}

}  // namespace qc
