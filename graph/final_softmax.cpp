#include "graph/final_softmax.h"

#include <algorithm>

namespace qc {

const Node* final_softmax(const Graph& graph) {
  if (graph.outputs.empty()) return nullptr;
  const auto found = std::ranges::find_if(graph.nodes, [&](const Node& node) {
    return node.is_standard("Softmax") && !node.inputs.empty() && !node.outputs.empty() &&
           node.outputs.front() == graph.outputs.front().name;
  });
  return found == graph.nodes.end() ? nullptr : &*found;
}

}  // namespace qc
