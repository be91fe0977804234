// Levels: chooses how many multiples make a symbol.
#include "codecs/encode/levels.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "codecs/encode/channel_map.h"
#include "codecs/encode/entropy.h"
#include "codecs/encode/layout_table.h"
#include "codecs/shared/level_sets.h"

namespace qc {
namespace {

// Symbols of `group` digits each, the first one the lowest; zeros pad the last symbol.
std::vector<Symbol> grouped(const Levels& levels, std::uint32_t group) {
  const std::size_t count = levels.symbols.size();
  std::vector<Symbol> symbols;
  symbols.reserve(count / group + 1);
  for (std::size_t begin = 0; begin < count; begin += group) {
    std::uint32_t symbol = 0;
    for (std::size_t i = std::min(count, begin + group); i-- > begin;) {
      symbol = symbol * levels.set + levels.symbols[i];
    }
    symbols.push_back(static_cast<Symbol>(symbol));
  }
  return symbols;
}

// About what a Huffman code takes: no symbol less than a bit, and some bits of table for each.
std::uint64_t estimated_bits(std::span<const Symbol> symbols, std::uint32_t alphabet) {
  constexpr std::uint64_t kTableBits = 6;
  const SymbolStream stream(symbols, alphabet);
  return std::max<std::uint64_t>(entropy_bits(stream.counts), symbols.size()) +
         kTableBits * stream.distinct();
}

// The sizes of groups worth encoding: all of them for a small tensor, else single elements and what
// promises to be the smallest.
std::vector<std::uint32_t> candidate_groups(const Levels& levels, bool large) {
  std::vector<std::uint32_t> groups;
  std::uint32_t best = 1;
  std::uint64_t best_bits = UINT64_MAX;
  for (std::uint32_t group = 1; group <= most_grouped(levels.set); ++group) {
    if (!large) {
      groups.push_back(group);
      continue;
    }
    const std::uint64_t bits = estimated_bits(grouped(levels, group), power(levels.set, group));
    if (bits < best_bits) {
      best = group;
      best_bits = bits;
    }
  }
  if (!large) return groups;
  return best == 1 ? std::vector<std::uint32_t>{1} : std::vector<std::uint32_t>{1, best};
}

std::optional<Levels> levels_of(const TensorView& tensor) {
  if (auto levels = find_levels(tensor, {})) return levels;
  const ChannelMap& channels = tensor.channels;
  if (channels.count < 2 || tensor.count() < 2 * channels.count) return std::nullopt;
  return find_levels(tensor, channels);
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const std::optional<Levels> levels = levels_of(tensor.tensor());
  if (!levels) return false;
  const Element element = tensor.element();
  out.bytes.push_back(static_cast<std::uint8_t>(levels->set));
  if (levels->set == kMostInSet) out.bytes.push_back(static_cast<std::uint8_t>(levels->mantissa));
  write_channel_map(levels->channels, out.bytes);
  Bytes scales(levels->scales.size() * element.width);
  for (std::size_t i = 0; i < levels->scales.size(); ++i) {
    store_pattern(scales.data() + i * element.width, element.width, levels->scales[i]);
  }
  EncodeOptions free_choice = options;
  free_choice.layout.reset();
  encode_dense({scales, element, {}}, free_choice, out);

  Encoding best;
  for (const std::uint32_t group : candidate_groups(*levels, tensor.is_large())) {
    Encoding coded{{static_cast<std::uint8_t>(group)}};
    encode_stream(grouped(*levels, group), power(levels->set, group), options.stages, coded);
    options.stages.keep_better(best, std::move(coded));
  }
  out.append(best);
  return true;
}

}  // namespace

const LayoutEncoder kLevelsEncoder = {
    .decoder = kLevelsDecoder,
    .help = "multiples -2 to 2 of a scale, for the tensor or for each channel",
    .element_ps = 1500,
    .encode = encode};

}  // namespace qc
