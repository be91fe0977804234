#include "graph/node_order.h"

#include <functional>
#include <numeric>
#include <queue>
#include <set>
#include <string_view>
#include <unordered_map>

namespace qc {
namespace {

using Names = std::set<std::string_view>;

// Adds the names that a node and its subgraphs read and that nothing in its subgraphs makes.
void add_reads(const Node& node, Names& names) {
  for (const std::string& name : node.inputs) {
    if (!name.empty()) names.insert(name);
  }
  each_subgraph(node, [&](const Graph& graph) {
    Names inner;
    for (const Node& each : graph.nodes) add_reads(each, inner);
    for (const GraphValue& output : graph.outputs) inner.insert(output.name);
    for (const GraphValue& input : graph.inputs) inner.erase(input.name);
    for (const Initializer& constant : graph.initializers) inner.erase(constant.name);
    for (const Node& each : graph.nodes) {
      for (const std::string& output : each.outputs) inner.erase(output);
    }
    names.insert(inner.begin(), inner.end());
  });
}

}  // namespace

std::optional<std::vector<std::size_t>> execution_order(const Graph& graph) {
  const std::size_t count = graph.nodes.size();
  std::unordered_map<std::string_view, std::size_t> makers;
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::string& output : graph.nodes[i].outputs) makers.try_emplace(output, i);
  }
  std::vector<std::size_t> waits(count, 0);
  std::vector<std::vector<std::size_t>> readers(count);
  bool in_order = true;
  for (std::size_t i = 0; i < count; ++i) {
    Names names;
    add_reads(graph.nodes[i], names);
    for (const std::string_view name : names) {
      const auto maker = makers.find(name);
      if (maker == makers.end()) continue;
      in_order = in_order && maker->second < i;
      readers[maker->second].push_back(i);
      ++waits[i];
    }
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (in_order) return order;

  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (const std::size_t i : order) {
    if (waits[i] == 0) ready.push(i);
  }
  order.clear();
  while (!ready.empty()) {
    const std::size_t next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const std::size_t reader : readers[next]) {
      if (--waits[reader] == 0) ready.push(reader);
    }
  }
  if (order.size() < count) return std::nullopt;
  return order;
}

}  // namespace qc
