#include "model_files.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/random.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "model_builder.h"

namespace qc::test {
namespace {

void add_entry(onnx::TensorProto& tensor, const std::string& key, const std::string& value) {
  onnx::StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

}  // namespace

Bytes serialize(const onnx::ModelProto& model) {
  const std::string text = model.SerializeAsString();
  return {text.begin(), text.end()};
}

onnx::TensorProto& describe_tensor(onnx::TensorProto& tensor, const std::string& name,
                                   std::int32_t type, const std::vector<std::int64_t>& dims) {
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  return tensor;
}

onnx::TensorProto& set_raw(onnx::TensorProto& tensor, const std::string& name, std::int32_t type,
                           const std::vector<std::int64_t>& dims, ByteView bytes) {
  describe_tensor(tensor, name, type, dims).set_raw_data(std::string(as_text(bytes)));
  return tensor;
}

void set_external(onnx::TensorProto& tensor, const std::string& location,
                  std::optional<std::uint64_t> offset, std::optional<std::uint64_t> length) {
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  add_entry(tensor, "location", location);
  if (offset) add_entry(tensor, "offset", std::to_string(*offset));
  if (length) add_entry(tensor, "length", std::to_string(*length));
}

onnx::NodeProto& add_node(onnx::GraphProto& graph, const std::string& op,
                          const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

onnx::AttributeProto& add_attribute(onnx::NodeProto& node, const std::string& name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

Bytes noise(std::size_t count, std::uint64_t seed) {
  SplitMix64 random(seed);
  Bytes bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

Bytes bell_payload(std::size_t count, std::uint64_t seed) {
  return encode(DataType::kFloat, bell_values(count, seed));
}

onnx::ModelProto parse(const OnnxModel& model) {
  const Bytes bytes = model.files().front().bytes.joined();
  onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return proto;
}

OnnxModel open_model(const onnx::ModelProto& model) {
  return open_files({{"m.onnx", serialize(model)}});
}

OnnxModel open_files(const Files& files) { return OnnxModel::from_memory(files); }

Bytes pack(const OnnxModel& model, const PackOptions& options) {
  MemorySink sink;
  pack_model(model, options, sink);
  return sink.take();
}

Files unpack(ByteView container) { return QcReader::from_bytes(container).decode_to_memory(1); }

TensorInfo find_tensor(const OnnxModel& model, const std::string& name) {
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

}  // namespace qc::test
