#include "passes/kernels/fixed_point.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qc {
namespace {

struct StorageLimits {
  int significand_bits;   // the leading one included
  int smallest_exponent;  // of the smallest subnormal number
  double largest;
};

// Values are computed in float32, so a double is held to the same limits.
StorageLimits limits_of(DataType type) noexcept {
  switch (type) {
    case DataType::kFloat16:
      return {11, -24, 65504.0};
    case DataType::kBfloat16:
      return {8, -133, 0x1.fep127};
    default:
      return {24, -149, std::numeric_limits<float>::max()};
  }
}

}  // namespace

double FixedPointGrid::round(double value) const noexcept {
  const double steps = std::round(std::ldexp(value, -exponent));
  return std::ldexp(std::clamp(steps, lowest, highest), exponent) + 0.0;  // -0 becomes +0
}

FixedPointGrid fixed_point_grid(std::span<const double> values, int bits, DataType type) {
  const StorageLimits limits = limits_of(type);
  FixedPointGrid grid;
  grid.bits = std::min(bits, limits.significand_bits + 1);
  grid.lowest = -std::ldexp(1.0, grid.bits - 1);
  grid.highest = -grid.lowest - 1;
  grid.exponent = limits.smallest_exponent;
  const auto fits = [&](double value) {
    const double steps = std::round(std::ldexp(value, -grid.exponent));
    return steps >= grid.lowest && steps <= grid.highest;
  };
  while (!std::ranges::all_of(values, fits)) ++grid.exponent;
  // Rounding up must not leave the range of the type.
  const double most = std::floor(std::ldexp(limits.largest, -grid.exponent));
  grid.lowest = std::max(grid.lowest, -most);
  grid.highest = std::min(grid.highest, most);
  return grid;
}

}  // namespace qc
