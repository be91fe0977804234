#include "known_inputs.h"

namespace qc::test {

KnownModel with_known_inputs(onnx::ModelProto model, const std::vector<HostTensor>& values,
                             const std::set<std::size_t>& known) {
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto inputs = graph.input();
  graph.clear_input();
  KnownModel result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const onnx::ValueInfoProto& input = inputs[static_cast<int>(i)];
    const HostTensor& value = values[i];
    if (!known.contains(i)) {
      // Some backend tests declare another shape than their data has.
      onnx::ValueInfoProto& kept = *graph.add_input();
      kept = input;
      auto* shape = kept.mutable_type()->mutable_tensor_type()->mutable_shape();
      shape->clear_dim();
      for (const std::int64_t dim : value.dims) shape->add_dim()->set_dim_value(dim);
      result.inputs.push_back(value);
      continue;
    }
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(input.name());
    tensor.set_data_type(static_cast<int>(value.type));
    for (const std::int64_t dim : value.dims) tensor.add_dims(dim);
    tensor.set_raw_data(value.bytes.data(), value.bytes.size());
  }
  result.bytes = model.SerializeAsString();
  return result;
}

OnnxModel read_model(const std::string& bytes) {
  return OnnxModel::from_memory({{"model.onnx", Bytes(bytes.begin(), bytes.end())}});
}

}  // namespace qc::test
