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

// A value that counts once as its key, any other with its number behind the key, where it makes no
// difference to the order.
std::uint64_t entry_of(float value, std::uint32_t times) noexcept {
  return std::uint64_t{ordered_key(value)} << 32 | times;
}
std::uint32_t key_of(std::uint32_t entry) noexcept { return entry; }
std::uint32_t key_of(std::uint64_t entry) noexcept {
  return static_cast<std::uint32_t>(entry >> 32);
}
std::uint32_t times_of(std::uint32_t /*entry*/) noexcept { return 1; }
std::uint32_t times_of(std::uint64_t entry) noexcept { return static_cast<std::uint32_t>(entry); }

}  // namespace

template <typename Entry>
std::vector<BinnedSample::Bin> BinnedSample::distinct_bins(std::vector<Entry> entries) {
  radix_sort(entries);
  std::size_t distinct = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    distinct += i == 0 || key_of(entries[i]) != key_of(entries[i - 1]) ? 1 : 0;
  }
  std::vector<Bin> bins;
  bins.reserve(distinct);
  for (std::size_t i = 0; i < entries.size();) {
    const std::uint32_t key = key_of(entries[i]);
    std::uint32_t count = 0;
    for (; i < entries.size() && key_of(entries[i]) == key; ++i) count += times_of(entries[i]);
    const float value = from_ordered_key(key);
    bins.push_back({static_cast<double>(value) * count, count, value});
  }
  return bins;
}

BinnedSample::BinnedSample(std::vector<Bin> bins, float largest)
    : bins_(std::move(bins)), largest_(largest) {
  sum_blocks();
}

BinnedSample BinnedSample::exact(std::span<const float> values,
                                 std::span<const std::uint32_t> times) {
  std::vector<Bin> bins;
  if (times.empty()) {
    std::vector<std::uint32_t> entries(values.size());
    std::ranges::transform(values, entries.begin(), ordered_key);
    bins = distinct_bins(std::move(entries));
  } else {
    std::vector<std::uint64_t> entries(values.size());
    std::ranges::transform(values, times, entries.begin(), entry_of);
    bins = distinct_bins(std::move(entries));
  }
  const float largest = bins.empty() ? 0 : bins.back().lowest;
  return {std::move(bins), largest};
}

BinnedSample BinnedSample::coarse(std::span<const float> values, std::size_t least_bins,
                                  std::span<const std::uint32_t> times) {
  if (values.size() < kWorthBinning) return exact(values, times);
  std::vector<Bin> bins(kCells);
  float largest = values.front();
  const auto fill = [&](const auto& times_at) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float value = values[i];
      const std::uint32_t count = times_at(i);
      Bin& bin = bins[cell_of(value)];
      bin.sum += static_cast<double>(value) * count;
      bin.lowest = bin.count == 0 ? value : std::min(bin.lowest, value);
      bin.count += count;
      largest = std::max(largest, value);
    }
  };
  if (times.empty()) {
    fill([](std::size_t) { return 1U; });
  } else {
    fill([&](std::size_t i) { return times[i]; });
  }
  std::erase_if(bins, [](const Bin& bin) { return bin.count == 0; });
  if (bins.size() < least_bins) return exact(values, times);
  BinnedSample sample(std::move(bins), largest);
  sample.values_ = values;
  sample.times_ = times;
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
  std::vector<Bin> fine;
  if (times_.empty()) {
    std::vector<std::uint32_t> entries;
    for (const float value : values_) {
      if (wanted[cell_of(value)]) entries.push_back(ordered_key(value));
    }
    fine = distinct_bins(std::move(entries));
  } else {
    std::vector<std::uint64_t> entries;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (wanted[cell_of(values_[i])]) entries.push_back(entry_of(values_[i], times_[i]));
    }
    fine = distinct_bins(std::move(entries));
  }
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
