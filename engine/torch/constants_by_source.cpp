#include "engine/torch/constants_by_source.h"

namespace qc::torch_engine {

std::map<std::size_t, NamedConstant> constants_by_source(const Graph& graph) {
  std::map<std::size_t, NamedConstant> found;
  const auto add = [&](const std::string& name, const GraphTensor& tensor) {
    if (!tensor.sparse) found[tensor.index] = {name, &tensor};
  };
  for (const Initializer& each : graph.initializers) add(each.name, each.tensor);
  for (const Node& node : graph.nodes) {
    if (node.op != "Constant" || node.outputs.empty()) continue;
    if (const auto* value = node.get<GraphTensor>("value")) add(node.outputs.front(), *value);
  }
  return found;
}

}  // namespace qc::torch_engine
