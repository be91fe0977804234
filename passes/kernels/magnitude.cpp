#include "passes/kernels/magnitude.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace qc {
namespace {

constexpr unsigned kHalfBits = 16;
constexpr std::uint32_t kHalfMask = 0xffffu;

// Bits without the sign: integers in the order of the magnitudes.
std::uint32_t magnitude_key(float value) noexcept {
  return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu;
}

// The bucket that holds the item at a position in ascending order (from 0); `position` becomes that
// within the bucket.
std::uint32_t bucket_at(const std::vector<std::uint64_t>& counts, std::uint64_t& position) {
  std::uint32_t bucket = 0;
  while (position >= counts[bucket]) position -= counts[bucket++];
  return bucket;
}

}  // namespace

std::uint64_t zeros_at_rate(double rate, std::uint64_t count) noexcept {
  const double no_less = std::nextafter(rate, std::numeric_limits<double>::infinity());
  const auto zeros = static_cast<std::uint64_t>(no_less * static_cast<double>(count));
  return count > 0 ? std::min(zeros, count - 1) : 0;
}

MagnitudeCut cut_for_zeros(std::span<const std::vector<float>> tensors, std::uint64_t zeros) {
  std::uint64_t position = zeros;
  std::vector<std::uint64_t> counts(kHalfMask + 1);
  for (const std::vector<float>& values : tensors) {
    for (const float value : values) ++counts[magnitude_key(value) >> kHalfBits];
  }
  const std::uint32_t upper = bucket_at(counts, position);

  counts.assign(kHalfMask + 1, 0);
  for (const std::vector<float>& values : tensors) {
    for (const float value : values) {
      const std::uint32_t key = magnitude_key(value);
      if (key >> kHalfBits == upper) ++counts[key & kHalfMask];
    }
  }
  const std::uint32_t lower = bucket_at(counts, position);
  const auto smallest_kept = std::bit_cast<float>(upper << kHalfBits | lower);
  // Zero as the smallest value kept: there are more zeros than asked for.
  if (smallest_kept == 0) return {};
  return {smallest_kept, position};
}

double standard_deviation(std::span<const float> values) noexcept {
  if (values.empty()) return 0;
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const float value : values) sum += value;
  const double mean = sum / count;
  double squares = 0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / count);
}

void apply_cut(std::span<float> values, MagnitudeCut& cut) noexcept {
  for (float& value : values) {
    const double magnitude = std::fabs(value);
    if (magnitude == cut.threshold && cut.ties > 0) {
      value = 0;
      --cut.ties;
    } else if (magnitude < cut.threshold || magnitude == 0) {
      value = 0;
    }
  }
}

}  // namespace qc
