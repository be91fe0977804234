#include "codecs/encode/repetition.h"

#include <algorithm>
#include <bit>
#include <span>
#include <vector>

#include "codecs/encode/window_cover.h"

namespace qc {
namespace {

// zstd has code tables of its own for every block of so many bytes.
constexpr std::size_t kBlockSymbols = std::size_t{1} << 17;
constexpr std::uint64_t kTableBitsPerSymbol = 4;

std::uint64_t block_entropy_bits(const SymbolStream& stream) {
  if (stream.symbols.size() <= kBlockSymbols) return stream.entropy;
  std::uint64_t bits = 0;
  for (std::size_t begin = 0; begin < stream.symbols.size(); begin += kBlockSymbols) {
    const std::size_t size = std::min(kBlockSymbols, stream.symbols.size() - begin);
    const SymbolStream block(stream.symbols.subspan(begin, size), stream.alphabet());
    bits += block.entropy + kTableBitsPerSymbol * block.distinct();
  }
  return std::min(bits, stream.entropy);
}

WindowCover cover_windows(std::span<const Symbol> symbols, std::size_t window) {
  WindowCover cover(symbols.size(), window);
  std::uint64_t oldest_weight = 1;  // kHashMultiplier^window
  for (std::size_t i = 0; i < window; ++i) oldest_weight *= kHashMultiplier;
  std::uint64_t hash = 0;
  for (std::size_t end = 1; end <= symbols.size(); ++end) {
    hash = hash * kHashMultiplier + symbols[end - 1] + 1;
    if (end > window) hash -= oldest_weight * (symbols[end - 1 - window] + 1U);
    if (end >= window) cover.add(end, hash);
  }
  return cover;
}

// Exactly, by a bit for every magnitude.
template <typename T>
std::size_t count_small_duplicates(const TensorView& tensor) {
  constexpr std::size_t kPatterns = std::size_t{1} << (8 * sizeof(T));
  const std::size_t magnitude = tensor.element.is_float ? kPatterns / 2 - 1 : kPatterns - 1;
  std::vector<std::uint8_t> seen(magnitude + 1);
  seen[0] = 1;  // a negative zero repeats the others
  std::size_t duplicates = 0;
  for (std::size_t at = 0; at < tensor.data.size(); at += sizeof(T)) {
    const std::size_t pattern = load_le<T>(tensor.data.data() + at);
    std::uint8_t& known = seen[pattern & magnitude];
    duplicates += pattern != 0 ? known : 0U;
    known = 1;
  }
  return duplicates;
}

// By a hash that is at most half full; no value is 0.
template <typename T>
std::size_t count_distinct_values(std::span<const T> values) {
  const auto index_bits = static_cast<unsigned>(std::bit_width(values.size())) + 1;
  std::vector<T> table(std::size_t{1} << index_bits);
  std::size_t distinct = 0;
  for (const T value : values) {
    std::size_t at = (value * kHashMultiplier) >> (64 - index_bits);
    while (table[at] != 0 && table[at] != value) at = (at + 1) & (table.size() - 1);
    distinct += table[at] == 0 ? 1 : 0;
    table[at] = value;
  }
  return distinct;
}

template <typename T>
std::size_t count_duplicates_of(const TensorView& tensor) {
  if constexpr (sizeof(T) <= 2) return count_small_duplicates<T>(tensor);
  constexpr std::size_t kAll = std::size_t{1} << 12;
  constexpr std::size_t kMany = std::size_t{1} << 16;
  constexpr auto kSign = static_cast<T>(T{1} << (8 * sizeof(T) - 1));
  const unsigned sample_bits = tensor.count() <= kAll ? 0 : tensor.count() <= kMany ? 4 : 6;
  const T magnitude = tensor.element.is_float ? static_cast<T>(kSign - 1) : static_cast<T>(~T{0});
  std::vector<T> values;
  values.reserve((tensor.count() >> sample_bits) + 1);
  const std::uint8_t* at = tensor.data.data();
  std::size_t negative_zeros = 0;
  std::size_t nonzeros = 0;
  for (std::size_t i = 0; i < tensor.count(); ++i, at += sizeof(T)) {
    const auto pattern = load_le<T>(at);
    const T value = pattern & magnitude;
    if (value == 0) {
      negative_zeros += pattern != 0 ? 1 : 0;
      continue;
    }
    ++nonzeros;
    const std::uint64_t hash = (value * kHashMultiplier) >> 32;
    if ((hash & ((std::uint64_t{1} << sample_bits) - 1)) == 0) values.push_back(value);
  }
  const std::size_t distinct = count_distinct_values<T>(values);
  // So few of the values are in the sample only where there are few.
  constexpr std::size_t kFew = 16;
  const std::size_t repeated =
      values.size() < kFew && sample_bits > 0
          ? nonzeros
          : nonzeros * (values.size() - distinct) / std::max<std::size_t>(values.size(), 1);
  return repeated + negative_zeros;
}

}  // namespace

std::uint64_t matched_entropy_bits(const SymbolStream& stream) {
  const std::size_t count = stream.symbols.size();
  const std::uint64_t entropy = block_entropy_bits(stream);
  if (count == 0 || entropy == 0) return 0;
  // A reference is a distance, a length and a count of literals.
  const std::uint64_t reference_bits = static_cast<std::uint64_t>(std::bit_width(count)) + 6;
  // Shorter windows repeat by chance, and are worth no reference.
  constexpr std::uint64_t kSureBits = 8;
  constexpr std::uint64_t kLongest = 64;
  const std::uint64_t window =
      std::clamp<std::uint64_t>((reference_bits + kSureBits) * count / entropy + 1, 3, kLongest);
  const WindowCover cover = cover_windows(stream.symbols, window);
  const std::uint64_t replaced = entropy * cover.covered() / count;
  const std::uint64_t references = reference_bits * cover.runs();
  return entropy - std::min(entropy, replaced - std::min(replaced, references));
}

std::size_t count_duplicates(const TensorView& tensor) {
  return with_width(tensor.element.width,
                    [&]<typename T>() { return count_duplicates_of<T>(tensor); });
}

}  // namespace qc
