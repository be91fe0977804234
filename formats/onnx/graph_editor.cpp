#include "formats/onnx/graph_editor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "formats/onnx/skeleton.h"

namespace qc {
namespace {

// Names of inner graphs do not hide outer ones, so every use of the name is one of the value.
void rename_in(onnx::NodeProto& node, const std::string& value, const std::string& name) {
  const auto rename_graph = [&](onnx::GraphProto& graph) {
    for (auto& inner : *graph.mutable_node()) rename_in(inner, value, name);
    for (auto& output : *graph.mutable_output()) {
      if (output.name() == value) output.set_name(name);
    }
  };
  for (std::string& input : *node.mutable_input()) {
    if (input == value) input = name;
  }
  for (std::string& output : *node.mutable_output()) {
    if (output == value) output = name;
  }
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) rename_graph(*attribute.mutable_g());
    for (auto& graph : *attribute.mutable_graphs()) rename_graph(graph);
  }
}

}  // namespace

GraphEditor::GraphEditor(onnx::ModelProto& model) : graph_(*model.mutable_graph()) {
  for (const auto& opset : model.opset_import()) {
    if (opset.domain().empty() || opset.domain() == "ai.onnx") opset_ = opset.version();
  }
  count_uses(graph_);
  for (auto& node : *graph_.mutable_node()) {
    nodes_.push_back(std::move(node));
    index_outputs(std::prev(nodes_.end()));
  }
  graph_.clear_node();
}

void GraphEditor::count_uses(const onnx::GraphProto& graph) {
  for (const auto& node : graph.node()) {
    count_node(node, true);
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) count_uses(attribute.g());
      for (const auto& inner : attribute.graphs()) count_uses(inner);
    }
  }
  for (const auto& output : graph.output()) ++uses_[output.name()];
  for (const auto& input : graph.input()) names_.insert(input.name());
  for (const auto& tensor : graph.initializer()) names_.insert(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) names_.insert(tensor.values().name());
}

void GraphEditor::count_node(const onnx::NodeProto& node, bool added) {
  for (const std::string& input : node.input()) added ? ++uses_[input] : --uses_[input];
  for (const std::string& output : node.output()) names_.insert(output);
}

void GraphEditor::index_outputs(Position node) {
  for (const std::string& output : node->output()) producers_.try_emplace(output, node);
}

void GraphEditor::forget_outputs(Position node) {
  for (const std::string& output : node->output()) {
    const auto found = producers_.find(output);
    if (found != producers_.end() && found->second == node) producers_.erase(found);
  }
}

GraphEditor::Position GraphEditor::find_producer(const std::string& value) {
  const auto found = producers_.find(value);
  return found == producers_.end() ? nodes_.end() : found->second;
}

onnx::NodeProto* GraphEditor::producer(const std::string& value) {
  if (value.empty()) return nullptr;
  const Position node = find_producer(value);
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
                         const std::vector<onnx::AttributeProto>& attributes) {
  onnx::NodeProto node;
  node.set_name(output);
  node.set_op_type(std::string(op));
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  for (const auto& attribute : attributes) *node.add_attribute() = attribute;
  count_node(node, true);
  index_outputs(nodes_.insert(before, std::move(node)));
}

std::string GraphEditor::constant(const std::string& name, onnx::TensorProto value) {
  const auto [known, is_new] = constant_names_.try_emplace(name);
  if (is_new) {
    known->second = new_name(name);
    onnx::NodeProto node;
    node.set_name(known->second);
    node.set_op_type("Constant");
    node.add_output(known->second);
    auto* attribute = node.add_attribute();
    attribute->set_name("value");
    attribute->set_type(onnx::AttributeProto::TENSOR);
    *attribute->mutable_t() = std::move(value);
    constants_.push_back(std::move(node));
  }
  return known->second;
}

std::string GraphEditor::scalar(DataType type, double value) {
  onnx::TensorProto tensor;
  tensor.set_data_type(static_cast<std::int32_t>(type));
  Bytes bytes(data_type_bits(type) / 8);
  store_value(type, bytes, 0, value);
  tensor.set_raw_data(bytes.data(), bytes.size());
  return constant(fmt::format("{}/{}", data_type_name(type), value), std::move(tensor));
}

std::string GraphEditor::integers(const std::vector<std::int64_t>& values) {
  onnx::TensorProto tensor;
  tensor.set_data_type(static_cast<std::int32_t>(DataType::kInt64));
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  Bytes bytes;
  for (const std::int64_t value : values) append_le(bytes, static_cast<std::uint64_t>(value));
  tensor.set_raw_data(bytes.data(), bytes.size());
  return constant(fmt::format("int64/{}", fmt::join(values, "_")), std::move(tensor));
}

GraphEditor::Position GraphEditor::replace(Position node, onnx::TensorProto tensor) {
  count_node(*node, false);
  tensor.set_name(node->output(0));
  *graph_.add_initializer() = std::move(tensor);
  forget_outputs(node);
  return nodes_.erase(node);
}

void GraphEditor::rename(const std::string& value, const std::string& name) {
  for (auto& node : nodes_) rename_in(node, value, name);
  const auto replace = [&](std::string* each) {
    if (*each == value) *each = name;
  };
  for (auto& tensor : *graph_.mutable_initializer()) replace(tensor.mutable_name());
  for (auto& info : *graph_.mutable_value_info()) replace(info.mutable_name());
  uses_[name] += std::exchange(uses_[value], 0);
  if (auto made = producers_.extract(value)) {
    made.key() = name;
    producers_.insert(std::move(made));
  }
}

void GraphEditor::set_input(onnx::NodeProto& node, int index, const std::string& value) {
  --uses_[node.input(index)];
  ++uses_[value];
  node.set_input(index, value);
}

void GraphEditor::set_output(Position node, int index, const std::string& value) {
  forget_outputs(node);
  node->set_output(index, value);
  index_outputs(node);
}

void GraphEditor::remove_unused(const std::string& value) {
  const Position node = find_producer(value);
  if (node == nodes_.end()) return remove_unused_initializer(value);
  if (std::ranges::any_of(node->output(), [&](const auto& out) { return uses(out) > 0; })) return;
  count_node(*node, false);
  forget_outputs(node);
  nodes_.erase(node);
}

void GraphEditor::remove_unused_initializer(const std::string& name) {
  const auto named = [&](const auto& each) { return each.name() == name; };
  if (uses(name) > 0 || std::ranges::any_of(graph_.input(), named)) return;
  auto& tensors = *graph_.mutable_initializer();
  const auto found = std::ranges::find_if(tensors, named);
  if (found != tensors.end()) tensors.erase(found);
}

void GraphEditor::finish() {
  for (auto* nodes : {&constants_, &nodes_}) {
    for (onnx::NodeProto& node : *nodes) *graph_.add_node() = std::move(node);
    nodes->clear();
  }
}

onnx::AttributeProto int_attribute(const std::string& name, std::int64_t value) {
  onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
  return attribute;
}

onnx::AttributeProto ints_attribute(const std::string& name,
                                    const std::vector<std::int64_t>& values) {
  onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
  return attribute;
}

onnx::AttributeProto float_attribute(const std::string& name, float value) {
  onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::FLOAT);
  attribute.set_f(value);
  return attribute;
}

OnnxModel with_changed_graph(const OnnxModel& model,
                             const std::function<void(onnx::ModelProto&)>& change) {
  const ModelFile& main = model.files().front();
  if (main.bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw Error(ErrorCode::kLimit,
                "nodes can be added to .onnx files of at most 2 GB; move the weights to external "
                "data first");
  }
  onnx::ModelProto proto = parse_model(main.bytes);
  change(proto);
  std::string serialised;
  if (!proto.SerializeToString(&serialised)) {
    throw Error(ErrorCode::kLimit, "the model with its new nodes would be over 2 GB");
  }
  const ByteView bytes = as_bytes(serialised);
  return model.with_main_file(Bytes(bytes.begin(), bytes.end()));
}

}  // namespace qc
