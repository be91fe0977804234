// Operators that are others in a row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc::c {

class NodePlan;

/// Nodes of ONNX's own operators that give what one node does. The values between them have names
/// that no model has.
struct Expansion {
  std::vector<std::pair<std::string, HostTensor>> constants;
  std::vector<Node> nodes;
  std::int64_t opset = 13;  ///< the version of the operators that they mean
};

/// Of a QuantizeLinear: its scale is what it multiplies by, as operators on quantised tensors do.
/// No model has it, since there is a line break in its name.
inline constexpr std::string_view kMultiplies = "\nmultiplies";

/// Nothing for a node that has a row of its own, or none.
std::optional<Expansion> expanded(const NodePlan& node);

}  // namespace qc::c
