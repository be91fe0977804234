#include "codecs/encode/stages/huffman_encoder.h"

#include <algorithm>
#include <array>
#include <memory>

#include "codecs/shared/huffman_code.h"
#include "codecs/shared/simd/cpu.h"

namespace qc {
namespace {

// Rows of symbols coded part by part: they stay in L1 however many parts there are.
constexpr std::size_t kTileRows = 64;

// The longest codes of which four fit into a word beside a byte that is not full yet.
constexpr unsigned kShortCode = 14;

// A code of up to 16 bits, and above it its length, so that one load gets both.
class Code {
 public:
  Code() = default;
  Code(std::uint32_t bits, std::uint32_t length) noexcept : packed_(bits | length << 16) {}
  std::uint32_t bits() const noexcept { return packed_ & 0xffff; }
  std::uint32_t length() const noexcept { return packed_ >> 16; }

 private:
  std::uint32_t packed_ = 0;
};

// A part being written.
struct PartWriter {
  std::uint8_t* begin = nullptr;
  std::uint8_t* at = nullptr;
  std::uint64_t pending = 0;
  unsigned filled = 0;

  void put(std::uint64_t bits, unsigned length) noexcept {
    pending |= bits << filled;
    filled += length;
  }

  // Writes 8 bytes; those that are not full are written again by the next flush.
  void flush() noexcept {
    store_le(at, pending);
    at += filled / 8;
    pending >>= filled & ~7u;
    filled &= 7;
  }

  std::size_t finish() noexcept {
    flush();
    return static_cast<std::size_t>(at - begin) + (filled > 0 ? 1 : 0);
  }
};

using PartWriters = std::array<PartWriter, kMaxHuffmanParts>;

// Two codes as one, up to 30 bits.
struct CodePair {
  std::uint64_t bits;
  unsigned length;

  CodePair(Code first, Code second) noexcept
      : bits(first.bits() | (std::uint64_t{second.bits()} << first.length())),
        length(first.length() + second.length()) {}
};

// Whole tiles. `Short`: no code is longer than kShortCode.
template <bool Short>
[[gnu::always_inline]] inline void encode_tiles(const Symbol* symbols, std::size_t tiles,
                                                std::size_t parts, const Code* codes,
                                                PartWriters& writers) noexcept {
  static_assert(kTileRows % 4 == 0);
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    for (std::size_t part = 0; part < parts; ++part) {
      // Member by member: a copy in larger pieces would wait for what was just stored.
      PartWriter writer;
      writer.at = writers[part].at;
      writer.pending = writers[part].pending;
      writer.filled = writers[part].filled;
      const Symbol* at = symbols + part;
      for (std::size_t row = 0; row < kTileRows; row += 4) {
        const CodePair first(codes[at[0]], codes[at[parts]]);
        const CodePair second(codes[at[2 * parts]], codes[at[3 * parts]]);
        at += 4 * parts;
        if constexpr (Short) {
          writer.put(first.bits | (second.bits << first.length), first.length + second.length);
        } else {
          writer.put(first.bits, first.length);
          writer.flush();
          writer.put(second.bits, second.length);
        }
        writer.flush();
      }
      writers[part].at = writer.at;
      writers[part].pending = writer.pending;
      writers[part].filled = writer.filled;
    }
    symbols += kTileRows * parts;
  }
}

using TileKernel = void (*)(const Symbol* symbols, std::size_t tiles, std::size_t parts,
                            const Code* codes, PartWriters& writers) noexcept;

template <bool Short>
void encode_tiles_portable(const Symbol* symbols, std::size_t tiles, std::size_t parts,
                           const Code* codes, PartWriters& writers) noexcept {
  encode_tiles<Short>(symbols, tiles, parts, codes, writers);
}

#if QC_X86_KERNELS
// The same with BMI2's shifts, which need no fixed register.
template <bool Short>
QC_TARGET_AVX2 void encode_tiles_bmi2(const Symbol* symbols, std::size_t tiles, std::size_t parts,
                                      const Code* codes, PartWriters& writers) noexcept {
  encode_tiles<Short>(symbols, tiles, parts, codes, writers);
}
#endif

template <bool Short>
TileKernel tile_kernel() noexcept {
#if QC_X86_KERNELS
  if (simd_level() >= SimdLevel::kAvx2) return encode_tiles_bmi2<Short>;
#endif
  return encode_tiles_portable<Short>;
}

}  // namespace

EncodedParts encode_huffman(std::span<const Symbol> symbols, std::span<const std::uint16_t> codes,
                            std::span<const std::uint8_t> lengths, unsigned log_parts) {
  std::vector<Code> table(codes.size());
  unsigned longest = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = {codes[i], lengths[i]};
    longest = std::max<unsigned>(longest, lengths[i]);
  }
  const std::size_t parts = std::size_t{1} << log_parts;
  const std::size_t rows = (symbols.size() + parts - 1) / parts;
  const std::size_t room = rows * longest / 8 + 2 * sizeof(std::uint64_t);
  EncodedParts encoded;
  encoded.memory = std::make_unique_for_overwrite<std::uint8_t[]>(parts * room);
  PartWriters writers;
  for (std::size_t part = 0; part < parts; ++part) {
    writers[part].begin = writers[part].at = encoded.memory.get() + part * room;
  }

  const std::size_t tiles = symbols.size() / (parts * kTileRows);
  const TileKernel kernel = longest <= kShortCode ? tile_kernel<true>() : tile_kernel<false>();
  kernel(symbols.data(), tiles, parts, table.data(), writers);
  for (std::size_t i = tiles * parts * kTileRows; i < symbols.size(); ++i) {
    PartWriter& writer = writers[i % parts];
    writer.put(table[symbols[i]].bits(), table[symbols[i]].length());
    writer.flush();
  }

  for (std::size_t part = 0; part < parts; ++part) {
    encoded.parts.emplace_back(writers[part].begin, writers[part].finish());
  }
  return encoded;
}

}  // namespace qc
