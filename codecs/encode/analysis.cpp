#include "codecs/encode/analysis.h"

#include <algorithm>
#include <array>
#include <bit>

#include "codecs/encode/repetition.h"
#include "codecs/shared/simd/compress.h"

namespace qc {
namespace {

// Open-addressed map from pattern to count that gives up beyond a number of patterns.
class PatternCounter {
 public:
  explicit PatternCounter(std::size_t most) : most_(most), slots_(kFewSlots) {}

  // The count of the pattern, which the caller makes positive; null when it would be one too many.
  std::uint32_t* find(std::uint64_t pattern) {
    Slot* slot = place(pattern);
    if (slot->count == 0) {
      if (distinct_ == most_) return nullptr;
      if (2 * ++distinct_ > slots_.size()) {
        grow();
        slot = place(pattern);
      }
      slot->pattern = pattern;
    }
    return &slot->count;
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

  static constexpr std::size_t kFewSlots = 256;

  static std::size_t hash(std::uint64_t pattern) noexcept {
    pattern *= 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>(pattern ^ (pattern >> 32));
  }

  // Where the pattern is, or would be.
  Slot* place(std::uint64_t pattern) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash(pattern) & mask;
    while (slots_[at].count != 0 && slots_[at].pattern != pattern) at = (at + 1) & mask;
    return &slots_[at];
  }

  void grow() {
    std::vector<Slot> before(4 * slots_.size());
    before.swap(slots_);
    for (const Slot& slot : before) {
      if (slot.count != 0) *place(slot.pattern) = slot;
    }
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

template <typename T>
std::size_t count_zeros(ByteView data) noexcept {
  // Sums of 32 bits in blocks: a compiler counts four at a time.
  constexpr std::size_t kStep = std::size_t{1} << 16;
  std::size_t zeros = 0;
  const std::size_t count = data.size() / sizeof(T);
  for (std::size_t begin = 0; begin < count; begin += kStep) {
    const std::size_t end = std::min(count, begin + kStep);
    std::uint32_t some = 0;
    for (std::size_t i = begin; i < end; ++i) {
      some += load_le<T>(data.data() + i * sizeof(T)) == 0 ? 1 : 0;
    }
    zeros += some;
  }
  return zeros;
}

using PatternCounts = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

// From so many elements on, a table with a place for every pattern is faster than a hash.
template <typename T>
constexpr std::size_t kTableFrom = std::size_t{1} << (sizeof(T) == 1 ? 0 : 12);

// The same by a table, in the order of order_key().
template <typename T>
std::optional<PatternCounts> count_small_patterns(const TensorView& tensor, std::size_t most) {
  constexpr std::uint32_t kPatterns = 1u << (8 * sizeof(T));
  std::vector<std::uint32_t> counts(kPatterns);
  for (std::size_t at = 0; at < tensor.data.size(); at += sizeof(T)) {
    ++counts[load_le<T>(tensor.data.data() + at)];
  }
  PatternCounts entries;
  const auto add = [&](std::uint32_t pattern) {
    if (counts[pattern] > 0) entries.emplace_back(pattern, counts[pattern]);
  };
  const std::uint32_t positive = tensor.element.is_float ? kPatterns / 2 : kPatterns;
  for (std::uint32_t pattern = kPatterns; pattern-- > positive;) add(pattern);
  for (std::uint32_t pattern = 0; pattern < positive; ++pattern) add(pattern);
  if (entries.size() > most) return std::nullopt;
  return entries;
}

// Ranks by look-up in a table, or in a small hash of the codebook's entries.
template <typename T>
void rank_elements(ByteView data, const std::vector<std::uint64_t>& codebook, Symbol* ranks) {
  if constexpr (sizeof(T) <= 2) {
    if (data.size() / sizeof(T) >= kTableFrom<T>) {
      std::vector<Symbol> rank_of(std::size_t{1} << (8 * sizeof(T)));
      for (std::size_t i = 0; i < codebook.size(); ++i) {
        rank_of[codebook[i]] = static_cast<Symbol>(i);
      }
      for (std::size_t at = 0; at < data.size(); at += sizeof(T)) {
        *ranks++ = rank_of[load_le<T>(data.data() + at)];
      }
      return;
    }
  }
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
  return with_width(tensor.element.width, [&]<typename T>() {
    if constexpr (sizeof(T) <= 2) {
      if (tensor.count() >= kTableFrom<T>) return count_small_patterns<T>(tensor, most);
    }
    auto entries = count_patterns<T>(tensor.data, most);
    if (!entries) return entries;
    std::sort(entries->begin(), entries->end(), [&](const auto& a, const auto& b) {
      return order_key(a.first, tensor.element) < order_key(b.first, tensor.element);
    });
    return entries;
  });
}

const Palette* Analysis::palette() const {
  if (!palette_known_) {
    palette_known_ = true;
    // A codebook entry must be used twice on average to pay for itself.
    const std::size_t most = std::min<std::size_t>(kMaxAlphabet, count() / 2 + 1);
    const std::size_t distinct = count() - std::min(count(), duplicates() + zeros());
    const bool hopeless = distinct > most + most / 2;
    if (const auto entries = hopeless ? std::nullopt : distinct_values(most)) {
      Palette palette;
      for (const auto& [pattern, uses] : *entries) {
        palette.codebook.push_back(pattern);
        palette.counts.push_back(uses);
      }
      palette_ = std::move(palette);
    }
  }
  return palette_ ? &*palette_ : nullptr;
}

// Where most elements are zero, only the others need counting.
std::optional<std::vector<std::pair<std::uint64_t, std::uint32_t>>> Analysis::distinct_values(
    std::size_t most) const {
  if (2 * zeros() < count() || zeros() == 0) return count_distinct(tensor_, most);
  auto entries = count_distinct({nonzeros().values, element(), {}}, most - 1);
  if (entries) {
    const auto place = std::lower_bound(entries->begin(), entries->end(), order_key(0, element()),
                                        [&](const auto& entry, std::uint64_t key) {
                                          return order_key(entry.first, element()) < key;
                                        });
    entries->insert(place, {0, static_cast<std::uint32_t>(zeros())});
  }
  return entries;
}

const std::vector<Symbol>& Analysis::ranks() const {
  if (!ranks_) {
    ranks_.emplace(count());
    with_width(element().width, [&]<typename T>() {
      rank_elements<T>(tensor_.data, palette()->codebook, ranks_->data());
    });
  }
  return *ranks_;
}

std::size_t Analysis::zeros() const {
  if (!zeros_) {
    zeros_ =
        with_width(element().width, [&]<typename T>() { return count_zeros<T>(tensor_.data); });
  }
  return *zeros_;
}

std::size_t Analysis::duplicates() const {
  if (!duplicates_) duplicates_ = count_duplicates(tensor_);
  return *duplicates_;
}

bool Analysis::repeats() const {
  constexpr std::size_t kSomeOf = 32;
  return kSomeOf * (duplicates() + zeros()) >= count();
}

bool Analysis::is_sparse() const {
  constexpr std::size_t kFewZeros = 128;
  if (!is_large()) return zeros() > 0;
  return palette() != nullptr ? 2 * zeros() >= count() : kFewZeros * zeros() >= count();
}

const NonZeros& Analysis::nonzeros() const {
  if (!nonzeros_) {
    const std::size_t size = (count() - zeros()) * element().width;
    NonZeros found{Bytes((count() + 7) / 8), Bytes(size + kCompressSlack)};
    compress_nonzeros(tensor_.data.data(), count(), element().width, found.bitmap.data(),
                      found.values.data());
    found.values.resize(size);
    nonzeros_ = std::move(found);
  }
  return *nonzeros_;
}

}  // namespace qc
