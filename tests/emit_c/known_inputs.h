// Models of one node in which some inputs are known, as they are in most models.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "formats/onnx/onnx_model.h"

namespace qc::test {

/// A model with the values of the inputs that it has.
struct KnownModel {
  std::string bytes;
  std::vector<HostTensor> inputs;
};

/// Makes the inputs of these indices initializers of the model.
KnownModel with_known_inputs(onnx::ModelProto model, const std::vector<HostTensor>& values,
                             const std::set<std::size_t>& known);

OnnxModel read_model(const std::string& bytes);

}  // namespace qc::test
