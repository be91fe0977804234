#include "engine/torch/constants.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "engine/torch/convert.h"

namespace qc::torch_engine {

at::Tensor Constants::get(const GraphTensor& constant) {
  const HostTensor& tensor = tensors_[constant.index];
  if (!constant.sparse && !replaced_.empty()) {
    const auto found = replaced_.find(constant.index);
    // Weights are trained in float32, whatever the graph computes in.
    if (found != replaced_.end()) {
      return found->second.requires_grad() ? found->second.to(scalar_type(tensor.type))
                                           : found->second;
    }
  }
  at::Tensor& converted = converted_[constant.index];
  if (!converted.defined()) {
    // Made during an evaluation it would be of no use to a training.
    const c10::InferenceMode for_training_too(false);
    converted = to_torch(tensor);
    // Shapes and indices stay where their numbers are read.
    if (converted.is_floating_point()) converted = converted.to(device_);
  }
  return converted;
}

}  // namespace qc::torch_engine
