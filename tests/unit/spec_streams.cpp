#include "spec_streams.h"

#include <zstd.h>

#include <map>
#include <utility>

// Numbers of sections are those of FORMAT.md.
namespace qc::spec {
namespace {

// 6.1
std::vector<std::uint32_t> decode_bitpack(View coded, std::uint64_t count) {
  Input in(coded);
  const auto width = static_cast<unsigned>(in.number(1));
  require(width <= 14, "bitpack width");
  Bits bits(in.rest());
  std::vector<std::uint32_t> symbols;
  for (std::uint64_t i = 0; i < count; ++i) {
    symbols.push_back(static_cast<std::uint32_t>(bits.get(width)));
  }
  bits.require_end();
  return symbols;
}

// 6.2: symbols by length and code.
using Codes = std::map<std::pair<unsigned, std::uint32_t>, std::uint32_t>;

// The lengths of symbols, and the bits after them.
std::pair<std::map<std::uint32_t, unsigned>, Bits> read_lengths(Input& in, unsigned longest,
                                                                std::uint64_t alphabet) {
  const std::uint64_t first = in.varint();
  const std::uint64_t inner = in.varint();
  require(first < alphabet && inner < alphabet && first + inner + 1 < alphabet, "last symbol");
  const std::uint64_t last = first + inner + 1;
  Bits bits(in.rest());
  const bool some_missing = bits.get(1) == 1;
  const auto rice = static_cast<unsigned>(bits.get(2));
  std::vector<std::uint32_t> coded = {static_cast<std::uint32_t>(first)};
  for (std::uint64_t symbol = first + 1; symbol < last; ++symbol) {
    if (!some_missing || bits.get(1) == 1) coded.push_back(static_cast<std::uint32_t>(symbol));
  }
  coded.push_back(static_cast<std::uint32_t>(last));

  std::map<std::uint32_t, unsigned> lengths;
  auto length = static_cast<std::int64_t>(longest);
  for (const std::uint32_t symbol : coded) {
    std::uint64_t ones = 0;
    while (bits.get(1) == 1) ++ones;
    const auto z = static_cast<std::int64_t>((ones << rice) + bits.get(rice));
    length += z % 2 == 0 ? z / 2 : -(z + 1) / 2;
    require(length >= 1 && length <= static_cast<std::int64_t>(longest), "code length");
    lengths[symbol] = static_cast<unsigned>(length);
  }
  return {lengths, bits};
}

Codes canonical_codes(const std::map<std::uint32_t, unsigned>& lengths, unsigned longest) {
  Codes codes;
  std::uint32_t code = 0;
  for (unsigned length = 1; length <= longest; ++length) {
    code <<= 1;
    for (const auto& [symbol, its_length] : lengths) {
      if (its_length == length) codes[{length, code++}] = symbol;
    }
  }
  return codes;
}

std::vector<std::uint32_t> decode_huffman(View coded, std::uint64_t count, std::uint64_t alphabet) {
  Input in(coded);
  const std::uint64_t head = in.number(1);
  const auto longest = static_cast<unsigned>(head & 15);
  require(longest >= 1 && head >> 4 <= 7, "huffman head");
  forms_met().insert("huffman, 2^" + std::to_string(head >> 4) + " parts");
  const auto [lengths, bits] = read_lengths(in, longest, alphabet);
  in.take(bits.end());
  std::uint64_t sum = 0;
  for (const auto& [symbol, length] : lengths) sum += std::uint64_t{1} << (longest - length);
  require(sum == std::uint64_t{1} << longest, "incomplete code");
  const Codes codes = canonical_codes(lengths, longest);
  std::vector<std::uint64_t> sizes((std::size_t{1} << (head >> 4)) - 1);
  std::int64_t before = 0;
  for (std::uint64_t& size : sizes) {
    const std::uint64_t z = in.varint();
    require(z <= std::uint64_t{1} << 32, "huffman part");
    before += z % 2 == 0 ? static_cast<std::int64_t>(z / 2) : -static_cast<std::int64_t>(z / 2) - 1;
    require(before >= 0, "huffman part");
    size = static_cast<std::uint64_t>(before);
  }
  std::vector<Bits> parts;
  parts.reserve(sizes.size() + 1);
  for (const std::uint64_t size : sizes) parts.emplace_back(in.take(size));
  parts.emplace_back(in.rest());

  std::vector<std::uint32_t> symbols;
  for (std::uint64_t i = 0; i < count; ++i) {
    Bits& part = parts[i % parts.size()];
    std::pair<unsigned, std::uint32_t> code = {0, 0};
    auto found = codes.end();
    while (found == codes.end()) {
      code.second = (code.second << 1) | static_cast<std::uint32_t>(part.get(1));
      ++code.first;
      found = codes.find(code);
    }
    symbols.push_back(found->second);
  }
  for (Bits& part : parts) part.require_end();
  return symbols;
}

// 6.3
std::vector<std::uint32_t> decode_zstd(View coded, std::uint64_t count, std::uint64_t alphabet) {
  const unsigned width = alphabet <= 256 ? 1 : 2;
  forms_met().insert(width == 1 ? "zstd, 1 byte" : "zstd, 2 bytes");
  const Data content = zstd_content(coded, count * width);
  Input in(content);
  std::vector<std::uint32_t> symbols;
  while (!in.at_end()) symbols.push_back(static_cast<std::uint32_t>(in.number(width)));
  return symbols;
}

// 6.4
std::vector<std::uint32_t> decode_radix(View coded, std::uint64_t count) {
  Input in(coded);
  const std::uint64_t base = in.number(1);
  require(base == 3 || base == 5 || base == 6, "base");
  forms_met().insert("radix " + std::to_string(base));
  const unsigned digits = base == 3 ? 5 : 3;
  std::vector<std::uint32_t> symbols;
  for (std::uint64_t i = 0; i < count || i % digits != 0;) {
    std::uint64_t byte = in.number(1);
    for (unsigned digit = 0; digit < digits; ++digit, ++i, byte /= base) {
      if (i < count) symbols.push_back(static_cast<std::uint32_t>(byte % base));
      require(i < count || byte % base == 0, "padding digits");
    }
    require(byte == 0, "byte of digits");
  }
  require(in.at_end(), "bytes of digits left over");
  return symbols;
}

// 6.5
std::vector<std::uint32_t> decode_rans(View coded, std::uint64_t count, std::uint64_t alphabet) {
  Input in(coded);
  const std::uint64_t head = in.number(1);
  const auto n = static_cast<unsigned>(head & 15);
  require(n >= 1 && head >> 4 <= 6, "rans head");
  forms_met().insert("rans, 2^" + std::to_string(head >> 4) + " states");
  auto [lengths, bits] = read_lengths(in, n, alphabet);
  std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> by_start;  // symbol, frequency
  std::uint64_t start = 0;
  for (const auto& [symbol, length] : lengths) {
    const bool last = symbol == lengths.rbegin()->first;
    require(start < std::uint64_t{1} << n, "rans frequencies");
    const std::uint64_t frequency = last
                                        ? (std::uint64_t{1} << n) - start
                                        : (std::uint64_t{1} << (length - 1)) + bits.get(length - 1);
    require(!last || (frequency >> (length - 1)) == 1, "rans frequency of the last symbol");
    by_start[static_cast<std::uint32_t>(start)] = {symbol, static_cast<std::uint32_t>(frequency)};
    start += frequency;
  }
  in.take(bits.end());

  std::vector<std::uint64_t> states(std::size_t{1} << (head >> 4));
  for (std::uint64_t& state : states) {
    state = in.number(4);
    require(state >= 1U << 16, "rans state");
  }
  std::vector<std::uint32_t> symbols;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t& state = states[i % states.size()];
    const auto slot = static_cast<std::uint32_t>(state % (std::uint64_t{1} << n));
    const auto& [its_start, entry] = *std::prev(by_start.upper_bound(slot));
    state = entry.second * (state >> n) + slot - its_start;
    if (state < 1U << 16) state = (state << 16) + in.number(2);
    symbols.push_back(entry.first);
  }
  require(in.at_end(), "rans words");
  for (const std::uint64_t state : states) require(state == 1U << 16, "rans end");
  return symbols;
}

}  // namespace

std::set<std::string>& forms_met() {
  static std::set<std::string> met;
  return met;
}

View Input::take(std::uint64_t size) {
  require(size <= rest_.size(), "cut short");
  const View taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

std::uint64_t Input::number(unsigned size) {
  std::uint64_t value = 0;
  unsigned shift = 0;
  for (const std::uint8_t byte : take(size)) {
    value |= std::uint64_t{byte} << shift;
    shift += 8;
  }
  return value;
}

std::uint64_t Input::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const std::uint64_t byte = number(1);
    require(shift < 63 || byte <= 1, "varint too long");
    require(shift == 0 || byte != 0, "varint longer than it need be");
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

Data zstd_content(View frame, std::uint64_t size, View dictionary) {
  require(ZSTD_getFrameContentSize(frame.data(), frame.size()) == size, "content size of a frame");
  require(ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size(), "one frame");
  Data content(size);
  ZSTD_DCtx* context = ZSTD_createDCtx();
  const std::size_t result =
      ZSTD_decompress_usingDict(context, content.data(), content.size(), frame.data(), frame.size(),
                                dictionary.data(), dictionary.size());
  ZSTD_freeDCtx(context);
  require(result == size, "damaged frame");
  return content;
}

std::vector<std::uint32_t> decode_stream(Input& in, std::uint64_t count, std::uint64_t alphabet) {
  const std::uint64_t stage = in.number(1);
  const View coded = in.take(in.varint());
  std::vector<std::uint32_t> symbols;
  if (stage == 0) symbols = decode_bitpack(coded, count);
  if (stage == 1) symbols = decode_huffman(coded, count, alphabet);
  if (stage == 2) symbols = decode_zstd(coded, count, alphabet);
  if (stage == 3) symbols = decode_radix(coded, count);
  if (stage == 4) symbols = decode_rans(coded, count, alphabet);
  require(stage <= 4, "unknown stage");
  forms_met().insert("stage " + std::to_string(stage));
  for (const std::uint32_t symbol : symbols) require(symbol < alphabet, "symbol over alphabet");
  return symbols;
}

}  // namespace qc::spec
