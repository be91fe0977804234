#include "graph/graph.h"

#include <algorithm>

namespace qc {

const std::string& Node::label() const {
  if (!name.empty()) return name;
  return !outputs.empty() && !outputs.front().empty() ? outputs.front() : op;
}

const Attribute* Node::find(std::string_view attribute) const {
  const auto found = std::ranges::find(attributes, attribute, &Attribute::name);
  return found != attributes.end() ? &*found : nullptr;
}

std::int64_t ModelGraph::opset() const {
  const auto own = opsets.find("");
  return own != opsets.end() ? own->second : 1;
}

std::map<std::size_t, const Node*> nodes_by_number(const Graph& graph) {
  std::map<std::size_t, const Node*> nodes;
  for (const Node& node : graph.nodes) nodes.emplace(node.number, &node);
  return nodes;
}

}  // namespace qc
