#include "graph/binary_values.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace qc {
namespace {

constexpr std::array<std::string_view, 9> kKeepValues = {"Identity", "Flatten",   "Reshape",
                                                         "Squeeze",  "Unsqueeze", "Transpose",
                                                         "Dropout",  "Slice",     "MaxPool"};

}  // namespace

bool keeps_values(const Node& node) {
  return node.domain.empty() && !node.inputs.empty() && !node.outputs.empty() &&
         std::ranges::find(kKeepValues, node.op) != kKeepValues.end();
}

BinaryValues find_binary_values(const Graph& graph) {
  BinaryValues binary;
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty() || node.outputs.empty() || !node.domain.empty()) continue;
    if (node.op == "Sign" || (keeps_values(node) && binary.contains(node.inputs.front()))) {
      binary.insert(node.outputs.front());
    }
  }
  return binary;
}

}  // namespace qc
