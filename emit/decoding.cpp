#include "emit/decoding.h"

#include <array>
#include <optional>
#include <variant>

#include "core/bytes.h"

namespace qc {
namespace {

constexpr std::int64_t kFirstVersionWithFreeInitializers = 4;

// Names as short as can be, that are identifiers too: a, ..., Z, aa, ab, ...
std::string name_of(std::uint64_t number) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string name;
  for (++number; number > 0; number /= kLetters.size()) {
    name.insert(name.begin(), kLetters[--number % kLetters.size()]);
  }
  return name;
}

std::uint64_t varint_size(std::uint64_t value) {
  std::uint64_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// A field with a length; the numbers of the fields used here are below 16.
std::uint64_t field_size(std::uint64_t content) { return 1 + varint_size(content) + content; }

// The content of a TensorProto.
std::uint64_t tensor_size(const HostTensor& tensor, std::size_t name) {
  std::uint64_t size = 0;
  for (const std::int64_t dim : tensor.dims)
    size += 1 + varint_size(static_cast<std::uint64_t>(dim));
  size += 1 + varint_size(static_cast<std::uint64_t>(tensor.type));
  if (name > 0) size += field_size(name);
  return size + field_size(tensor.bytes.size());
}

std::uint64_t attribute_size(const Attribute& attribute) {
  constexpr std::uint64_t kType = 3;  // its number is above 15
  std::uint64_t size = field_size(attribute.name.size()) + kType;
  if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) {
    size += 1 + varint_size(static_cast<std::uint64_t>(*number));
  }
  return field_size(size);
}

std::uint64_t node_size(const Node& node) {
  std::uint64_t size = field_size(node.op.size());
  for (const std::string& input : node.inputs) size += field_size(input.size());
  for (const std::string& output : node.outputs) size += field_size(output.size());
  for (const Attribute& attribute : node.attributes) size += attribute_size(attribute);
  return field_size(size);
}

std::uint64_t constant_node_size(const NamedTensor& tensor) {
  constexpr std::string_view kValue = "value";
  constexpr std::uint64_t kType = 3;
  const std::uint64_t attribute =
      field_size(kValue.size()) + field_size(tensor_size(tensor.value, 0)) + kType;
  return field_size(field_size(std::string_view("Constant").size()) +
                    field_size(tensor.name.size()) + field_size(attribute));
}

HostTensor integer_tensor(DataType type, const std::vector<std::int64_t>& values,
                          std::vector<std::int64_t> dims) {
  HostTensor tensor;
  tensor.type = type;
  tensor.dims = std::move(dims);
  for (const std::int64_t value : values) {
    if (type == DataType::kInt64) {
      append_le(tensor.bytes, value);
    } else {
      append_le(tensor.bytes, static_cast<std::int32_t>(value));
    }
  }
  return tensor;
}

}  // namespace

Node constant_node(const std::string& name, GraphTensor value) {
  Node node;
  node.op = "Constant";
  node.outputs = {name};
  node.attributes.push_back({"value", std::move(value)});
  return node;
}

CommonParts::CommonParts(const ModelGraph& model)
    : constant_nodes_(model.ir_version < kFirstVersionWithFreeInitializers) {
  take_names(model.main);
}

void CommonParts::take_names(const Graph& graph) {
  for (const auto* values : {&graph.inputs, &graph.outputs, &graph.values}) {
    for (const GraphValue& value : *values) names_.insert(value.name);
  }
  for (const Initializer& each : graph.initializers) names_.insert(each.name);
  names_.insert(graph.annotated.begin(), graph.annotated.end());
  for (const Node& node : graph.nodes) {
    names_.insert(node.inputs.begin(), node.inputs.end());
    names_.insert(node.outputs.begin(), node.outputs.end());
    each_subgraph(node, [&](const Graph& inner) { take_names(inner); });
  }
}

std::string Decoding::new_name() {
  std::string name;
  do {
    name = name_of(next_++);
  } while (common_->names_.contains(name));
  return name;
}

void Decoding::count_tensor(const NamedTensor& tensor) {
  bytes_ += common_->constant_nodes_ ? constant_node_size(tensor)
                                     : field_size(tensor_size(tensor.value, tensor.name.size()));
}

std::string Decoding::tensor(HostTensor value) {
  tensors_.push_back({new_name(), std::move(value)});
  count_tensor(tensors_.back());
  return tensors_.back().name;
}

std::string Decoding::constant(HostTensor value) {
  const CommonParts::ConstantKey key = {value.type, value.dims, value.bytes};
  for (const auto* known : std::array{&common_->known_, &std::as_const(known_)}) {
    if (const auto found = known->find(key); found != known->end()) return found->second;
  }
  constants_.push_back({new_name(), std::move(value)});
  count_tensor(constants_.back());
  known_.emplace(key, constants_.back().name);
  return constants_.back().name;
}

std::string Decoding::integers(DataType type, const std::vector<std::int64_t>& values,
                               std::vector<std::int64_t> dims) {
  return constant(integer_tensor(type, values, std::move(dims)));
}

std::string Decoding::list(const std::vector<std::int64_t>& values) {
  return integers(DataType::kInt64, values, {static_cast<std::int64_t>(values.size())});
}

std::string Decoding::scalar(DataType type, std::int64_t value) {
  return integers(type, {value}, {});
}

void Decoding::add_node(std::string_view op, std::vector<std::string> inputs,
                        std::vector<std::string> outputs, std::vector<Attribute> attributes) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.attributes = std::move(attributes);
  bytes_ += node_size(node);
  nodes_.push_back(std::move(node));
}

std::string Decoding::node(std::string_view op, std::vector<std::string> inputs,
                           std::vector<Attribute> attributes) {
  std::string name = new_name();
  add_node(op, std::move(inputs), {name}, std::move(attributes));
  return name;
}

std::string Decoding::second_output(std::string_view op, std::vector<std::string> inputs) {
  std::string first = new_name();
  std::string second = new_name();
  add_node(op, std::move(inputs), {std::move(first), second}, {});
  return second;
}

std::string Decoding::cast(const std::string& value, DataType to) {
  return node("Cast", {value}, {{"to", static_cast<std::int64_t>(to)}});
}

std::string Decoding::flatten(const std::string& value) {
  return node("Reshape", {value, list({-1})});
}

void Decoding::finish(std::string_view op, std::vector<std::string> inputs,
                      std::vector<Attribute> attributes) {
  add_node(op, std::move(inputs), {result_}, std::move(attributes));
}

void Decoding::finish_reshaped(const std::string& value, const std::vector<std::int64_t>& dims) {
  finish("Reshape", {value, list(dims)});
}

void Decoding::keep(CommonParts& common) const {
  common.next_ = next_;
  common.known_.insert(known_.begin(), known_.end());
  common.constants_.insert(common.constants_.end(), constants_.begin(), constants_.end());
}

}  // namespace qc
