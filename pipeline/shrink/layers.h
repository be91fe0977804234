// What of a model `shrink` rounds, and how its tensors belong together.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/pass.h"
#include "passes/weight_layers.h"

namespace qc {

/// All float tensors of a model, sorted by what happens to them.
struct ShrinkPlan {
  std::vector<WeightLayer> layers;  ///< in the order of their tensors
  std::vector<std::size_t>
      singles;  ///< rounded element by element: biases, and what is in no product
  std::vector<SkippedTensor> left;  ///< stays as it is
};

/// Plans the float weights, biases and normalisations of a model, without those whose name matches
/// one of the globs `exclude`. Throws Error: kUsage for a glob that matches nothing, kUnsupported
/// where nothing is left.
ShrinkPlan plan_shrink(const OnnxModel& model, const std::vector<std::string>& exclude);

}  // namespace qc
