// DoReFa-Net's quantisers (Zhou et al., arXiv 1606.06160).
#pragma once

#include <cstdint>
#include <span>

#include "core/random.h"

namespace qc {

/// More bits than quantize_unit() takes: the values count as floats.
inline constexpr int kMostQuantizedBits = 16;

/// quantize_k: the nearest of 2^bits - 1 equal steps from 0 to 1, halfway cases to the even one as
/// ONNX's Round has it (equation 5). Requires 0 <= value <= 1 and
/// 1 <= bits <= kMostQuantizedBits.
double quantize_unit(double value, int bits) noexcept;

/// max|tanh(w)|, by which weights are normalised; 0 for no values.
double largest_tanh(std::span<const float> weights) noexcept;

/// 2 quantize_k(tanh(w) / (2 max|tanh|) + 1/2) - 1 (equation 9), 0 where `largest` is. Requires
/// bits > 1.
float dorefa_weight(float weight, double largest, int bits) noexcept;

/// quantize_k(clip(x, 0, 1)) (equation 11 and section 2.5).
float dorefa_activation(float value, int bits) noexcept;

/// Quantises the gradient of one sample in place: 2 m (quantize_k(g / (2 m) + 1/2 + N) - 1/2) with
/// m = max|g| and N = u / (2^bits - 1), u uniform in [-1/2, 1/2) (equation 12).
void quantize_gradient(std::span<float> gradient, int bits, SplitMix64& random) noexcept;

}  // namespace qc
