// The constants of a graph as libtorch tensors, some of which may be replaced while training.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc::torch_engine {

/// Converts each constant once. The tensors must outlive this.
class Constants {
 public:
  /// `tensors` are those of a LoadedModel.
  Constants(const std::vector<HostTensor>& tensors, at::Device device)
      : tensors_(tensors), device_(device) {}

  at::Tensor get(const GraphTensor& constant);
  DataType type(const GraphTensor& constant) const { return tensors_[constant.index].type; }

  /// From now on get() gives `value` for the constants of tensor `source` of the model.
  void replace(std::size_t source, at::Tensor value) { replaced_[source] = std::move(value); }

 private:
  const std::vector<HostTensor>& tensors_;
  at::Device device_;
  std::unordered_map<std::size_t, at::Tensor> converted_;  // by index
  std::unordered_map<std::size_t, at::Tensor> replaced_;
};

}  // namespace qc::torch_engine
