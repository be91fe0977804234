// What pooling of floats and of quantised integers share.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/torch/op.h"

namespace qc::torch_engine {

/// The averages over windows that a node's attributes describe, of floats in the shape of input 0.
at::Tensor averaged(const OpContext& op, const at::Tensor& x);

}  // namespace qc::torch_engine
