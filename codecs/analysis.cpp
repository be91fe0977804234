#include "codecs/analysis.h"

#include <algorithm>
#include <array>
#include <bit>

namespace qc {
namespace {

// Open-addressed map from pattern to count that gives up beyond a number of patterns.
class PatternCounter {
 public:
  explicit PatternCounter(std::size_t most) : most_(most), slots_(std::bit_ceil(2 * most + 2)) {}

  // The slot of the pattern, or null when it would be one too many.
  std::uint32_t* find(std::uint64_t pattern) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash(pattern) & mask;
    while (slots_[at].count != 0 && slots_[at].pattern != pattern) at = (at + 1) & mask;
    if (slots_[at].count == 0) {
      if (distinct_ == most_) return nullptr;
      ++distinct_;
      slots_[at].pattern = pattern;
    }
    return &slots_[at].count;
  }

  std::vector<std::pair<std::uint64_t, std::uint32_t>> entries() const {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> all;
    all.reserve(distinct_);
    for (const Slot& slot : slots_) {
      if (slot.count != 0) all.emplace_back(slot.pattern, slot.count);
    }
    return all;
  }

 private:
  struct Slot {
    std::uint64_t pattern = 0;
    std::uint32_t count = 0;
  };

  static std::size_t hash(std::uint64_t pattern) noexcept {
    pattern *= 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>(pattern ^ (pattern >> 32));
  }

  std::size_t most_;
  std::size_t distinct_ = 0;
  std::vector<Slot> slots_;
};

template <typename T>
std::optional<std::vector<std::pair<std::uint64_t, std::uint32_t>>> count_patterns(
    ByteView data, std::size_t most) {
  PatternCounter counter(most);
  for (std::size_t at = 0; at < data.size(); at += sizeof(T)) {
    std::uint32_t* count = counter.find(load_le<T>(data.data() + at));
    if (count == nullptr) return std::nullopt;
    ++*count;
  }
  return counter.entries();
}

// Ranks by look-up in a small hash of the codebook's entries.
template <typename T>
void rank_elements(ByteView data, const std::vector<std::uint64_t>& codebook, Symbol* ranks) {
  PatternCounter ranks_of(codebook.size());
  for (std::size_t i = 0; i < codebook.size(); ++i) {
    *ranks_of.find(codebook[i]) = static_cast<std::uint32_t>(i + 1);
  }
  for (std::size_t at = 0; at < data.size(); at += sizeof(T)) {
    *ranks++ = static_cast<Symbol>(*ranks_of.find(load_le<T>(data.data() + at)) - 1);
  }
}

}  // namespace

std::optional<std::vector<std::pair<std::uint64_t, std::uint32_t>>> count_distinct(
    const TensorView& tensor, std::size_t most) {
  auto entries = with_width(tensor.element.width,
                            [&]<typename T>() { return count_patterns<T>(tensor.data, most); });
  if (entries) {
    std::sort(entries->begin(), entries->end(), [&](const auto& a, const auto& b) {
      return order_key(a.first, tensor.element) < order_key(b.first, tensor.element);
    });
  }
  return entries;
}

const Palette* Analysis::palette() const {
  if (!palette_known_) {
    palette_known_ = true;
    // A codebook entry must be used twice on average to pay for itself.
    const std::size_t most = std::min<std::size_t>(kMaxAlphabet, count() / 2 + 1);
    if (const auto entries = count_distinct(tensor_, most)) {
      Palette palette;
      for (const auto& [pattern, uses] : *entries) {
        palette.codebook.push_back(pattern);
        palette.counts.push_back(uses);
      }
      palette.ranks.resize(count());
      with_width(element().width, [&]<typename T>() {
        rank_elements<T>(tensor_.data, palette.codebook, palette.ranks.data());
      });
      palette_ = std::move(palette);
    }
  }
  return palette_ ? &*palette_ : nullptr;
}

std::size_t Analysis::zeros() const {
  if (!zeros_) {
    zeros_ = with_width(element().width, [&]<typename T>() {
      std::size_t zeros = 0;
      for (std::size_t at = 0; at < tensor_.data.size(); at += sizeof(T)) {
        zeros += load_le<T>(tensor_.data.data() + at) == 0 ? 1 : 0;
      }
      return zeros;
    });
  }
  return *zeros_;
}

bool Analysis::is_sparse() const {
  constexpr std::size_t kFewZeros = 32;
  if (!is_large()) return zeros() > 0;
  return palette() != nullptr ? 2 * zeros() >= count() : kFewZeros * zeros() >= count();
}

const NonZeros& Analysis::nonzeros() const {
  if (!nonzeros_) {
    NonZeros found;
    const std::size_t width = element().width;
    found.positions.reserve(count() - zeros());
    found.values.reserve((count() - zeros()) * width);
    for (std::size_t i = 0; i < count(); ++i) {
      const std::uint8_t* at = tensor_.data.data() + i * width;
      if (load_pattern(at, element().width) == 0) continue;
      found.positions.push_back(i);
      append(found.values, {at, width});
    }
    nonzeros_ = std::move(found);
  }
  return *nonzeros_;
}

}  // namespace qc
