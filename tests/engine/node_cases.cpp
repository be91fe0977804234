#include "node_cases.h"

#include <fmt/format.h>

#include "core/bytes.h"
#include "core/random.h"

namespace qc::test {
namespace {

onnx::AttributeProto named(const std::string& name, onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto proto;
  proto.set_name(name);
  proto.set_type(type);
  return proto;
}

std::size_t count_of(const std::vector<std::int64_t>& dims) {
  return static_cast<std::size_t>(element_count(dims).value_or(0));
}

template <typename T>
HostTensor tensor_of(DataType type, const std::vector<std::int64_t>& dims,
                     const std::vector<T>& values) {
  HostTensor tensor{type, dims, Bytes(values.size() * sizeof(T))};
  for (std::size_t i = 0; i < values.size(); ++i) {
    store_le(tensor.bytes.data() + i * sizeof(T), values[i]);
  }
  return tensor;
}

HostTensor random_bytes(DataType type, const std::vector<std::int64_t>& dims) {
  SplitMix64 random(count_of(dims));
  HostTensor tensor{type, dims, {}};
  for (std::size_t i = 0; i < count_of(dims); ++i) {
    tensor.bytes.push_back(static_cast<std::uint8_t>(random.next()));
  }
  return tensor;
}

}  // namespace

std::string NodeCase::name() const {
  std::string text = fmt::format("{}{}{}-{}", domain, domain.empty() ? "" : ".", op, opset);
  for (const auto& proto : attributes) text += fmt::format(" {}", proto.ShortDebugString());
  return text;
}

onnx::AttributeProto attribute(const std::string& name, std::int64_t value) {
  onnx::AttributeProto proto = named(name, onnx::AttributeProto::INT);
  proto.set_i(value);
  return proto;
}

onnx::AttributeProto attribute(const std::string& name, int value) {
  return attribute(name, std::int64_t{value});
}

onnx::AttributeProto attribute(const std::string& name, float value) {
  onnx::AttributeProto proto = named(name, onnx::AttributeProto::FLOAT);
  proto.set_f(value);
  return proto;
}

onnx::AttributeProto attribute(const std::string& name, const char* value) {
  onnx::AttributeProto proto = named(name, onnx::AttributeProto::STRING);
  proto.set_s(value);
  return proto;
}

onnx::AttributeProto int_list(const std::string& name, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto proto = named(name, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) proto.add_ints(value);
  return proto;
}

onnx::AttributeProto float_list(const std::string& name, const std::vector<float>& values) {
  onnx::AttributeProto proto = named(name, onnx::AttributeProto::FLOATS);
  for (const float value : values) proto.add_floats(value);
  return proto;
}

onnx::AttributeProto string_list(const std::string& name, const std::vector<std::string>& values) {
  onnx::AttributeProto proto = named(name, onnx::AttributeProto::STRINGS);
  for (const std::string& value : values) proto.add_strings(value);
  return proto;
}

HostTensor floats(const std::vector<std::int64_t>& dims) {
  SplitMix64 random(count_of(dims));
  std::vector<float> values(count_of(dims));
  for (float& value : values) value = static_cast<float>(2 * random.uniform() - 1);
  return float_values(dims, values);
}

HostTensor float_values(const std::vector<std::int64_t>& dims, const std::vector<float>& values) {
  return tensor_of(DataType::kFloat, dims, values);
}

HostTensor int64s(const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& values) {
  return tensor_of(DataType::kInt64, dims, values);
}

HostTensor int32s(const std::vector<std::int64_t>& dims, const std::vector<std::int32_t>& values) {
  return tensor_of(DataType::kInt32, dims, values);
}

HostTensor uint8s(const std::vector<std::int64_t>& dims) {
  return random_bytes(DataType::kUint8, dims);
}

HostTensor int8s(const std::vector<std::int64_t>& dims) {
  return random_bytes(DataType::kInt8, dims);
}

std::string model_of(const NodeCase& node) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  auto* opset = model.add_opset_import();
  opset->set_version(node.domain.empty() ? node.opset : 13);
  if (!node.domain.empty()) {
    auto* other = model.add_opset_import();
    other->set_domain(node.domain);
    other->set_version(1);
  }
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("one_node");
  onnx::NodeProto& proto = *graph.add_node();
  proto.set_name("the_node");
  proto.set_op_type(node.op);
  proto.set_domain(node.domain);
  for (const auto& attribute : node.attributes) *proto.add_attribute() = attribute;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const HostTensor& input = node.inputs[i];
    const bool given = input.type != DataType::kUndefined;
    const std::string name = given ? fmt::format("input_{}", i) : "";
    proto.add_input(name);
    if (!given) continue;
    onnx::ValueInfoProto& value = *graph.add_input();
    value.set_name(name);
    auto* type = value.mutable_type()->mutable_tensor_type();
    type->set_elem_type(static_cast<int>(input.type));
    type->mutable_shape();
    for (const std::int64_t dim : input.dims) type->mutable_shape()->add_dim()->set_dim_value(dim);
  }
  for (int i = 0; i < node.outputs; ++i) {
    const std::string name = fmt::format("output_{}", i);
    proto.add_output(name);
    graph.add_output()->set_name(name);
  }
  return model.SerializeAsString();
}

}  // namespace qc::test
