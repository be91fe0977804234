#include "codecs/stages/length_table.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "codecs/varint.h"

namespace qc {
namespace {

// Differences of successive lengths, zigzagged.
std::vector<std::uint32_t> length_differences(std::span<const std::uint8_t> lengths,
                                              unsigned first) {
  std::vector<std::uint32_t> differences;
  int before = static_cast<int>(first);
  for (const std::uint8_t length : lengths) {
    if (length == 0) continue;
    differences.push_back(static_cast<std::uint32_t>(zigzag(length - before)));
    before = length;
  }
  return differences;
}

std::uint64_t rice_bits(std::span<const std::uint32_t> codes, unsigned parameter) noexcept {
  std::uint64_t bits = 0;
  for (const std::uint32_t code : codes) bits += (code >> parameter) + 1 + parameter;
  return bits;
}

}  // namespace

std::uint64_t zigzag(std::int64_t number) noexcept {
  return number >= 0 ? 2 * static_cast<std::uint64_t>(number)
                     : 2 * static_cast<std::uint64_t>(-number) - 1;
}

std::int64_t unzigzag(std::uint64_t code) noexcept {
  const auto half = static_cast<std::int64_t>((code + 1) / 2);
  return (code & 1) != 0 ? -half : half;
}

BitWriter write_lengths(std::span<const std::uint8_t> lengths, unsigned before, Bytes& out) {
  const std::vector<std::uint32_t> differences = length_differences(lengths, before);
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
  return bits;
}

std::optional<BitReader> read_lengths(ByteReader& in, std::uint32_t alphabet, unsigned most,
                                      std::span<std::uint8_t> lengths) noexcept {
  const std::uint64_t first = read_varint(in);
  const std::uint64_t inner = read_varint(in);  // symbols between the first and the last
  if (!in.ok() || first >= alphabet || inner >= alphabet - first - 1) return std::nullopt;
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
  int before = static_cast<int>(most);
  for (std::size_t i = first; i <= last; ++i) {
    if (lengths[i] == 0) continue;
    const auto quotient = static_cast<unsigned>(std::countr_one(bits.peek()));
    if (quotient > 2 * kMaxLength) return std::nullopt;
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
