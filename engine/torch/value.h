// What flows along the edges of a graph.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <utility>
#include <vector>

namespace qc::torch_engine {

/// A tensor, a sequence of tensors, or nothing (an input that was left out, an empty optional).
struct Value {
  Value() = default;
  Value(at::Tensor value) : tensor(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  explicit Value(std::vector<at::Tensor> values)
      : sequence(std::make_shared<const std::vector<at::Tensor>>(std::move(values))) {}

  bool present() const { return tensor.defined() || sequence != nullptr; }

  at::Tensor tensor;
  std::shared_ptr<const std::vector<at::Tensor>> sequence;
};

using Values = std::vector<Value>;

}  // namespace qc::torch_engine
