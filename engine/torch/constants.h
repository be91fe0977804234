// The constants of a graph as libtorch tensors, some of which may be replaced while training.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <unordered_map>

#include "formats/onnx/graph.h"

namespace qc::torch_engine {

/// Converts each constant once. The graph must outlive this.
class Constants {
 public:
  explicit Constants(at::Device device) : device_(device) {}

  at::Tensor get(const GraphTensor& constant);

  /// From now on get() gives `value` for the constants that come from tensor `source` of the model.
  void replace(std::size_t source, at::Tensor value) { replaced_[source] = std::move(value); }

 private:
  at::Device device_;
  std::unordered_map<const GraphTensor*, at::Tensor> converted_;
  std::unordered_map<std::size_t, at::Tensor> replaced_;
};

}  // namespace qc::torch_engine
