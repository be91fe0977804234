#include "codecs/encode/levels.h"

#include <algorithm>
#include <array>
#include <span>

#include "codecs/shared/level_sets.h"

namespace qc {
namespace {

// The magnitudes of a channel: at most two, the second twice the first.
struct Magnitudes {
  std::array<std::uint64_t, 2> patterns{};
  unsigned count = 0;

  bool add(std::uint64_t magnitude) noexcept {
    for (unsigned i = 0; i < count; ++i) {
      if (patterns[i] == magnitude) return true;
    }
    if (count == patterns.size()) return false;
    patterns[count++] = magnitude;
    return true;
  }
};

struct Found {
  std::vector<Magnitudes> magnitudes;  // by channel
  std::vector<bool> has_zero;          // by channel
};

std::optional<Found> find_magnitudes(const TensorView& tensor, const ChannelMap& channels) {
  const unsigned width = tensor.element.width;
  const std::uint64_t sign = std::uint64_t{1} << (8 * width - 1);
  Found found{std::vector<Magnitudes>(channels.count), std::vector<bool>(channels.count)};
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    const std::uint64_t pattern = load_pattern(tensor.data.data() + i * width, width);
    const auto channel = static_cast<std::size_t>(channels.channel_of(i));
    if (pattern == 0) {
      found.has_zero[channel] = true;
    } else if (pattern == sign || !found.magnitudes[channel].add(pattern & ~sign)) {
      return std::nullopt;
    }
  }
  return found;
}

// The bits of the mantissa with which the larger of two magnitudes is twice the smaller in every
// channel that has two.
std::optional<unsigned> find_mantissa(const std::vector<Magnitudes>& channels, unsigned width) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    const bool fits =
        is_mantissa(bits, width) && std::ranges::all_of(channels, [&](const Magnitudes& pair) {
          return pair.count < 2 || doubled_pattern(pair.patterns[0], bits) == pair.patterns[1];
        });
    if (fits) return bits;
  }
  return std::nullopt;
}

std::uint32_t symbol_of(std::uint32_t set, int multiple) noexcept {
  return static_cast<std::uint32_t>(set == 2 ? (multiple + 1) / 2
                                             : multiple + static_cast<int>(set / 2));
}

}  // namespace

std::optional<Levels> find_levels(const TensorView& tensor, const ChannelMap& channels) {
  const unsigned width = tensor.element.width;
  if (!tensor.element.is_float || tensor.count() == 0) return std::nullopt;
  std::optional<Found> found = find_magnitudes(tensor, channels);
  if (!found) return std::nullopt;

  Levels levels;
  levels.channels = channels;
  for (Magnitudes& magnitudes : found->magnitudes) {
    if (magnitudes.count == 2) levels.set = 5;
    std::ranges::sort(magnitudes.patterns.begin(), magnitudes.patterns.begin() + magnitudes.count);
  }
  if (levels.set == 5) {
    const auto mantissa = find_mantissa(found->magnitudes, width);
    if (!mantissa) return std::nullopt;
    levels.mantissa = *mantissa;
  }
  for (std::size_t channel = 0; channel < found->magnitudes.size(); ++channel) {
    const Magnitudes& magnitudes = found->magnitudes[channel];
    // A channel of nothing but zeros is 1 times 0.
    if (found->has_zero[channel] && magnitudes.count > 0) {
      levels.set = std::max(levels.set, std::uint32_t{3});
    }
    levels.scales.push_back(magnitudes.patterns[0]);
  }

  const std::uint64_t sign = std::uint64_t{1} << (8 * width - 1);
  levels.symbols.resize(tensor.count());
  for (std::size_t i = 0; i < levels.symbols.size(); ++i) {
    const std::uint64_t pattern = load_pattern(tensor.data.data() + i * width, width);
    const std::uint64_t scale = levels.scales[static_cast<std::size_t>(channels.channel_of(i))];
    const std::uint64_t magnitude = pattern & ~sign;
    int multiple = magnitude == scale ? 1 : 2;
    if (magnitude == 0 && scale != 0) multiple = 0;
    if ((pattern & sign) != 0) multiple = -multiple;
    levels.symbols[i] = static_cast<std::uint8_t>(symbol_of(levels.set, multiple));
  }
  return levels;
}

}  // namespace qc
