#include "codecs/decode/stages/length_table.h"

#include <algorithm>
#include <bit>

#include "codecs/decode/varint.h"
#include "codecs/shared/huffman_code.h"
#include "codecs/shared/zigzag.h"

namespace qc {

std::optional<BitReader> read_lengths(ByteReader& in, std::uint32_t alphabet, unsigned most,
                                      std::span<std::uint8_t> lengths) noexcept {
  const std::uint64_t first_symbol = read_varint(in);
  const std::uint64_t inner = read_varint(in);  // symbols between the first and the last
  if (!in.ok() || first_symbol >= alphabet || inner >= alphabet - first_symbol - 1) {
    return std::nullopt;
  }
  const auto first = static_cast<std::size_t>(first_symbol);
  const std::size_t last = first + static_cast<std::size_t>(inner) + 1;
  BitReader bits(in.rest());
  const bool gaps = bits.get(1) != 0;
  const auto parameter = static_cast<unsigned>(bits.get(2));
  std::fill(lengths.begin(), lengths.end(), std::uint8_t{0});
  for (std::size_t i = first + 1; i < last; ++i) {
    lengths[i] = gaps ? static_cast<std::uint8_t>(bits.get(1)) : 1;
  }
  lengths[first] = 1;
  lengths[last] = 1;
  int before = static_cast<int>(most);
  for (std::size_t i = first; i <= last; ++i) {
    if (lengths[i] == 0) continue;
    const auto quotient = static_cast<unsigned>(std::countr_one(bits.peek()));
    if (quotient > 2 * kMaxCodeLength) return std::nullopt;
    bits.skip(quotient + 1);
    const auto code = static_cast<std::uint32_t>((quotient << parameter) | bits.get(parameter));
    const int length = before + static_cast<int>(unzigzag(code));
    if (length < 1 || length > static_cast<int>(most)) return std::nullopt;
    lengths[i] = static_cast<std::uint8_t>(length);
    before = length;
  }
  if (!bits.in_range()) return std::nullopt;
  return bits;
}

}  // namespace qc
