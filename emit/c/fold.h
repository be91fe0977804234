// Nodes whose outputs are known when a network is compiled: arithmetic on shapes, for the most
// part.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/host_tensor.h"
#include "emit/c/plan.h"
#include "graph/graph.h"

namespace qc::c {

struct FoldedNode {
  const Node& node;
  std::int64_t opset;
  const std::vector<const Value*>& inputs;               ///< null for those left out
  std::function<HostTensor(const GraphTensor&)> tensor;  ///< of attributes
};

/// The outputs of a node, where they are known and small enough.
std::optional<std::vector<HostTensor>> fold(const FoldedNode& of);

}  // namespace qc::c
