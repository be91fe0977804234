#include "passes/kernels/binned_sample.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "passes/kernels/ordered_key.h"
#include "passes/kernels/radix_sort.h"

namespace qc {
namespace {

constexpr std::size_t kBlock = 64;

// Low bits of a key that the values of a coarse bin need not share. As those also share the
// exponent, a sum of fewer than 2^29 of them is exact in a double.
constexpr unsigned kFineBits = 12;
constexpr std::size_t kCells = std::size_t{1} << (32 - kFineBits);
// Sorting fewer values takes no longer than a look at every cell.
constexpr std::size_t kWorthBinning = std::size_t{1} << 18;

std::size_t cell_of(float value) noexcept { return ordered_key(value) >> kFineBits; }

}  // namespace

std::vector<BinnedSample::Bin> BinnedSample::distinct_bins(std::vector<std::uint32_t> keys) {
  radix_sort(keys);
  std::size_t distinct = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    distinct += i == 0 || keys[i] != keys[i - 1] ? 1 : 0;
  }
  std::vector<Bin> bins;
  bins.reserve(distinct);
  for (std::size_t begin = 0; begin < keys.size();) {
    std::size_t end = begin + 1;
    while (end < keys.size() && keys[end] == keys[begin]) ++end;
    const float value = from_ordered_key(keys[begin]);
    const auto count = static_cast<std::uint32_t>(end - begin);
    bins.push_back({static_cast<double>(value) * count, count, value});
    begin = end;
  }
  return bins;
}

BinnedSample::BinnedSample(std::vector<Bin> bins, float largest)
    : bins_(std::move(bins)), largest_(largest) {
  sum_blocks();
}

BinnedSample BinnedSample::exact(std::span<const float> values) {
  std::vector<std::uint32_t> keys(values.size());
  std::ranges::transform(values, keys.begin(), ordered_key);
  std::vector<Bin> bins = distinct_bins(std::move(keys));
  const float largest = bins.empty() ? 0 : bins.back().lowest;
  return {std::move(bins), largest};
}

BinnedSample BinnedSample::coarse(std::span<const float> values, std::size_t least_bins) {
  if (values.size() < kWorthBinning) return exact(values);
  std::vector<Bin> bins(kCells);
  float largest = values.front();
  for (const float value : values) {
    Bin& bin = bins[cell_of(value)];
    bin.sum += value;
    bin.lowest = bin.count == 0 ? value : std::min(bin.lowest, value);
    ++bin.count;
    largest = std::max(largest, value);
  }
  std::erase_if(bins, [](const Bin& bin) { return bin.count == 0; });
  if (bins.size() < least_bins) return exact(values);
  BinnedSample sample(std::move(bins), largest);
  sample.values_ = values;
  return sample;
}

bool BinnedSample::is_pure(std::size_t bin) const noexcept {
  return bins_[bin].sum == static_cast<double>(bins_[bin].lowest) * bins_[bin].count;
}

Totals BinnedSample::totals(std::size_t begin, std::size_t end) const noexcept {
  Totals all;
  while (begin < end) {
    const bool whole_block = begin % kBlock == 0 && end - begin >= kBlock;
    const Totals some = whole_block ? blocks_[begin / kBlock] : totals(begin);
    all.sum += some.sum;
    all.count += some.count;
    begin += whole_block ? kBlock : 1;
  }
  return all;
}

void BinnedSample::split(std::span<const std::size_t> bins) {
  std::vector<bool> wanted(kCells);
  for (const std::size_t bin : bins) wanted[cell_of(lowest(bin))] = true;
  std::vector<std::uint32_t> keys;
  for (const float value : values_) {
    const std::uint32_t key = ordered_key(value);
    if (wanted[key >> kFineBits]) keys.push_back(key);
  }
  const std::vector<Bin> fine = distinct_bins(std::move(keys));
  std::erase_if(bins_, [&](const Bin& bin) { return wanted[cell_of(bin.lowest)]; });
  std::vector<Bin> merged;
  merged.reserve(bins_.size() + fine.size());
  std::ranges::merge(bins_, fine, std::back_inserter(merged), {}, &Bin::lowest, &Bin::lowest);
  bins_ = std::move(merged);
  sum_blocks();
}

void BinnedSample::sum_blocks() {
  blocks_.clear();
  for (std::size_t begin = 0; begin < size(); begin += kBlock) {
    Totals block;
    for (std::size_t bin = begin; bin < std::min(begin + kBlock, size()); ++bin) {
      block.sum += bins_[bin].sum;
      block.count += bins_[bin].count;
    }
    blocks_.push_back(block);
  }
}

}  // namespace qc
