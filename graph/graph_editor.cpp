#include "graph/graph_editor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "core/bytes.h"
#include "core/float_types.h"

namespace qc {
namespace {

void rename_in(Node& node, const std::string& value, const std::string& name);

// Names of inner graphs do not hide outer ones, so every use of the name is one of the value.
bool uses_name(const Node& node, const std::string& value) {
  bool used = std::ranges::count(node.inputs, value) + std::ranges::count(node.outputs, value) > 0;
  each_subgraph(node, [&](const Graph& graph) {
    used |= std::ranges::any_of(graph.nodes,
                                [&](const Node& inner) { return uses_name(inner, value); }) ||
            std::ranges::count(graph.outputs, value, &GraphValue::name) > 0;
  });
  return used;
}

std::shared_ptr<const Graph> renamed(const Graph& graph, const std::string& value,
                                     const std::string& name) {
  auto copy = std::make_shared<Graph>(graph);
  for (Node& node : copy->nodes) rename_in(node, value, name);
  for (GraphValue& output : copy->outputs) {
    if (output.name == value) output.name = name;
  }
  return copy;
}

void rename_in(Node& node, const std::string& value, const std::string& name) {
  if (!uses_name(node, value)) return;
  std::ranges::replace(node.inputs, value, name);
  std::ranges::replace(node.outputs, value, name);
  for (Attribute& attribute : node.attributes) {
    using One = std::shared_ptr<const Graph>;
    if (auto* one = std::get_if<One>(&attribute.value)) *one = renamed(**one, value, name);
    if (auto* all = std::get_if<std::vector<One>>(&attribute.value)) {
      for (One& each : *all) each = renamed(*each, value, name);
    }
  }
}

}  // namespace

GraphEditor::GraphEditor(EditedGraph& edited)
    : edited_(edited), graph_(edited.graph.main), opset_(edited.graph.opset()) {
  count_uses(graph_);
  for (Node& node : graph_.nodes) {
    nodes_.push_back(std::move(node));
    index_outputs(std::prev(nodes_.end()));
  }
  graph_.nodes.clear();
}

void GraphEditor::count_uses(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    count_node(node, true);
    each_subgraph(node, [&](const Graph& inner) { count_uses(inner); });
  }
  for (const GraphValue& output : graph.outputs) ++uses_[output.name];
  for (const GraphValue& input : graph.inputs) names_.insert(input.name);
  for (const Initializer& each : graph.initializers) names_.insert(each.name);
}

void GraphEditor::count_node(const Node& node, bool added) {
  for (const std::string& input : node.inputs) added ? ++uses_[input] : --uses_[input];
  for (const std::string& output : node.outputs) names_.insert(output);
}

void GraphEditor::index_outputs(Position node) {
  for (const std::string& output : node->outputs) producers_.try_emplace(output, node);
}

void GraphEditor::forget_outputs(Position node) {
  for (const std::string& output : node->outputs) {
    const auto found = producers_.find(output);
    if (found != producers_.end() && found->second == node) producers_.erase(found);
  }
}

GraphEditor::Position GraphEditor::find_producer(const std::string& value) {
  const auto found = producers_.find(value);
  return found == producers_.end() ? nodes_.end() : found->second;
}

Node* GraphEditor::producer(const std::string& value) {
  if (value.empty()) return nullptr;
  const auto node = find_producer(value);
  return node == nodes_.end() ? nullptr : &*node;
}

std::size_t GraphEditor::uses(const std::string& value) const {
  const auto found = uses_.find(value);
  return found == uses_.end() ? 0 : found->second;
}

std::string GraphEditor::new_name(const std::string& name) {
  if (names_.insert(name).second) return name;
  // Names stay in use, so the numbers tried before need not be tried again.
  int& number = next_numbers_.try_emplace(name, 2).first->second;
  std::string candidate;
  do {
    candidate = fmt::format("{}_{}", name, number++);
  } while (!names_.insert(candidate).second);
  return candidate;
}

void GraphEditor::insert(Position before, std::string_view op,
                         const std::vector<std::string>& inputs, const std::string& output,
                         std::vector<Attribute> attributes) {
  Node node;
  node.name = output;
  node.op = op;
  node.inputs = inputs;
  node.outputs = {output};
  node.attributes = std::move(attributes);
  count_node(node, true);
  index_outputs(nodes_.insert(before, std::move(node)));
}

std::string GraphEditor::constant(const std::string& name, HostTensor value) {
  const auto [known, is_new] = constant_names_.try_emplace(name);
  if (is_new) {
    known->second = new_name(name);
    Node node;
    node.name = known->second;
    node.op = "Constant";
    node.outputs = {known->second};
    node.attributes.push_back({"value", edited_.add(std::move(value))});
    constants_.push_back(std::move(node));
  }
  return known->second;
}

std::string GraphEditor::scalar(DataType type, double value) {
  HostTensor tensor;
  tensor.type = type;
  tensor.bytes.resize(data_type_bits(type) / 8);
  store_value(type, tensor.bytes, 0, value);
  return constant(fmt::format("{}/{}", data_type_name(type), value), std::move(tensor));
}

std::string GraphEditor::integers(const std::vector<std::int64_t>& values) {
  HostTensor tensor;
  tensor.type = DataType::kInt64;
  tensor.dims = {static_cast<std::int64_t>(values.size())};
  for (const std::int64_t value : values) append_le(tensor.bytes, value);
  return constant(fmt::format("int64/{}", fmt::join(values, "_")), std::move(tensor));
}

GraphEditor::Position GraphEditor::replace(Position node, HostTensor tensor) {
  count_node(*node, false);
  const auto is_sparse = [](const Initializer& each) { return each.tensor.sparse.has_value(); };
  graph_.initializers.insert(std::ranges::find_if(graph_.initializers, is_sparse),
                             {node->outputs.front(), edited_.add(std::move(tensor))});
  forget_outputs(node);
  return nodes_.erase(node);
}

void GraphEditor::rename(const std::string& value, const std::string& name) {
  for (Node& node : nodes_) rename_in(node, value, name);
  const auto replace = [&](auto& all) {
    for (auto& each : all) {
      if (each.name == value) each.name = name;
    }
  };
  replace(graph_.initializers);
  replace(graph_.values);
  uses_[name] += std::exchange(uses_[value], 0);
  if (auto made = producers_.extract(value)) {
    made.key() = name;
    producers_.insert(std::move(made));
  }
}

void GraphEditor::set_input(Node& node, std::size_t index, const std::string& value) {
  --uses_[node.inputs[index]];
  ++uses_[value];
  node.inputs[index] = value;
}

void GraphEditor::add_input(Node& node, const std::string& value) {
  ++uses_[value];
  node.inputs.push_back(value);
}

void GraphEditor::drop_last_input(Node& node) {
  --uses_[node.inputs.back()];
  node.inputs.pop_back();
}

void GraphEditor::set_output(Position node, std::size_t index, const std::string& value) {
  forget_outputs(node);
  node->outputs[index] = value;
  index_outputs(node);
}

void GraphEditor::remove_unused(const std::string& value) {
  const auto node = find_producer(value);
  if (node == nodes_.end()) return remove_unused_initializer(value);
  if (std::ranges::any_of(node->outputs, [&](const auto& out) { return uses(out) > 0; })) return;
  count_node(*node, false);
  forget_outputs(node);
  nodes_.erase(node);
}

void GraphEditor::remove_unused_initializer(const std::string& name) {
  if (uses(name) > 0) return;
  const auto found = std::ranges::find_if(graph_.initializers, [&](const Initializer& each) {
    return each.name == name && !each.tensor.sparse;
  });
  if (found != graph_.initializers.end() && !found->is_input) graph_.initializers.erase(found);
}

void GraphEditor::finish() {
  for (auto* nodes : {&constants_, &nodes_}) {
    graph_.nodes.insert(graph_.nodes.end(), std::make_move_iterator(nodes->begin()),
                        std::make_move_iterator(nodes->end()));
    nodes->clear();
  }
}

}  // namespace qc
