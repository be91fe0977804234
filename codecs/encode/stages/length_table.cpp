#include "codecs/encode/stages/length_table.h"

#include <algorithm>
#include <vector>

#include "codecs/shared/zigzag.h"

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

}  // namespace qc
