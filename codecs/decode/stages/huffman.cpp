// Canonical, length-limited Huffman codes. The symbols go in turn to 2^k independent parts, each a
// bit string of its own, so that a decoder can work on several at once.
#include <algorithm>
#include <array>

#include "codecs/decode/stage_table.h"
#include "codecs/decode/stages/huffman_decoder.h"
#include "codecs/decode/stages/length_table.h"
#include "codecs/decode/varint.h"
#include "codecs/shared/huffman_code.h"
#include "codecs/shared/zigzag.h"

namespace qc {
namespace {

constexpr unsigned kMaxLogParts = 7;
static_assert(1u << kMaxLogParts == kMaxHuffmanParts);
static_assert(kReadUnit % kMaxHuffmanParts == 0);

class HuffmanReader final : public SymbolReader {
 public:
  HuffmanTable table;
  HuffmanParts parts;
  std::array<std::uint32_t, kMaxHuffmanParts> ends{};  // in bytes

  void read(std::span<Symbol> out) noexcept override { decode_huffman(table, parts, out); }

  bool finish() noexcept override {
    for (std::size_t part = 0; part < parts.count(); ++part) {
      const std::uint32_t position = parts.positions[parts.slot_of(part)];
      if ((position + 7) / 8 != ends[part]) return false;
      if (position % 8 != 0 && parts.begin[position / 8] >> (position % 8) != 0) return false;
    }
    return true;
  }
};

bool is_complete(std::span<const std::uint8_t> lengths, unsigned longest) noexcept {
  std::uint64_t sum = 0;
  for (const std::uint8_t length : lengths) {
    if (length > 0) sum += std::uint64_t{1} << (longest - length);
  }
  return sum == std::uint64_t{1} << longest;
}

// Fills the table from the lengths of the codes; `entries` has room for it.
void fill_table(std::span<const std::uint8_t> lengths, std::span<const std::uint16_t> codes,
                unsigned longest, std::uint32_t* entries, HuffmanTable& table) noexcept {
  table.entries = entries;
  table.longest = longest;
  table.is_compact = longest <= HuffmanTable::kCompactBits;
  for (std::uint32_t symbol = 0; symbol < lengths.size(); ++symbol) {
    const std::uint8_t length = lengths[symbol];
    if (length == 0) continue;
    for (std::uint32_t at = codes[symbol]; at < 1u << longest; at += 1u << length) {
      entries[at] = symbol | (std::uint32_t{length} << HuffmanTable::kLengthShift);
    }
    if (symbol < HuffmanTable::kCompactAlphabet) {
      table.lengths[symbol] = length;
    } else {
      table.is_compact = false;
    }
  }
  if (!table.is_compact) return;
  for (std::uint32_t at = 0; at < table.symbols.size(); ++at) {
    table.symbols[at] = static_cast<std::uint8_t>(entries[at & ((1u << longest) - 1)]);
  }
}

// Reads the sizes of the parts and places them; false when they do not add up.
bool place_parts(ByteReader& in, unsigned log_parts, HuffmanReader& reader) noexcept {
  HuffmanParts& parts = reader.parts;
  parts.log_count = log_parts;
  std::array<std::uint64_t, kMaxHuffmanParts> sizes{};
  std::int64_t size = 0;
  std::uint64_t total = 0;
  for (std::size_t part = 0; part + 1 < parts.count(); ++part) {
    const std::uint64_t difference = read_varint(in);
    if (!in.ok() || difference > 2 * kMaxHuffmanBytes) return false;
    size += unzigzag(difference);
    if (size < 0) return false;
    sizes[part] = static_cast<std::uint64_t>(size);
    total += sizes[part];
  }
  const ByteView rest = in.rest();
  if (total > rest.size() || rest.size() > kMaxHuffmanBytes) return false;
  sizes[parts.count() - 1] = rest.size() - total;
  parts.begin = rest.data();
  parts.size = static_cast<std::uint32_t>(rest.size());
  std::uint32_t end = 0;
  for (std::size_t part = 0; part < parts.count(); ++part) {
    parts.positions[parts.slot_of(part)] = 8 * end;
    end += static_cast<std::uint32_t>(sizes[part]);
    reader.ends[part] = end;
  }
  return true;
}

[[gnu::cold]] SymbolReader* open(ByteView coded, std::uint64_t /*count*/, std::uint32_t alphabet,
                                 DecodeContext& context, std::uint64_t& table_bytes) noexcept {
  ByteReader in(coded);
  const std::uint8_t head = in.u8();
  const unsigned longest = head & 0x0fu;
  const unsigned log_parts = head >> 4;
  if (!in.ok() || longest < 1 || log_parts > kMaxLogParts)
    return context.refuse("a Huffman header is damaged");
  auto* lengths = context.make_array<std::uint8_t>(alphabet);
  auto* codes = context.make_array<std::uint16_t>(alphabet);
  auto* entries = context.make_array<std::uint32_t>(std::uint64_t{1} << longest);
  auto* reader = context.make<HuffmanReader>();
  if (lengths == nullptr || codes == nullptr || entries == nullptr || reader == nullptr) {
    return context.refuse("a stream wants too much memory");
  }
  const auto bits = read_lengths(in, alphabet, longest, {lengths, alphabet});
  if (!bits || !bits->padding_is_zero() || !is_complete({lengths, alphabet}, longest)) {
    return context.refuse("a Huffman code table is damaged");
  }
  in.take(bits->bytes_used());
  table_bytes = coded.size() - in.rest().size();
  canonical_codes({lengths, alphabet}, {codes, alphabet});
  fill_table({lengths, alphabet}, {codes, alphabet}, longest, entries, reader->table);
  if (!place_parts(in, log_parts, *reader)) {
    return context.refuse("the parts of a Huffman stream do not add up");
  }
  return reader;
}

}  // namespace

const StageDecoder kHuffmanDecoder = {.id = StageId::kHuffman, .name = "huffman", .open = open};

}  // namespace qc
