// Canonical, length-limited Huffman codes: chooses the limit and the number of parts.
#include <algorithm>
#include <array>
#include <vector>

#include "codecs/encode/stage_table.h"
#include "codecs/encode/stages/huffman_encoder.h"
#include "codecs/encode/stages/huffman_lengths.h"
#include "codecs/encode/stages/length_table.h"
#include "codecs/shared/huffman_code.h"
#include "codecs/shared/zigzag.h"

namespace qc {
namespace {

// Shorter limits mean smaller decode tables; one is taken when it costs at most 1/512 in size.
constexpr std::array<unsigned, 4> kLengthLimits = {8, 11, 13, kMaxCodeLength};

// Few parts cost little, many decode fast.
unsigned part_bits(std::size_t symbols) noexcept {
  if (symbols < (std::size_t{1} << 12)) return 0;
  if (symbols < (std::size_t{1} << 16)) return 2;
  if (symbols < (std::size_t{1} << 18)) return 6;
  return 7;
}

std::uint64_t coded_bits(std::span<const std::uint32_t> counts,
                         std::span<const std::uint8_t> lengths) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) bits += std::uint64_t{counts[i]} * lengths[i];
  return bits;
}

std::vector<std::uint8_t> choose_lengths(std::span<const std::uint32_t> counts,
                                         std::size_t distinct) {
  std::vector<std::uint8_t> best = huffman_lengths(counts, kMaxCodeLength);
  const std::uint64_t least = coded_bits(counts, best);
  const unsigned longest = *std::ranges::max_element(best);
  for (const unsigned limit : kLengthLimits) {
    if (limit >= longest) return best;
    if (distinct > (std::size_t{1} << limit)) continue;
    std::vector<std::uint8_t> lengths = huffman_lengths(counts, limit);
    if (coded_bits(counts, lengths) <= least + least / 512) return lengths;
  }
  return best;
}

bool encode(const SymbolStream& stream, std::size_t limit, Bytes& out) {
  const std::size_t used = stream.used_alphabet();
  const std::span<const std::uint32_t> counts = std::span(stream.counts).first(used);
  const std::size_t distinct = stream.distinct();
  // The table has at least a bit for every code.
  if (distinct < 2 || (stream.entropy + distinct) / 8 >= limit) return false;

  const std::vector<std::uint8_t> lengths = choose_lengths(counts, distinct);
  const unsigned longest = *std::max_element(lengths.begin(), lengths.end());
  const unsigned log_parts = part_bits(stream.symbols.size());
  Bytes coded;
  coded.push_back(static_cast<std::uint8_t>(longest | (log_parts << 4)));
  write_lengths(lengths, longest, coded).finish();
  if (coded.size() + coded_bits(counts, lengths) / 8 >= limit) return false;

  std::vector<std::uint16_t> codes(lengths.size());
  canonical_codes(lengths, codes);
  const EncodedParts encoded = encode_huffman(stream.symbols, codes, lengths, log_parts);
  std::size_t total = encoded.parts.back().size();
  std::int64_t before = 0;
  for (std::size_t part = 0; part + 1 < encoded.parts.size(); ++part) {
    const auto size = static_cast<std::int64_t>(encoded.parts[part].size());
    append_varint(coded, zigzag(size - before));
    before = size;
    total += encoded.parts[part].size();
  }
  if (coded.size() + total >= limit || total > kMaxHuffmanBytes) return false;
  out.reserve(out.size() + coded.size() + total);
  append(out, coded);
  for (const ByteView part : encoded.parts) append(out, part);
  return true;
}

}  // namespace

const StageEncoder kHuffmanEncoder = {
    .decoder = kHuffmanDecoder, .symbol_ps = 450, .encode = encode};

}  // namespace qc
