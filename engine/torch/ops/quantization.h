// What the operators on quantised integers share: value = (integer - zero point) * scale.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

#include "engine/torch/op.h"

namespace qc::torch_engine {

/// Scales and zero points for a tensor of `rank`: one for all, or one for each index along `axis`.
at::Tensor along(const OpContext& op, const at::Tensor& values, std::int64_t rank,
                 std::int64_t axis);

/// round(x) + zero point, half to even, within the limits of an 8-bit type.
at::Tensor saturated(const OpContext& op, const at::Tensor& x, const at::Tensor& zero_point,
                     at::ScalarType type);

/// Floats onto 0..255, their range widened to hold zero.
struct DynamicallyQuantized {
  at::Tensor values;
  at::Tensor scale;
  at::Tensor zero_point;
};
DynamicallyQuantized dynamically_quantized(const OpContext& op, const at::Tensor& x);

/// Integers less their zero point, as doubles: their products and sums are exact. The zero points
/// are one for each index along `axis` where there are several.
at::Tensor centred(const OpContext& op, std::size_t input, std::size_t zero_point,
                   std::int64_t axis);

/// The only scale at an input.
at::Tensor single_scale(const OpContext& op, std::size_t input);

/// Integers, scale and zero point at neighbouring inputs, as floats.
at::Tensor real_value(const OpContext& op, std::size_t input);

/// Floats as integers of the scale at input `scale` and the zero point at the next, whose type they
/// have; without one, of that of input 0.
at::Tensor requantized(const OpContext& op, const at::Tensor& y, std::size_t scale);

}  // namespace qc::torch_engine
