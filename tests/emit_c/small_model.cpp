#include "small_model.h"

#include <utility>

#include "core/float_types.h"

namespace qc::test {

SmallModel::SmallModel(int opset) {
  model_.set_ir_version(7);
  model_.add_opset_import()->set_version(opset);
  graph().set_name("graph");
}

SmallModel& SmallModel::input(const std::string& name, const std::vector<std::int64_t>& dims) {
  onnx::ValueInfoProto& value = *graph().add_input();
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  auto& shape = *tensor.mutable_shape();
  for (const std::int64_t dim : dims) {
    if (dim < 0) {
      shape.add_dim()->set_dim_param("open");
    } else {
      shape.add_dim()->set_dim_value(dim);
    }
  }
  return *this;
}

SmallModel& SmallModel::output(const std::string& name) {
  graph().add_output()->set_name(name);
  return *this;
}

SmallModel& SmallModel::floats(const std::string& name, const std::vector<std::int64_t>& dims,
                               const std::vector<float>& values) {
  onnx::TensorProto& tensor = *graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  for (const float value : values) tensor.add_float_data(value);
  return *this;
}

SmallModel& SmallModel::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  onnx::TensorProto& tensor = *graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor.add_int64_data(value);
  return *this;
}

SmallModel& SmallModel::node(const std::string& op, const std::vector<std::string>& inputs,
                             const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *graph().add_node();
  node.set_op_type(op);
  for (const std::string& name : inputs) node.add_input(name);
  for (const std::string& name : outputs) node.add_output(name);
  return *this;
}

OnnxModel SmallModel::open() const {
  const std::string text = model_.SerializeAsString();
  const ByteView view = as_bytes(text);
  std::vector<std::pair<std::filesystem::path, Bytes>> files;
  files.emplace_back("m.onnx", Bytes(view.begin(), view.end()));
  return OnnxModel::from_memory(std::move(files));
}

HostTensor tensor_of(const std::vector<std::int64_t>& dims, const std::vector<float>& values) {
  HostTensor tensor{DataType::kFloat, dims, Bytes(values.size() * sizeof(float))};
  store_floats(DataType::kFloat, values, tensor.bytes);
  return tensor;
}

std::vector<float> values_of(const HostTensor& tensor) {
  return load_floats(tensor.type, tensor.bytes);
}

}  // namespace qc::test
