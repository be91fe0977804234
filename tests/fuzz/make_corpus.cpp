// Writes the seed inputs of the fuzz targets: FOLDER/NAME/* for the target fuzz_NAME. Small on
// purpose; the fuzzers grow them.

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

namespace qc {
namespace {

namespace fs = std::filesystem;

void write_seed(const fs::path& folder, const std::string& name, const std::string& bytes) {
  fs::create_directories(folder);
  std::ofstream file(folder / name, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + (folder / name).string());
}

onnx::ModelProto empty_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  model.mutable_graph()->set_name("seed");
  return model;
}

void set_raw(onnx::TensorProto& tensor, const std::string& name) {
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(2);
  tensor.add_dims(3);
  tensor.set_raw_data(
      std::string("\0\0\x80\x3f\0\0\0\0\0\0\x80\xbf\0\0\0\0\0\0\0\x40\0\0\0\0", 24));
}

onnx::NodeProto& add_gemm(onnx::GraphProto& graph, const std::string& weight) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Gemm");
  node.add_input("x");
  node.add_input(weight);
  node.add_output("y");
  return node;
}

std::string raw_model() {
  onnx::ModelProto model = empty_model();
  set_raw(*model.mutable_graph()->add_initializer(), "w");
  add_gemm(*model.mutable_graph(), "w");
  return model.SerializeAsString();
}

std::string typed_model() {
  onnx::ModelProto model = empty_model();
  onnx::TensorProto& floats = *model.mutable_graph()->add_initializer();
  floats.set_name("f");
  floats.set_data_type(onnx::TensorProto::FLOAT);
  floats.add_dims(2);
  floats.add_float_data(0.5F);
  floats.add_float_data(-0.5F);
  onnx::TensorProto& integers = *model.mutable_graph()->add_initializer();
  integers.set_name("i");
  integers.set_data_type(onnx::TensorProto::INT64);
  integers.add_dims(2);
  integers.add_int64_data(-1);
  integers.add_int64_data(300);
  return model.SerializeAsString();
}

/// A Constant node inside an If branch, and the same tensor in a function.
std::string nested_model() {
  onnx::ModelProto model = empty_model();
  onnx::NodeProto& branch = *model.mutable_graph()->add_node();
  branch.set_op_type("If");
  onnx::AttributeProto& body = *branch.add_attribute();
  body.set_name("then_branch");
  body.set_type(onnx::AttributeProto::GRAPH);
  onnx::NodeProto& constant = *body.mutable_g()->add_node();
  constant.set_op_type("Constant");
  constant.add_output("w");
  onnx::AttributeProto& value = *constant.add_attribute();
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  set_raw(*value.mutable_t(), "w");
  onnx::FunctionProto& function = *model.add_functions();
  function.set_name("f");
  *function.add_node() = constant;
  return model.SerializeAsString();
}

std::string sparse_model() {
  onnx::ModelProto model = empty_model();
  onnx::SparseTensorProto& sparse = *model.mutable_graph()->add_sparse_initializer();
  set_raw(*sparse.mutable_values(), "s");
  sparse.mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  sparse.mutable_indices()->add_dims(6);
  for (std::int64_t i = 0; i < 6; ++i) sparse.mutable_indices()->add_int64_data(2 * i);
  sparse.add_dims(100);
  return model.SerializeAsString();
}

std::string external_model() {
  onnx::ModelProto model = empty_model();
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("e");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(4);
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto add = [&tensor](const char* key, const char* value) {
    onnx::StringStringEntryProto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", "weights.bin");
  add("offset", "16");
  add("length", "16");
  return model.SerializeAsString();
}

void write_corpus(const fs::path& folder) {
  write_seed(folder / "onnx", "raw", raw_model());
  write_seed(folder / "onnx", "typed", typed_model());
  write_seed(folder / "onnx", "nested", nested_model());
  write_seed(folder / "onnx", "sparse", sparse_model());
  write_seed(folder / "onnx", "external", external_model());
}

}  // namespace
}  // namespace qc

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_corpus FOLDER\n";
    return 2;
  }
  try {
    qc::write_corpus(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "make_corpus: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
