// The tensors of a model with their elements, for those who execute it.
#pragma once

#include <memory>
#include <vector>

#include "core/host_tensor.h"
#include "formats/onnx/onnx_model.h"
#include "graph/graph.h"

namespace qc {

/// A graph and the elements of its constants. `tensors` are by index, as the graph refers to them;
/// in the place of a sparse one's values stands the dense tensor. Nodes of the main graph are in an
/// order in which they can be executed, which some files do not keep to.
struct LoadedModel {
  std::shared_ptr<const ModelGraph> graph;
  std::vector<HostTensor> tensors;
};

/// Loads what the main graph and those in its nodes refer to. Throws Error: kCorrupt for tensors
/// whose payload does not agree with type and shape, kLimit for sparse ones that are too large when
/// dense, kUnsupported for model-local functions.
LoadedModel load_model(const OnnxModel& model);

}  // namespace qc
