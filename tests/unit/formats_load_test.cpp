#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "formats/onnx/load_tensors.h"
#include "harness.h"

namespace qc {
namespace {

LoadedModel load(const onnx::ModelProto& proto) {
  const std::string bytes = proto.SerializeAsString();
  return load_model(OnnxModel::from_memory({{"model.onnx", Bytes(bytes.begin(), bytes.end())}}));
}

ErrorCode error_of(const onnx::ModelProto& proto) {
  try {
    static_cast<void>(load(proto));
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

// A sparse tensor of shape `dims` with values 1, 2, ... at `places`.
onnx::ModelProto sparse_model(const std::vector<std::int64_t>& dims,
                              const std::vector<std::int64_t>& places) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  auto& sparse = *model.mutable_graph()->add_sparse_initializer();
  for (const std::int64_t dim : dims) sparse.add_dims(dim);
  auto& values = *sparse.mutable_values();
  values.set_name("sparse");
  values.set_data_type(onnx::TensorProto::FLOAT);
  auto& indices = *sparse.mutable_indices();
  indices.set_data_type(onnx::TensorProto::INT64);
  values.add_dims(static_cast<std::int64_t>(places.size()));
  indices.add_dims(static_cast<std::int64_t>(places.size()));
  for (const std::int64_t place : places) {
    indices.add_int64_data(place);
    values.add_float_data(static_cast<float>(indices.int64_data_size()));
  }
  return model;
}

TEST(LoadedModels, SparseTensorsBecomeDense) {
  const LoadedModel model = load(sparse_model({2, 3}, {1, 5}));
  const HostTensor& dense = model.tensors[model.graph->main.initializers.at(0).tensor.index];
  EXPECT_EQ(dense.dims, (std::vector<std::int64_t>{2, 3}));
  std::vector<float> values;
  for (std::size_t i = 0; i < 6; ++i) values.push_back(load_le<float>(dense.bytes.data() + 4 * i));
  EXPECT_EQ(values, (std::vector<float>{0, 1, 0, 0, 0, 2}));
}

TEST(LoadedModels, SparseTensorsAreCheckedBeforeAnythingIsAllocated) {
  EXPECT_EQ(error_of(sparse_model({2, 3}, {6})), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(sparse_model({2, 3}, {-1})), ErrorCode::kCorrupt);
  EXPECT_EQ(error_of(sparse_model({1 << 20, 1 << 20}, {0})), ErrorCode::kLimit);

  onnx::ModelProto few_values = sparse_model({2, 3}, {1, 2});
  auto& values = *few_values.mutable_graph()->mutable_sparse_initializer(0)->mutable_values();
  values.set_dims(0, 1);
  values.mutable_float_data()->RemoveLast();
  EXPECT_EQ(error_of(few_values), ErrorCode::kCorrupt);

  // No elements, yet an impossible number of index tuples.
  onnx::ModelProto no_indices = sparse_model({}, {});
  auto& indices = *no_indices.mutable_graph()->mutable_sparse_initializer(0)->mutable_indices();
  indices.set_dims(0, std::int64_t{1} << 60);
  indices.add_dims(0);
  EXPECT_EQ(error_of(no_indices), ErrorCode::kCorrupt);
}

// The outputs of the nodes of a loaded graph of Relu nodes, each {output, input}.
std::vector<std::string> loaded_outputs(
    const std::vector<std::pair<std::string, std::string>>& nodes) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  model.mutable_graph()->add_input()->set_name("x");
  for (const auto& [output, input] : nodes) {
    onnx::NodeProto& node = *model.mutable_graph()->add_node();
    node.set_op_type("Relu");
    node.add_input(input);
    node.add_output(output);
  }
  std::vector<std::string> outputs;
  const LoadedModel loaded = load(model);
  for (const Node& node : loaded.graph->main.nodes) outputs.push_back(node.outputs.front());
  return outputs;
}

TEST(LoadedModels, NodesAreInAnOrderOfExecution) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(loaded_outputs({{"a", "x"}, {"b", "a"}, {"c", "x"}}), (Names{"a", "b", "c"}));
  EXPECT_EQ(loaded_outputs({{"c", "b"}, {"d", "x"}, {"b", "a"}, {"a", "x"}}),
            (Names{"d", "a", "b", "c"}));
  // Those that wait for each other stay where they are.
  EXPECT_EQ(loaded_outputs({{"c", "x"}, {"b", "a"}, {"a", "b"}}), (Names{"c", "b", "a"}));
  EXPECT_EQ(loaded_outputs({{"b", "b"}, {"a", "x"}}), (Names{"b", "a"}));
}

// What only a subgraph reads is read by the node that holds it; its own names are not.
TEST(LoadedModels, SubgraphsCountAsReads) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.add_input()->set_name("x");
  onnx::NodeProto& choice = *graph.add_node();
  choice.set_op_type("If");
  choice.add_input("x");
  choice.add_output("y");
  onnx::AttributeProto& branch = *choice.add_attribute();
  branch.set_name("then_branch");
  branch.set_type(onnx::AttributeProto::GRAPH);
  onnx::NodeProto& inner = *branch.mutable_g()->add_node();
  inner.set_op_type("Relu");
  inner.add_input("late");
  inner.add_output("y");
  branch.mutable_g()->add_output()->set_name("y");
  onnx::NodeProto& late = *graph.add_node();
  late.set_op_type("Relu");
  late.add_input("x");
  late.add_output("late");
  const LoadedModel loaded = load(model);
  ASSERT_EQ(loaded.graph->main.nodes.size(), 2U);
  EXPECT_EQ(loaded.graph->main.nodes.front().outputs.front(), "late");
}

TEST(LoadedModels, EverySharedModelIsReadOrRefused) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  for (const std::string& file : harness::list_files(*shared / "models")) {
    if (!file.ends_with(".onnx")) continue;
    try {
      static_cast<void>(load_model(OnnxModel::open(*shared / "models" / file)));
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::kInternal) << file << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace qc
