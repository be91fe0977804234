// The weights of a model as layers: matrices that multiply activations, and what is added behind.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "formats/onnx/onnx_model.h"
#include "graph/matrix_form.h"

namespace qc {

/// A weight tensor whose matrices multiply activations.
struct WeightLayer {
  std::size_t tensor = 0;  ///< index into OnnxModel::tensors()
  MatrixForm form;
  /// The tensor that is added to the outputs, {groups * rows}, where it serves this layer alone: it
  /// can take up what a change of the weights does to the mean of the outputs.
  std::optional<std::size_t> bias;
};

/// The layers of the main graph whose values are finite and can be overwritten, in the order of
/// their tensors. Tensors that are `kept` are neither layers nor biases.
std::vector<WeightLayer> find_layers(const OnnxModel& model, const std::set<std::size_t>& kept);

/// The values of a tensor as float32. Requires TensorInfo::has_values().
std::vector<float> values_of(const OnnxModel& model, std::size_t tensor);

/// Such values as its payload.
Bytes payload_of(const OnnxModel& model, std::size_t tensor, std::span<const float> values);

}  // namespace qc
