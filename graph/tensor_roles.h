// What every tensor of a model is for, read off the graph.
#pragma once

#include <vector>

#include "graph/graph.h"
#include "graph/tensor_info.h"

namespace qc {

/// Sets name, role, channel_axis, op and position of the tensors that the graph refers to. Names
/// are made unique.
void assign_roles(const ModelGraph& model, std::vector<TensorInfo>& tensors);

}  // namespace qc
