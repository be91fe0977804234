#include "graph/binary_values.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace qc {
namespace {

// Their first output has no value that their first input lacks.
constexpr std::array<std::string_view, 9> kKeepValues = {"Identity", "Flatten",   "Reshape",
                                                         "Squeeze",  "Unsqueeze", "Transpose",
                                                         "Dropout",  "Slice",     "MaxPool"};

}  // namespace

BinaryValues find_binary_values(const Graph& graph) {
  BinaryValues binary;
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty() || node.outputs.empty() || !node.domain.empty()) continue;
    const bool keeps = std::ranges::find(kKeepValues, node.op) != kKeepValues.end();
    if (node.op == "Sign" || (keeps && binary.contains(node.inputs.front()))) {
      binary.insert(node.outputs.front());
    }
  }
  return binary;
}

}  // namespace qc
