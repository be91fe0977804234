// Shared values in fixed point.
#pragma once

#include <span>

#include "core/tensor.h"

namespace qc {

/// The numbers lowest * step, ..., highest * step with step = 2^exponent.
struct FixedPointGrid {
  int bits = 0;  ///< of the two's-complement integers
  int exponent = 0;
  double lowest = 0;
  double highest = 0;

  /// The nearest number of the grid, away from zero at half a step.
  double round(double value) const noexcept;
};

/// The finest grid of `bits`-bit two's-complement integers (2 to 16) that all `values` fit after
/// rounding and whose numbers the storage type holds exactly. Types with a short significand get
/// fewer bits than asked for: float16 at most 12, bfloat16 at most 9. Requires is_value_type(type)
/// and finite values that the type can hold.
FixedPointGrid fixed_point_grid(std::span<const double> values, int bits, DataType type);

}  // namespace qc
