#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model_files.h"

namespace qc {
namespace {

using test::add_attribute;
using test::add_node;
using test::find_tensor;
using test::noise;
using test::open_model;
using test::set_raw;

constexpr std::int32_t kFloat = onnx::TensorProto::FLOAT;
using Dims = std::vector<std::int64_t>;

std::uint64_t count(const Dims& dims) { return element_count(dims).value_or(0); }

void add_weight(onnx::GraphProto& graph, const std::string& name, const Dims& dims) {
  set_raw(*graph.add_initializer(), name, kFloat, dims, noise(4 * count(dims), 1));
}

void set_int(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  add_attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void set_permutation(onnx::NodeProto& node, const Dims& axes) {
  onnx::AttributeProto& attribute = add_attribute(node, "perm", onnx::AttributeProto::INTS);
  for (const std::int64_t axis : axes) attribute.add_ints(axis);
}

// What an input of an operator is, by ONNX's definition of the operator.
struct Use {
  const char* op;
  int input;
  Dims dims;
  const char* flag;  // an attribute that is 1, or null
  Role role;
  int axis;
};

std::ostream& operator<<(std::ostream& out, const Use& use) {
  return out << use.op << " input " << use.input << ' ' << shape_text(use.dims);
}

class EveryUse : public testing::TestWithParam<Use> {};

TEST_P(EveryUse, HasItsRoleAndAxis) {
  const Use& use = GetParam();
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  add_weight(graph, "w", use.dims);
  std::vector<std::string> inputs;
  inputs.reserve(static_cast<std::size_t>(use.input) + 1);
  for (int i = 0; i < use.input; ++i) inputs.push_back(fmt::format("x{}", i));
  inputs.emplace_back("w");
  onnx::NodeProto& node = add_node(graph, use.op, inputs, "y");
  if (use.flag != nullptr) set_int(node, use.flag, 1);
  const TensorInfo tensor = find_tensor(open_model(model), "w");
  EXPECT_EQ(role_name(tensor.role), role_name(use.role));
  EXPECT_EQ(tensor.channel_axis, use.axis);
  EXPECT_EQ(tensor.op, use.op);
}

const std::vector<Use> kUses = {
    {"Conv", 1, {8, 3, 2, 2}, nullptr, Role::kWeight, 0},
    {"Conv", 2, {8}, nullptr, Role::kBias, 0},
    {"ConvTranspose", 1, {3, 8, 2, 2}, nullptr, Role::kWeight, 1},
    {"ConvTranspose", 2, {8}, nullptr, Role::kBias, 0},
    {"Gemm", 1, {5, 8}, nullptr, Role::kWeight, 1},
    {"Gemm", 1, {8, 5}, "transB", Role::kWeight, 0},
    {"Gemm", 0, {8, 5}, nullptr, Role::kWeight, 0},
    {"Gemm", 0, {5, 8}, "transA", Role::kWeight, 1},
    {"Gemm", 2, {8}, nullptr, Role::kBias, 0},
    {"Gemm", 2, {1, 8}, nullptr, Role::kBias, 1},
    {"MatMul", 1, {5, 8}, nullptr, Role::kWeight, 1},
    {"MatMul", 1, {2, 5, 8}, nullptr, Role::kWeight, 2},
    {"MatMul", 0, {8, 5}, nullptr, Role::kWeight, 0},
    {"Gather", 0, {100, 8}, nullptr, Role::kWeight, 0},
    {"Gather", 1, {7}, nullptr, Role::kOther, -1},
    {"LSTM", 1, {1, 32, 5}, nullptr, Role::kWeight, 1},
    {"LSTM", 2, {1, 32, 8}, nullptr, Role::kWeight, 1},
    {"LSTM", 3, {1, 64}, nullptr, Role::kBias, 1},
    {"LSTM", 5, {1, 1, 8}, nullptr, Role::kOther, -1},
    {"GRU", 1, {2, 24, 5}, nullptr, Role::kWeight, 1},
    {"GRU", 2, {2, 24, 8}, nullptr, Role::kWeight, 1},
    {"GRU", 3, {2, 48}, nullptr, Role::kBias, 1},
    {"RNN", 1, {1, 8, 5}, nullptr, Role::kWeight, 1},
    {"RNN", 2, {1, 8, 8}, nullptr, Role::kWeight, 1},
    {"BatchNormalization", 1, {8}, nullptr, Role::kNorm, 0},
    {"BatchNormalization", 2, {8}, nullptr, Role::kNorm, 0},
    {"BatchNormalization", 3, {8}, nullptr, Role::kNorm, 0},
    {"BatchNormalization", 4, {8}, nullptr, Role::kNorm, 0},
    {"Add", 1, {8}, nullptr, Role::kBias, -1},
    {"Add", 0, {1, 8, 1, 1}, nullptr, Role::kBias, -1},
    {"Add", 1, {4, 8}, nullptr, Role::kOther, -1},
    {"Add", 1, {1}, nullptr, Role::kOther, -1},
    {"Reshape", 1, {4}, nullptr, Role::kOther, -1},
    {"NoSuchOperator", 1, {8, 8}, nullptr, Role::kOther, -1},
};

INSTANTIATE_TEST_SUITE_P(Operators, EveryUse, testing::ValuesIn(kUses));

// A weight of 4 x 5 x 6 x 7 behind a row of nodes, the last of which feeds a Conv's weight.
TensorInfo behind(const std::vector<std::pair<std::string, Dims>>& nodes) {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  add_weight(graph, "w", {4, 5, 6, 7});
  std::string value = "w";
  for (const auto& [op, permutation] : nodes) {
    const std::string output = value + "'";
    onnx::NodeProto& node = add_node(graph, op, {value, "parameter"}, output);
    if (!permutation.empty()) set_permutation(node, permutation);
    value = output;
  }
  add_node(graph, "Conv", {"x", value}, "y");
  return find_tensor(open_model(model), "w");
}

TEST(Roles, PassThroughNodesThatKeepTheShape) {
  for (const char* op : {"Identity", "Cast", "DequantizeLinear", "QuantizeLinear"}) {
    const TensorInfo tensor = behind({{op, {}}, {"Identity", {}}});
    EXPECT_EQ(tensor.role, Role::kWeight) << op;
    EXPECT_EQ(tensor.channel_axis, 0) << op;
    EXPECT_EQ(tensor.op, "Conv") << op;
  }
}

TEST(Roles, FollowAxesThroughTransposes) {
  // Axis 0 of the result is axis perm[0] of the operand; without perm the axes are reversed.
  EXPECT_EQ(behind({{"Transpose", {3, 2, 0, 1}}}).channel_axis, 3);
  EXPECT_EQ(behind({{"Transpose", {}}}).channel_axis, 3);
  EXPECT_EQ(behind({{"Transpose", {2, 0, 1, 3}}, {"Transpose", {1, 2, 3, 0}}}).channel_axis, 0);
  EXPECT_EQ(behind({{"Transpose", {1, 2, 3, 0}}, {"Transpose", {2, 0, 1, 3}}}).channel_axis, 3);
  EXPECT_EQ(behind({{"DequantizeLinear", {}}, {"Transpose", {1, 0, 2, 3}}}).channel_axis, 1);
}

TEST(Roles, LoseTheAxisWhereTheShapeChanges) {
  for (const char* op : {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}) {
    const TensorInfo tensor = behind({{op, {}}});
    EXPECT_EQ(tensor.role, Role::kWeight) << op;
    EXPECT_EQ(tensor.channel_axis, -1) << op;
  }
  EXPECT_EQ(behind({{"Transpose", {}}, {"Reshape", {}}}).channel_axis, -1);
}

TEST(Roles, DoNotPassThroughOtherNodes) { EXPECT_EQ(behind({{"Relu", {}}}).role, Role::kOther); }

TEST(Roles, EndCyclesOfNodes) {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  add_weight(graph, "w", {4, 4});
  add_node(graph, "Identity", {"w"}, "a");
  add_node(graph, "Identity", {"a"}, "w");
  EXPECT_EQ(find_tensor(open_model(model), "w").role, Role::kOther);
}

TEST(Roles, WeightWinsOverEverythingElse) {
  for (const bool weight_first : {true, false}) {
    onnx::ModelProto model;
    onnx::GraphProto& graph = *model.mutable_graph();
    add_weight(graph, "w", {1, 8});
    if (weight_first) add_node(graph, "MatMul", {"x", "w"}, "y");
    add_node(graph, "Add", {"x", "w"}, "z");
    add_node(graph, "Gemm", {"x", "x", "w"}, "u");
    if (!weight_first) add_node(graph, "MatMul", {"x", "w"}, "y");
    const TensorInfo tensor = find_tensor(open_model(model), "w");
    EXPECT_EQ(tensor.role, Role::kWeight);
    EXPECT_EQ(tensor.op, "MatMul");
  }
}

TEST(Roles, TransposeThatLeadsNowhereChangesNothing) {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  add_weight(graph, "b", {1, 8});
  add_node(graph, "Gemm", {"x", "y", "b"}, "z");
  add_node(graph, "Transpose", {"b"}, "t");
  add_node(graph, "Relu", {"t"}, "u");
  const TensorInfo tensor = find_tensor(open_model(model), "b");
  EXPECT_EQ(tensor.role, Role::kBias);
  EXPECT_EQ(tensor.channel_axis, 1);
}

TEST(Roles, ReachIntoSubgraphs) {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  add_weight(graph, "outer", {8, 3, 1, 1});
  onnx::NodeProto& loop = add_node(graph, "Loop", {}, "y");
  onnx::GraphProto& body = *add_attribute(loop, "body", onnx::AttributeProto::GRAPH).mutable_g();
  onnx::NodeProto& branch = add_node(body, "If", {}, "z");
  onnx::GraphProto& then =
      *add_attribute(branch, "then_branch", onnx::AttributeProto::GRAPH).mutable_g();
  add_weight(then, "inner", {3, 8});
  add_node(then, "Conv", {"x", "outer"}, "v");
  add_node(then, "MatMul", {"v", "inner"}, "u");
  const OnnxModel opened = open_model(model);
  EXPECT_EQ(find_tensor(opened, "outer").role, Role::kWeight);
  EXPECT_EQ(find_tensor(opened, "inner").role, Role::kWeight);
  EXPECT_EQ(find_tensor(opened, "inner").channel_axis, 1);
}

TEST(Roles, ConstantNodesAreWeights) {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::NodeProto& dense = add_node(graph, "Constant", {}, "w");
  set_raw(*add_attribute(dense, "value", onnx::AttributeProto::TENSOR).mutable_t(), "ignored",
          kFloat, {5, 8}, noise(160, 1));
  onnx::NodeProto& sparse = add_node(graph, "Constant", {}, "s");
  onnx::SparseTensorProto& tensor =
      *add_attribute(sparse, "sparse_value", onnx::AttributeProto::SPARSE_TENSOR)
           .mutable_sparse_tensor();
  set_raw(*tensor.mutable_values(), "", kFloat, {2}, noise(8, 2));
  set_raw(*tensor.mutable_indices(), "", onnx::TensorProto::INT64, {2}, noise(16, 3));
  add_node(graph, "MatMul", {"x", "w"}, "y");
  add_node(graph, "MatMul", {"y", "s"}, "z");
  const OnnxModel opened = open_model(model);
  EXPECT_EQ(find_tensor(opened, "w").role, Role::kWeight);
  EXPECT_EQ(find_tensor(opened, "w").channel_axis, 1);
  EXPECT_EQ(find_tensor(opened, "s").role, Role::kWeight);
  EXPECT_EQ(find_tensor(opened, "s/sparse_value/indices").role, Role::kOther);
}

TEST(Roles, FunctionsHaveNamesOfTheirOwn) {
  onnx::ModelProto model;
  add_weight(*model.mutable_graph(), "k", {5, 8});
  onnx::FunctionProto& function = *model.add_functions();
  onnx::NodeProto& constant = *function.add_node();
  constant.set_op_type("Constant");
  constant.add_output("k");
  set_raw(*add_attribute(constant, "value", onnx::AttributeProto::TENSOR).mutable_t(), "", kFloat,
          {5, 8}, noise(160, 1));
  onnx::NodeProto& product = *function.add_node();
  product.set_op_type("MatMul");
  product.add_input("x");
  product.add_input("k");
  const OnnxModel opened = open_model(model);
  EXPECT_EQ(find_tensor(opened, "k").role, Role::kOther);
  EXPECT_EQ(find_tensor(opened, "k#2").role, Role::kWeight);
}

TEST(Roles, TrainingGraphsCountToo) {
  onnx::ModelProto model;
  model.mutable_graph();
  onnx::TrainingInfoProto& training = *model.add_training_info();
  add_weight(*training.mutable_initialization(), "start", {3});
  add_weight(*training.mutable_algorithm(), "w", {5, 8});
  add_node(*training.mutable_algorithm(), "MatMul", {"x", "w"}, "y");
  const OnnxModel opened = open_model(model);
  EXPECT_EQ(find_tensor(opened, "start").role, Role::kOther);
  EXPECT_EQ(find_tensor(opened, "w").role, Role::kWeight);
}

TEST(Names, AreMadeUpWhereOnnxHasNoneAndUnique) {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto small = [](onnx::TensorProto& tensor, const std::string& name) {
    set_raw(tensor, name, kFloat, {1}, noise(4, 1));
  };
  for (int i = 0; i < 3; ++i) small(*graph.add_initializer(), "same");
  small(*graph.add_initializer(), "same#2");
  small(*graph.add_initializer(), "");
  onnx::SparseTensorProto& sparse = *graph.add_sparse_initializer();
  small(*sparse.mutable_values(), "sparse");
  small(*sparse.mutable_indices(), "anything");
  onnx::NodeProto& named = add_node(graph, "Custom", {}, "out1");
  named.set_name("node");
  small(*add_attribute(named, "a", onnx::AttributeProto::TENSOR).mutable_t(), "");
  onnx::AttributeProto& list = add_attribute(named, "list", onnx::AttributeProto::TENSORS);
  small(*list.add_tensors(), "");
  small(*list.add_tensors(), "");
  onnx::NodeProto& unnamed = add_node(graph, "Custom", {}, "out2");
  small(*add_attribute(unnamed, "a", onnx::AttributeProto::TENSOR).mutable_t(), "");
  onnx::NodeProto& silent = *graph.add_node();
  silent.set_op_type("Sink");
  small(*add_attribute(silent, "a", onnx::AttributeProto::TENSOR).mutable_t(), "");

  const OnnxModel opened = open_model(model);
  std::vector<std::string> names;
  for (const TensorInfo& tensor : opened.tensors()) names.push_back(tensor.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("same", "same#2", "same#3", "same#2#2",
                                                   testing::StartsWith("tensor_"), "sparse",
                                                   "sparse/indices", "node/a", "node/list[0]",
                                                   "node/list[1]", "out2/a", "Sink/a"));
}

}  // namespace
}  // namespace qc
