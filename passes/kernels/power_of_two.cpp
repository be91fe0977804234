#include "passes/kernels/power_of_two.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace qc {

float nearest_power_of_two(float value) noexcept {
  if (value == 0) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(static_cast<double>(std::fabs(value)), &exponent);
  // The mantissa is in [1/2, 1): its logarithm rounds to 0 from sqrt(1/2) up.
  if (mantissa < 1 / std::numbers::sqrt2) --exponent;
  exponent = std::min(exponent, std::numeric_limits<float>::max_exponent - 1);
  return std::copysign(static_cast<float>(std::ldexp(1.0, exponent)), value);
}

}  // namespace qc
