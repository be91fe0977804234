#include "emit/c/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "emit/c/coding.h"
#include "emit/c/expansion.h"
#include "emit/c/fold.h"
#include "emit/c/fusion.h"
#include "emit/c/identifiers.h"
#include "emit/c/memory.h"
#include "emit/c/pooled_layers.h"
#include "emit/c/sign_chains.h"
#include "system/printable.h"

namespace qc::c {
namespace {

// All floats are float32 in C.
DataType planned_type(DataType type) { return is_value_type(type) ? DataType::kFloat : type; }

// For messages about what is no node.
Node node_named(std::string_view op, const std::string& name) {
  Node node;
  node.op = op;
  node.name = name;
  return node;
}

// The main graph's nodes that outputs depend on, by the values that they make.
std::set<std::string> needed_values(const Graph& graph) {
  std::set<std::string> needed;
  for (const GraphValue& output : graph.outputs) needed.insert(output.name);
  const auto add_inner = [&](const auto& self, const Graph& inner) -> void {
    for (const GraphValue& output : inner.outputs) needed.insert(output.name);
    for (const Node& node : inner.nodes) {
      needed.insert(node.inputs.begin(), node.inputs.end());
      each_subgraph(node, [&](const Graph& graph_in) { self(self, graph_in); });
    }
  };
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool is_needed = std::ranges::any_of(
        node->outputs, [&](const std::string& name) { return needed.contains(name); });
    if (!is_needed) continue;
    needed.insert(node->inputs.begin(), node->inputs.end());
    each_subgraph(*node, [&](const Graph& inner) { add_inner(add_inner, inner); });
  }
  needed.erase("");
  return needed;
}

}  // namespace

Planner::Planner(const LoadedModel& model, const PlanOptions& options)
    : model_(model),
      options_(options),
      graph_(model.graph->main),
      binary_(find_binary_values(graph_)),
      needed_(needed_values(graph_)) {}

Plan Planner::run() {
  for (const GraphValue& output : graph_.outputs) ++uses_[output.name];
  count_uses(graph_);
  add_inputs();
  add_initializers(graph_);
  plan_graph(graph_);
  add_outputs();
  join_sign_chains(plan_);
  drop_unused_steps();
  code_products(*this);
  place_values(plan_);
  return std::move(plan_);
}

void Planner::count_uses(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    for (const std::string& input : node.inputs) ++uses_[input];
    each_subgraph(node, [&](const Graph& inner) {
      for (const GraphValue& output : inner.outputs) ++uses_[output.name];
      count_uses(inner);
    });
  }
}

std::size_t Planner::uses(const std::string& name) const {
  const auto found = uses_.find(name);
  return found == uses_.end() ? 0 : found->second;
}

const Node* Planner::maker(const std::string& name) const {
  const auto found = std::ranges::find_if(graph_.nodes, [&](const Node& node) {
    return std::ranges::find(node.outputs, name) != node.outputs.end();
  });
  return found == graph_.nodes.end() ? nullptr : &*found;
}

std::optional<float> Planner::known_scalar(const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  const Value& value = plan_.values[found->second];
  if (!value.constant || value.type != DataType::kFloat || count_of(value.shape) != 1) {
    return std::nullopt;
  }
  return load_floats(value.constant->type, value.constant->bytes)[0];
}

std::optional<ValueId> Planner::made_for(const NodePlan& node, std::size_t input) const {
  if (!node.has_input(input) || uses(node.node().inputs[input]) != 1) return std::nullopt;
  ValueId id = node.input(input);
  while (plan_.values[id].storage != id) {
    const ValueId from = plan_.values[id].storage;
    if (plan_.values[from].shape != plan_.values[id].shape) return std::nullopt;
    if (uses(plan_.values[from].name) != 1) return std::nullopt;
    id = from;
  }
  return id;
}

void Planner::add_inputs() {
  for (const auto& given : options_.shapes) {
    if (std::ranges::find(graph_.inputs, given.first, &GraphValue::name) == graph_.inputs.end()) {
      throw Error(ErrorCode::kUsage, fmt::format("--shape names {}, which is no input of the model",
                                                 printable(given.first)));
    }
  }
  for (const GraphValue& input : graph_.inputs) {
    const std::string name = printable(input.name);
    const auto given = options_.shapes.find(input.name);
    if (!input.has_shape && given == options_.shapes.end()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("the model does not tell the shape of its input {}: give it as "
                              "--shape {}=1x3x224x224",
                              name, name));
    }
    Shape shape = input.has_shape ? input.dims : given->second;
    if (given != options_.shapes.end() && shape.size() != given->second.size()) {
      throw Error(ErrorCode::kUsage, fmt::format("--shape: input {} has {} axes, not {}", name,
                                                 shape.size(), given->second.size()));
    }
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (given != options_.shapes.end()) {
        if (shape[i] >= 0 && shape[i] != given->second[i]) {
          throw Error(ErrorCode::kUsage, fmt::format("--shape: axis {} of input {} is {}, not {}",
                                                     i, name, shape[i], given->second[i]));
        }
        shape[i] = given->second[i];
      } else if (shape[i] < 0 && i == 0) {
        shape[i] = 1;
      } else if (shape[i] < 0) {
        throw Error(ErrorCode::kUsage,
                    fmt::format("the model leaves axis {} of its input {} open: give all sizes as "
                                "--shape {}=1x3x224x224",
                                i, name, name));
      }
    }
    const Node node = node_named("input", input.name);
    const ValueId id = declare(node, input.name, {input.name, planned_type(input.type), shape});
    plan_.values[id].is_input = true;
    plan_.inputs.push_back(id);
  }
}

void Planner::add_initializers(const Graph& graph) {
  for (const Initializer& initializer : graph.initializers) {
    add_constant(initializer.name, tensor(initializer.tensor));
  }
}

void Planner::add_constant(const std::string& name, HostTensor value) {
  Value known{name, value.type, value.dims};
  known.constant = std::move(value);
  known.storage = plan_.values.size();
  names_[name] = plan_.values.size();
  plan_.values.push_back(std::move(known));
}

HostTensor Planner::tensor(const GraphTensor& tensor) const {
  return as_float32(model_.tensors.at(tensor.index));
}

std::int64_t Planner::opset_of(const Node& node) const {
  if (node.domain.empty()) return model_.graph->opset();
  const auto found = model_.graph->opsets.find(node.domain);
  return found == model_.graph->opsets.end() ? 1 : found->second;
}

void Planner::plan_graph(const Graph& graph) {
  std::vector<Node> nodes = graph.nodes;
  move_pools_forward(nodes, [this](const std::string& value) { return uses(value); });
  for (const Node& node : nodes) {
    const bool is_needed =
        &graph != &graph_ ||
        std::ranges::any_of(node.outputs, [&](const auto& o) { return needed_.contains(o); });
    if (is_needed) plan_node(node, opset_of(node));
  }
}

// The branch of an If whose condition is known.
bool Planner::plan_branch(const Node& node) {
  if (!node.is_standard("If")) return false;
  const Value& condition = plan_.values[find(node, node.inputs.at(0))];
  if (!condition.constant || condition.constant->bytes.empty()) return false;
  const auto* branch = node.get<std::shared_ptr<const Graph>>(
      condition.constant->bytes[0] != 0 ? "then_branch" : "else_branch");
  if (branch == nullptr) return false;
  add_initializers(**branch);
  plan_graph(**branch);
  for (std::size_t i = 0; i < std::min(node.outputs.size(), (*branch)->outputs.size()); ++i) {
    if (!node.outputs[i].empty()) alias(node.outputs[i], find(node, (*branch)->outputs[i].name));
  }
  return true;
}

void Planner::plan_node(const Node& node, std::int64_t opset) {
  NodePlan planned(*this, node, opset);
  if (plan_branch(node)) return;
  std::vector<const Value*> inputs;
  for (const std::string& name : node.inputs) {
    inputs.push_back(name.empty() ? nullptr : &plan_.values[find(node, name)]);
  }
  if (auto known = fold(FoldedNode{node, planned.opset(), inputs,
                                   [&](const GraphTensor& of) { return tensor(of); }})) {
    for (std::size_t i = 0; i < known->size() && i < node.outputs.size(); ++i) {
      if (planned.has_output(i)) planned.output_constant(i, std::move((*known)[i]));
    }
    return;
  }
  if (fuse_into_layer(*this, planned) || pool_in_layer(*this, planned)) return;
  if (const auto others = expanded(planned)) {
    for (const auto& [name, value] : others->constants) add_constant(name, value);
    for (const Node& other : others->nodes) {
      for (const std::string& output : other.outputs) uses_.try_emplace(output, 1);
    }
    for (const Node& other : others->nodes) plan_node(other, others->opset);
    return;
  }
  const OperatorRow* row = nullptr;
  for (const OperatorRow& candidate : operator_rows()) {
    if (candidate.name != node.op || candidate.domain != node.domain ||
        candidate.first_opset > planned.opset()) {
      continue;
    }
    if (row == nullptr || candidate.first_opset > row->first_opset) row = &candidate;
  }
  if (row == nullptr) planned.refuse("the operator is not known");
  row->plan(planned);
}

ValueId Planner::find(const Node& node, const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} {}: nothing makes its input {}", printable(node.op),
                            printable(node.label()), printable(name)));
  }
  return found->second;
}

ValueId Planner::declare(const Node& node, const std::string& name, Value value) {
  const std::string label =
      fmt::format("{} {}: {}", printable(node.op), printable(node.label()), printable(name));
  const auto count = element_count(value.shape);
  if (!count || *count > kLargestMemory) {
    throw Error(ErrorCode::kLimit,
                fmt::format("{} has too many elements: {}", label, shape_text(value.shape)));
  }
  if (*count == 0) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("{} has no elements: {}", label, shape_text(value.shape)));
  }
  switch (value.type) {
    case DataType::kFloat:
    case DataType::kInt32:
    case DataType::kInt64:
    case DataType::kBool:
    case DataType::kInt8:
    case DataType::kUint8:
      break;
    default:
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("{} is of type {}, for which C is not written", label,
                              data_type_name(value.type)));
  }
  if (*count * element_bytes(value.type) > kLargestMemory) {
    throw Error(ErrorCode::kLimit,
                fmt::format("{} has too many elements: {}", label, shape_text(value.shape)));
  }
  const ValueId id = plan_.values.size();
  value.storage = id;
  plan_.values.push_back(std::move(value));
  names_[name] = id;
  return id;
}

std::string Planner::identifier(std::string_view text) {
  return unique_identifier(text, identifiers_);
}

std::size_t Planner::array(ConstantArray array) {
  const auto [found, is_new] = arrays_.try_emplace({array.type, array.bytes}, plan_.arrays.size());
  if (is_new) {
    array.name = identifier(array.name);
    plan_.arrays.push_back(std::move(array));
  }
  return found->second;
}

std::size_t Planner::constant_array(ValueId value) {
  const auto found = constant_arrays_.find(value);
  if (found != constant_arrays_.end()) return found->second;
  const Value& known = plan_.values[value];
  const std::size_t index = array({known.name, std::string(type_in_c(known.type)),
                                   known.constant->bytes, shape_text(known.shape)});
  constant_arrays_.emplace(value, index);
  return index;
}

void Planner::add_outputs() {
  std::set<ValueId> taken;
  for (const GraphValue& output : graph_.outputs) {
    const Node node = node_named("output", output.name);
    ValueId id = find(node, output.name);
    const ValueId root = storage_of(plan_, id);
    if (plan_.values[root].is_input || plan_.values[id].constant || taken.contains(root)) {
      copy_output(id);
    }
    plan_.values[storage_of(plan_, id)].is_output = true;
    taken.insert(storage_of(plan_, id));
    plan_.values[id].is_output = true;
    plan_.outputs.push_back(id);
  }
}

// Outputs have memory of their own, which no input and no other output has.
void Planner::copy_output(ValueId& output) {
  const Value from = plan_.values[output];
  const Node node = node_named("Identity", from.name);
  const ValueId to = declare(node, from.name, {from.name, from.type, from.shape});
  NodePlan planned(*this, node, 1);
  Step& step = planned.call("qk_copy_bytes");
  planned.read(step, output);
  planned.write(step, to);
  planned.size(step, static_cast<std::int64_t>(count_of(from.shape) * element_bytes(from.type)));
  output = to;
}

void Planner::drop_unused_steps() {
  std::set<ValueId> read;
  for (const ValueId output : plan_.outputs) read.insert(storage_of(plan_, output));
  std::deque<Step> kept;
  for (auto step = plan_.steps.rbegin(); step != plan_.steps.rend(); ++step) {
    bool is_read = false;
    for (const Argument& argument : step->arguments) {
      const auto* written = std::get_if<Argument::Written>(&argument.what);
      if (written != nullptr) is_read |= read.contains(storage_of(plan_, written->value));
    }
    if (!is_read) continue;
    for (const Argument& argument : step->arguments) {
      const auto* from = std::get_if<Argument::Read>(&argument.what);
      if (from != nullptr) read.insert(storage_of(plan_, from->value));
    }
    kept.push_front(std::move(*step));
  }
  plan_.steps = std::move(kept);
}

HostTensor as_float32(HostTensor tensor) {
  if (!is_value_type(tensor.type) || tensor.type == DataType::kFloat) return tensor;
  const std::vector<float> values = load_floats(tensor.type, tensor.bytes);
  tensor.type = DataType::kFloat;
  tensor.bytes.resize(values.size() * sizeof(float));
  store_floats(DataType::kFloat, values, tensor.bytes);
  return tensor;
}

Plan make_plan(const LoadedModel& model, const PlanOptions& options) {
  return Planner(model, options).run();
}

Plan make_plan_within(const LoadedModel& model, PlanOptions options, std::uint64_t bytes) {
  Plan best = make_plan(model, options);
  while (best.arena_bytes > bytes && options.block > 1) {
    options.block /= 2;
    Plan smaller = make_plan(model, options);
    if (smaller.arena_bytes < best.arena_bytes) best = std::move(smaller);
  }
  return best;
}

}  // namespace qc::c
