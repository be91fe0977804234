#include "codecs/levels.h"

#include <algorithm>
#include <array>
#include <span>

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

// How many bits are below the one by which the larger magnitude exceeds the smaller.
std::optional<unsigned> doubling(Magnitudes& magnitudes, unsigned width) noexcept {
  std::ranges::sort(magnitudes.patterns);
  const std::uint64_t difference = magnitudes.patterns[1] - magnitudes.patterns[0];
  if (!std::has_single_bit(difference)) return std::nullopt;
  const auto bits = static_cast<unsigned>(std::countr_zero(difference));
  return is_mantissa(bits, width) ? std::optional(bits) : std::nullopt;
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
  for (std::size_t channel = 0; channel < found->magnitudes.size(); ++channel) {
    Magnitudes& magnitudes = found->magnitudes[channel];
    if (magnitudes.count == 2) {
      const auto mantissa = doubling(magnitudes, width);
      if (!mantissa || (levels.set == 5 && *mantissa != levels.mantissa)) return std::nullopt;
      levels.set = 5;
      levels.mantissa = *mantissa;
    }
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
