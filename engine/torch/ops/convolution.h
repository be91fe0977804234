// What the convolutions of floats and of quantised integers share.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/torch/op.h"

namespace qc::torch_engine {

/// The convolution that a node's attributes describe; `bias` may be undefined.
at::Tensor convolve(const OpContext& op, const at::Tensor& input, const at::Tensor& weights,
                    const at::Tensor& bias);

}  // namespace qc::torch_engine
