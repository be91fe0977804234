#include "model_builder.h"

#include <onnx/onnx_pb.h>

#include <utility>

#include "core/float_types.h"
#include "core/random.h"

namespace qc::test {
namespace {

void add_value(onnx::ValueInfoProto& value, const std::string& name) {
  value.set_name(name);
  value.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
}

}  // namespace

Bytes encode(DataType type, std::span<const float> values) {
  Bytes payload(values.size() * data_type_bits(type) / 8);
  store_floats(type, values, payload);
  return payload;
}

std::vector<float> bell_values(std::size_t count, std::uint64_t seed, float deviation) {
  SplitMix64 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    value = static_cast<float>(sum) * deviation;
  }
  return values;
}

ModelBuilder::ModelBuilder() : model_(std::make_unique<onnx::ModelProto>()) {
  model_->set_ir_version(7);
  model_->set_producer_name("qcompress tests");
  model_->add_opset_import()->set_version(13);
  model_->mutable_graph()->set_name("graph");
  add_value(*model_->mutable_graph()->add_input(), "x");
}

ModelBuilder::~ModelBuilder() = default;

ModelBuilder& ModelBuilder::add_initializer(const std::string& name, DataType type,
                                            const std::vector<std::int64_t>& dims, ByteView raw) {
  onnx::TensorProto& tensor = *model_->mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(static_cast<std::int32_t>(type));
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  tensor.set_raw_data(std::string(as_text(raw)));
  return *this;
}

ModelBuilder& ModelBuilder::add_floats(const std::string& name,
                                       const std::vector<std::int64_t>& dims,
                                       std::span<const float> values, DataType type) {
  return add_initializer(name, type, dims, encode(type, values));
}

ModelBuilder& ModelBuilder::add_node(const std::string& op,
                                     const std::vector<std::string>& initializers) {
  onnx::NodeProto& node = *model_->mutable_graph()->add_node();
  node.set_op_type(op);
  node.set_name("node" + std::to_string(model_->graph().node_size()));
  node.add_input(output_);
  for (const std::string& name : initializers) node.add_input(name);
  output_ = node.name() + ".out";
  node.add_output(output_);
  return *this;
}

ModelBuilder& ModelBuilder::add_conv(const std::string& name, const std::vector<std::int64_t>& dims,
                                     std::span<const float> weights, DataType type) {
  return add_layer("Conv", name, dims, dims.front(), weights, type);
}

ModelBuilder& ModelBuilder::add_gemm(const std::string& name, const std::vector<std::int64_t>& dims,
                                     std::span<const float> weights, DataType type) {
  return add_layer("Gemm", name, dims, dims.back(), weights, type);
}

ModelBuilder& ModelBuilder::add_batch_norm(const std::string& name, std::int64_t channels) {
  const std::vector<float> ones(static_cast<std::size_t>(channels), 1.0F);
  std::vector<std::string> parameters;
  for (const char* part : {".scale", ".shift", ".mean", ".var"}) {
    parameters.push_back(name + part);
    add_floats(parameters.back(), {channels}, ones);
  }
  return add_node("BatchNormalization", parameters);
}

ModelBuilder& ModelBuilder::add_layer(const std::string& op, const std::string& name,
                                      const std::vector<std::int64_t>& dims, std::int64_t outputs,
                                      std::span<const float> weights, DataType type) {
  add_floats(name + ".weight", dims, weights, type);
  add_floats(name + ".bias", {outputs}, bell_values(static_cast<std::size_t>(outputs), /*seed=*/1));
  return add_node(op, {name + ".weight", name + ".bias"});
}

ModelBuilder& ModelBuilder::set_ints(const std::string& name,
                                     const std::vector<std::int64_t>& values) {
  onnx::GraphProto& graph = *model_->mutable_graph();
  onnx::AttributeProto& attribute = *graph.mutable_node(graph.node_size() - 1)->add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
  return *this;
}

ModelBuilder& ModelBuilder::set_opset(std::int64_t version) {
  model_->mutable_opset_import(0)->set_version(version);
  return *this;
}

Bytes ModelBuilder::bytes() const {
  onnx::ModelProto model = *model_;
  add_value(*model.mutable_graph()->add_output(), output_);
  const std::string text = model.SerializeAsString();
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

OnnxModel ModelBuilder::open() const {
  std::vector<std::pair<std::filesystem::path, Bytes>> files;
  files.emplace_back("m.onnx", bytes());
  return OnnxModel::from_memory(std::move(files));
}

}  // namespace qc::test
