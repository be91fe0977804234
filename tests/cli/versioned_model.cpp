#include "versioned_model.h"

#include <onnx/onnx_pb.h>

#include <array>

#include "harness.h"

namespace qc::harness {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kElements = 20'000;
constexpr std::array kExternal = {"weights.bin", "more/weights.bin"};

// Of integers, which no pass changes.
std::string payload(char version) {
  std::string bytes;
  for (std::size_t i = 0; i < kElements; ++i) {
    for (const char byte : {version, static_cast<char>(i * i % 251), '\0', '\0'}) {
      bytes.push_back(byte);
    }
  }
  return bytes;
}

void add_external(onnx::GraphProto& graph, const std::string& location) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(location);
  tensor.set_data_type(onnx::TensorProto::INT32);
  tensor.add_dims(static_cast<std::int64_t>(kElements));
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  onnx::StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key("location");
  entry.set_value(location);
}

}  // namespace

void write_versioned_model(const fs::path& folder, char version) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.set_doc_string(std::string(1, version));
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  for (const char* location : kExternal) {
    add_external(graph, location);
    fs::create_directories((folder / location).parent_path());
    write_file(folder / location, payload(version));
  }
  onnx::TensorProto& weights = *graph.add_initializer();
  weights.set_name("weights");
  weights.set_data_type(onnx::TensorProto::FLOAT);
  weights.add_dims(100);
  weights.add_dims(10);
  for (int i = 0; i < 1000; ++i) weights.add_float_data(static_cast<float>(i % 37 - 18));
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("MatMul");
  node.add_input("features");
  node.add_input("weights");
  node.add_output("result");
  write_file(folder / "model.onnx", model.SerializeAsString());
}

std::string version_in(const fs::path& folder) {
  if (!fs::exists(folder / "model.onnx")) return "none";
  onnx::ModelProto model;
  if (!model.ParseFromString(read_file(folder / "model.onnx"))) return "mixed";
  const std::string version = model.doc_string();
  for (const char* location : kExternal) {
    if (!fs::exists(folder / location)) return "mixed";
    if (read_file(folder / location) != payload(version.at(0))) return "mixed";
  }
  return version;
}

}  // namespace qc::harness
