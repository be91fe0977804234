// What every tensor of a model is for, read off the graph.
#pragma once

#include <string>
#include <vector>

#include "formats/onnx/tensor_info.h"

namespace qc {

/// Sets name, role, channel_axis and op of the tensors from a skeleton whose raw_data fields hold
/// indices into `tensors` (see WireModel). Names are made unique. Throws Error(kCorrupt) when the
/// skeleton is no ModelProto.
void assign_roles(const std::string& skeleton, std::vector<TensorInfo>& tensors);

}  // namespace qc
