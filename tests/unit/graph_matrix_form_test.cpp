// Weights as matrices: strides, and the uses that count.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "graph/matrix_form.h"

namespace qc {
namespace {

using Dims = std::vector<std::int64_t>;

Node node_of(const std::string& op, std::vector<std::string> inputs,
             std::vector<Attribute> attributes = {}) {
  Node node;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = {op + "_out"};
  node.attributes = std::move(attributes);
  return node;
}

// Whether gather() and scatter() visit every element once, each in its place.
void expect_permutation(const MatrixForm& form) {
  std::vector<float> tensor(form.size());
  std::iota(tensor.begin(), tensor.end(), 0.0F);
  std::vector<float> matrices = form.gather(tensor);
  std::vector<float> back(tensor.size(), -1);
  form.scatter(matrices, back);
  EXPECT_EQ(back, tensor);
  std::ranges::sort(matrices);
  EXPECT_EQ(matrices, tensor);
}

TEST(MatrixForm, EveryElementHasOnePlace) {
  const Attribute two_groups{.name = "group", .value = std::int64_t{2}};
  const Attribute transposed{.name = "transB", .value = std::int64_t{1}};
  struct Case {
    Node node;
    std::size_t input;
    Dims dims;
    std::vector<std::size_t> wanted;  // groups, rows, columns
  };
  const std::vector<Case> cases = {
      {node_of("Conv", {"x", "w"}, {two_groups}), 1, {6, 2, 3, 3}, {2, 3, 18}},
      {node_of("ConvTranspose", {"x", "w"}, {two_groups}), 1, {4, 3, 2, 2}, {2, 3, 8}},
      {node_of("Gemm", {"x", "w"}), 1, {5, 7}, {1, 7, 5}},
      {node_of("Gemm", {"x", "w"}, {transposed}), 1, {5, 7}, {1, 5, 7}},
      {node_of("MatMul", {"x", "w"}), 1, {2, 3, 5, 7}, {6, 7, 5}},
      {node_of("MatMul", {"w", "x"}), 0, {3, 5, 7}, {3, 5, 7}},
      {node_of("LSTM", {"x", "w", "r"}), 2, {2, 12, 3}, {2, 12, 3}},
      {node_of("Gather", {"w", "i"}), 0, {9, 4}, {1, 4, 9}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.node.op);
    const auto form = matrix_form(one.node, one.input, one.dims);
    ASSERT_TRUE(form);
    EXPECT_EQ((std::vector{form->groups, form->rows, form->columns}), one.wanted);
    EXPECT_EQ(form->is_table, one.node.op == "Gather");
    expect_permutation(*form);
  }
}

TEST(MatrixForm, OnlyOfWhatIsMultiplied) {
  EXPECT_FALSE(matrix_form(node_of("Conv", {"x", "w", "b"}), 2, Dims{4}));
  EXPECT_FALSE(matrix_form(node_of("Relu", {"x"}), 0, Dims{4, 4}));
  EXPECT_FALSE(matrix_form(node_of("Gemm", {"x", "w"}), 1, Dims{4}));
  EXPECT_FALSE(matrix_form(node_of("MatMul", {"x", "w"}), 1, Dims{0, 4}));
  const Attribute odd{.name = "group", .value = std::int64_t{5}};
  EXPECT_FALSE(matrix_form(node_of("Conv", {"x", "w"}, {odd}), 1, Dims{6, 2, 3, 3}));
  Node other = node_of("Conv", {"x", "w"});
  other.domain = "com.example";
  EXPECT_FALSE(matrix_form(other, 1, Dims{6, 2, 3, 3}));
}

TEST(MatrixUses, SeeThroughIdentityAndConstantNodes) {
  Graph graph;
  graph.initializers.push_back({.name = "w", .tensor = {.index = 4}});
  Node constant = node_of("Constant", {}, {{.name = "value", .value = GraphTensor{.index = 7}}});
  Node identity = node_of("Identity", {"w"});
  graph.nodes = {constant,
                 identity,
                 node_of("MatMul", {"x", "Identity_out"}),
                 node_of("Gemm", {"MatMul_out", "Constant_out"}),
                 node_of("Add", {"w", "y"}),
                 node_of("MatMul", {"w", "z"})};
  const auto uses = matrix_uses(graph);
  ASSERT_THAT(uses, testing::SizeIs(2));
  ASSERT_THAT(uses.at(4), testing::SizeIs(2));
  EXPECT_EQ(uses.at(4)[0].node, &graph.nodes[2]);
  EXPECT_EQ(uses.at(4)[0].input, 1);
  EXPECT_EQ(uses.at(4)[1].input, 0);
  ASSERT_THAT(uses.at(7), testing::SizeIs(1));
  EXPECT_EQ(uses.at(7)[0].node, &graph.nodes[3]);
}

}  // namespace
}  // namespace qc
