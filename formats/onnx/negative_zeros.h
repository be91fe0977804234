// The negative zeros of a model.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/zeros.h"
#include "formats/onnx/onnx_model.h"

namespace qc {

/// A float tensor that holds -0.
struct NegativeZeros {
  std::size_t tensor = 0;  ///< index into OnnxModel::tensors()
  ZeroCount zeros;
  std::string reader;  ///< see zero_sign_readers()
};

/// Those tensors, in the order of the model. Reads every float payload once.
std::vector<NegativeZeros> find_negative_zeros(const OnnxModel& model, unsigned threads);

/// Those of `found` that no output can tell from +0, and what their signs cost.
ZeroCount removable_zeros(const std::vector<NegativeZeros>& found, double& sign_bytes);

}  // namespace qc
