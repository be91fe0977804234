// What of a model `shrink` rounds, and how its tensors belong together.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "graph/matrix_form.h"
#include "passes/pass.h"

namespace qc {

/// A weight tensor whose matrices multiply activations.
struct ShrinkLayer {
  std::size_t tensor = 0;  ///< index into OnnxModel::tensors()
  MatrixForm form;
  /// The tensor that is added to the outputs, {groups * rows}, where it serves this layer alone: it
  /// takes up what rounding does to the mean of the outputs.
  std::optional<std::size_t> bias;
};

/// All float tensors of a model, sorted by what happens to them.
struct ShrinkPlan {
  std::vector<ShrinkLayer> layers;  ///< in the order of their tensors
  std::vector<std::size_t>
      singles;  ///< rounded element by element: biases, and what is in no product
  std::vector<SkippedTensor> left;  ///< stays as it is
};

/// The values of a tensor as float32. Requires TensorInfo::has_values().
std::vector<float> values_of(const OnnxModel& model, std::size_t tensor);

/// Plans the float weights, biases and normalisations of a model, without those whose name matches
/// one of the globs `exclude`. Throws Error: kUsage for a glob that matches nothing, kUnsupported
/// where nothing is left.
ShrinkPlan plan_shrink(const OnnxModel& model, const std::vector<std::string>& exclude);

}  // namespace qc
