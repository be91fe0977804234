#include "passes/kernels/sorted_sample.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>

#include "passes/kernels/radix_sort.h"

namespace qc {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::uint32_t kSign = 0x80000000u;

// Integers in the order of the floats: negative numbers are reversed and put below the others.
std::uint32_t ordered_key(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits & kSign) ? ~bits : bits | kSign;
}

float from_ordered_key(std::uint32_t key) noexcept {
  return std::bit_cast<float>((key & kSign) ? key & ~kSign : ~key);
}

double add_up(std::span<const float> values) noexcept {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

SortedSample::SortedSample(std::span<const float> values) {
  std::vector<std::uint32_t> keys(values.size());
  std::ranges::transform(values, keys.begin(), ordered_key);
  radix_sort(keys);
  values_.resize(keys.size());
  std::ranges::transform(keys, values_.begin(), from_ordered_key);

  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (i == 0 || values_[i] != values_[i - 1]) ++distinct_;
  }
  const std::span<const float> sorted(values_);
  for (std::size_t begin = 0; begin < sorted.size(); begin += kBlock) {
    block_sums_.push_back(add_up(sorted.subspan(begin, std::min(kBlock, sorted.size() - begin))));
  }
}

double SortedSample::sum(std::size_t begin, std::size_t end) const noexcept {
  const std::span<const float> sorted(values_);
  const std::size_t first_block = (begin + kBlock - 1) / kBlock;
  const std::size_t last_block = end / kBlock;
  if (first_block >= last_block) return add_up(sorted.subspan(begin, end - begin));
  const std::span<const double> blocks(block_sums_);
  const auto whole = blocks.subspan(first_block, last_block - first_block);
  return add_up(sorted.subspan(begin, first_block * kBlock - begin)) +
         std::accumulate(whole.begin(), whole.end(), 0.0) +
         add_up(sorted.subspan(last_block * kBlock, end - last_block * kBlock));
}

}  // namespace qc
