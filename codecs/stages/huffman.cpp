// Canonical, length-limited Huffman codes. The symbols go in turn to 2^k independent parts, each a
// bit string of its own, so that a decoder can work on several at once.
#include <algorithm>
#include <array>
#include <bit>

#include "codecs/bit_io.h"
#include "codecs/stage.h"
#include "codecs/stages/huffman_code.h"

namespace qc {
namespace {

constexpr unsigned kMaxParts = 64;
static_assert(kReadUnit % kMaxParts == 0);

// Shorter limits mean smaller decode tables; one is taken when it costs at most 1/1024 in size.
constexpr std::array<unsigned, 4> kLengthLimits = {8, 11, 13, kMaxCodeLength};

struct TableEntry {
  Symbol symbol;
  std::uint8_t length;
};

class HuffmanReader final : public SymbolReader {
 public:
  const TableEntry* table = nullptr;
  unsigned max_length = 1;
  unsigned part_count = 1;
  std::array<BitReader, kMaxParts> parts;

  void read(std::span<Symbol> out) noexcept override {
    for (unsigned part = 0; part < part_count; ++part) read_part(parts[part], out, part);
  }

  bool finish() noexcept override {
    return std::all_of(parts.begin(), parts.begin() + part_count,
                       [](const BitReader& part) { return part.finish(); });
  }

 private:
  void read_part(BitReader& part, std::span<Symbol> out, std::size_t at) const noexcept {
    const std::uint64_t mask = (std::uint64_t{1} << max_length) - 1;
    const std::size_t per_peek = 56 / max_length;
    const std::size_t stride = part_count;
    while (at < out.size()) {
      std::uint64_t bits = part.peek();
      const std::size_t end = std::min(out.size(), at + per_peek * stride);
      unsigned used = 0;
      for (; at < end; at += stride) {
        const TableEntry entry = table[bits & mask];
        bits >>= entry.length;
        used += entry.length;
        out[at] = entry.symbol;
      }
      part.skip(used);
    }
  }
};

unsigned part_bits(std::size_t symbols) noexcept {
  if (symbols < (std::size_t{1} << 12)) return 0;
  if (symbols < (std::size_t{1} << 17)) return 2;
  if (symbols < (std::size_t{1} << 20)) return 4;
  return 6;
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
  for (const unsigned limit : kLengthLimits) {
    if (distinct > (std::size_t{1} << limit)) continue;
    std::vector<std::uint8_t> lengths = huffman_lengths(counts, limit);
    if (coded_bits(counts, lengths) <= least + least / 1024) return lengths;
  }
  return best;
}

std::uint32_t zigzag(int delta) noexcept {
  return delta >= 0 ? 2u * static_cast<std::uint32_t>(delta)
                    : 2u * static_cast<std::uint32_t>(-delta) - 1;
}

int unzigzag(std::uint32_t code) noexcept {
  return (code & 1) != 0 ? -static_cast<int>((code + 1) / 2) : static_cast<int>(code / 2);
}

// Differences of successive code lengths, zigzagged. The first is against the longest.
std::vector<std::uint32_t> length_differences(std::span<const std::uint8_t> lengths,
                                              unsigned longest) {
  std::vector<std::uint32_t> differences;
  int before = static_cast<int>(longest);
  for (const std::uint8_t length : lengths) {
    if (length == 0) continue;
    differences.push_back(zigzag(length - before));
    before = length;
  }
  return differences;
}

std::uint64_t rice_bits(std::span<const std::uint32_t> codes, unsigned parameter) noexcept {
  std::uint64_t bits = 0;
  for (const std::uint32_t code : codes) bits += (code >> parameter) + 1 + parameter;
  return bits;
}

// The lengths from the first to the last symbol that occurs: which occur, and their lengths as
// Rice-coded differences.
void write_lengths(std::span<const std::uint8_t> lengths, unsigned longest, Bytes& out) {
  const std::vector<std::uint32_t> differences = length_differences(lengths, longest);
  unsigned parameter = 0;
  for (unsigned candidate = 1; candidate < 4; ++candidate) {
    if (rice_bits(differences, candidate) < rice_bits(differences, parameter)) {
      parameter = candidate;
    }
  }
  const auto first = static_cast<std::size_t>(
      std::find_if(lengths.begin(), lengths.end(), [](auto length) { return length > 0; }) -
      lengths.begin());
  lengths = lengths.subspan(first);
  const bool gaps = std::find(lengths.begin(), lengths.end(), 0) != lengths.end();
  append_varint(out, first);
  append_varint(out, lengths.size() - 2);
  BitWriter bits(out);
  bits.put(gaps ? 1 : 0, 1);
  bits.put(parameter, 2);
  if (gaps) {
    for (std::size_t i = 1; i + 1 < lengths.size(); ++i) bits.put(lengths[i] > 0 ? 1 : 0, 1);
  }
  for (const std::uint32_t code : differences) {
    for (std::uint32_t i = 0; i < code >> parameter; ++i) bits.put(1, 1);
    bits.put(0, 1);
    bits.put(code & ((1u << parameter) - 1), parameter);
  }
  bits.finish();
}

// Reads what write_lengths wrote; false when it is no complete code of at most `longest` bits over
// the alphabet. `lengths` has room for the alphabet.
bool read_lengths(ByteReader& in, std::uint32_t alphabet, unsigned longest,
                  std::span<std::uint8_t> lengths) noexcept {
  const std::uint64_t first = in.varint();
  const std::uint64_t inner = in.varint();  // symbols between the first and the last
  if (!in.ok() || first >= alphabet || inner + 1 >= alphabet - first) return false;
  const std::uint64_t last = first + inner + 1;
  BitReader bits(in.rest());
  const bool gaps = bits.get(1) != 0;
  const auto parameter = static_cast<unsigned>(bits.get(2));
  std::fill(lengths.begin(), lengths.end(), std::uint8_t{0});
  for (std::size_t i = first + 1; i < last; ++i) {
    lengths[i] = gaps ? static_cast<std::uint8_t>(bits.get(1)) : 1;
  }
  lengths[first] = 1;
  lengths[last] = 1;
  int before = static_cast<int>(longest);
  std::uint64_t kraft = 0;
  for (std::size_t i = first; i <= last; ++i) {
    if (lengths[i] == 0) continue;
    const auto quotient = static_cast<unsigned>(std::countr_one(bits.peek()));
    if (quotient > 2 * kMaxCodeLength) return false;
    bits.skip(quotient + 1);
    const auto code = static_cast<std::uint32_t>((quotient << parameter) | bits.get(parameter));
    const int length = before + unzigzag(code);
    if (length < 1 || length > static_cast<int>(longest)) return false;
    lengths[i] = static_cast<std::uint8_t>(length);
    kraft += std::uint64_t{1} << (longest - static_cast<unsigned>(length));
    before = length;
  }
  if (!bits.in_range() || kraft != std::uint64_t{1} << longest) return false;
  in.take(bits.bytes_used());
  return true;
}

bool encode(const SymbolStream& stream, std::size_t limit, Bytes& out) {
  const std::size_t used = stream.used_alphabet();
  const std::span<const std::uint32_t> counts = std::span(stream.counts).first(used);
  const std::size_t distinct = stream.distinct();
  if (distinct < 2 || entropy_bits(counts) / 8 >= limit + limit / 64) return false;

  const std::vector<std::uint8_t> lengths = choose_lengths(counts, distinct);
  const unsigned longest = *std::max_element(lengths.begin(), lengths.end());
  const unsigned log_parts = part_bits(stream.symbols.size());
  Bytes coded;
  coded.push_back(static_cast<std::uint8_t>(longest | (log_parts << 4)));
  write_lengths(lengths, longest, coded);
  if (coded.size() + coded_bits(counts, lengths) / 8 >= limit) return false;

  std::vector<std::uint16_t> codes(lengths.size());
  canonical_codes(lengths, codes);
  const std::size_t part_count = std::size_t{1} << log_parts;
  std::vector<Bytes> parts(part_count);
  for (std::size_t part = 0; part < part_count; ++part) {
    BitWriter bits(parts[part]);
    for (std::size_t i = part; i < stream.symbols.size(); i += part_count) {
      const Symbol symbol = stream.symbols[i];
      bits.put(codes[symbol], lengths[symbol]);
    }
    bits.finish();
  }
  for (std::size_t part = 0; part + 1 < part_count; ++part)
    append_varint(coded, parts[part].size());
  for (const Bytes& part : parts) append(coded, part);
  if (coded.size() >= limit) return false;
  append(out, coded);
  return true;
}

SymbolReader* open(ByteView coded, std::uint64_t /*count*/, std::uint32_t alphabet,
                   DecodeContext& context, std::uint64_t& table_bytes) noexcept {
  ByteReader in(coded);
  const std::uint8_t head = in.u8();
  const unsigned longest = head & 0x0fu;
  const unsigned log_parts = head >> 4;
  if (!in.ok() || longest < 1 || log_parts > 6)
    return context.refuse("a Huffman header is damaged");
  auto* lengths = context.make_array<std::uint8_t>(alphabet);
  auto* codes = context.make_array<std::uint16_t>(alphabet);
  auto* table = context.make_array<TableEntry>(std::uint64_t{1} << longest);
  auto* reader = context.make<HuffmanReader>();
  if (lengths == nullptr || codes == nullptr || table == nullptr || reader == nullptr) {
    return context.refuse("a stream wants too much memory");
  }
  if (!read_lengths(in, alphabet, longest, {lengths, alphabet})) {
    return context.refuse("a Huffman code table is damaged");
  }
  table_bytes = coded.size() - in.rest().size();

  canonical_codes({lengths, alphabet}, {codes, alphabet});
  for (std::uint32_t symbol = 0; symbol < alphabet; ++symbol) {
    const std::uint8_t length = lengths[symbol];
    if (length == 0) continue;
    for (std::uint32_t at = codes[symbol]; at < 1u << longest; at += 1u << length) {
      table[at] = {static_cast<Symbol>(symbol), length};
    }
  }

  reader->table = table;
  reader->max_length = longest;
  reader->part_count = 1u << log_parts;
  std::array<std::uint64_t, kMaxParts> sizes{};
  for (unsigned part = 0; part + 1 < reader->part_count; ++part) sizes[part] = in.varint();
  for (unsigned part = 0; part + 1 < reader->part_count; ++part) {
    reader->parts[part] = BitReader(in.take(sizes[part]));
  }
  if (!in.ok()) return context.refuse("a Huffman stream is cut short");
  reader->parts[reader->part_count - 1] = BitReader(in.rest());
  return reader;
}

}  // namespace

const Stage kHuffmanStage = {StageId::kHuffman, "huffman", encode, open};

}  // namespace qc
