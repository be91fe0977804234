#include "passes/kernels/dorefa.h"

#include <algorithm>
#include <cmath>

#include "passes/kernels/tanh.h"

namespace qc {
namespace {

double steps(int bits) noexcept { return static_cast<double>((1 << bits) - 1); }

}  // namespace

double quantize_unit(double value, int bits) noexcept {
  return std::nearbyint(value * steps(bits)) / steps(bits);
}

double largest_tanh(std::span<const float> weights) noexcept {
  double largest = 0;
  for (const float weight : weights) {
    largest = std::max(largest, std::fabs(static_cast<double>(weight)));
  }
  return portable_tanh(largest);
}

float dorefa_weight(float weight, double largest, int bits) noexcept {
  if (largest == 0) return 0;
  const double unit = portable_tanh(static_cast<double>(weight)) / (2 * largest) + 0.5;
  return static_cast<float>(2 * quantize_unit(unit, bits) - 1);
}

float dorefa_activation(float value, int bits) noexcept {
  return static_cast<float>(quantize_unit(std::clamp(static_cast<double>(value), 0.0, 1.0), bits));
}

void quantize_gradient(std::span<float> gradient, int bits, SplitMix64& random) noexcept {
  double largest = 0;
  for (const float value : gradient) {
    largest = std::max(largest, std::fabs(static_cast<double>(value)));
  }
  if (largest == 0) return;
  for (float& value : gradient) {
    const double noise = (random.uniform() - 0.5) / steps(bits);
    const double unit = static_cast<double>(value) / (2 * largest) + 0.5 + noise;
    value =
        static_cast<float>(2 * largest * (quantize_unit(std::clamp(unit, 0.0, 1.0), bits) - 0.5));
  }
}

}  // namespace qc
