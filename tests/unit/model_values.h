// Tensors of a model by name, and their values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "core/float_types.h"
#include "formats/onnx/onnx_model.h"

namespace qc::test {

/// The index of the tensor called `name`; the number of tensors when there is none.
inline std::size_t index_of(const OnnxModel& model, const std::string& name) {
  const auto found = std::ranges::find(model.tensors(), name, &TensorInfo::name);
  return static_cast<std::size_t>(found - model.tensors().begin());
}

inline std::vector<float> values_of(const OnnxModel& model, std::size_t tensor) {
  const TensorInfo& info = model.tensors().at(tensor);
  return load_floats(info.type, model.payload(info));
}

inline std::vector<float> values_of(const OnnxModel& model, const std::string& name) {
  return test::values_of(model, index_of(model, name));
}

inline std::vector<std::size_t> float_tensors(const OnnxModel& model) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    if (model.tensors()[i].has_values()) indices.push_back(i);
  }
  return indices;
}

}  // namespace qc::test
