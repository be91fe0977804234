// Passes that change nodes, on graphs so large that work for each node on every other one would
// take many minutes.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model_builder.h"
#include "passes/pass.h"

namespace qc {
namespace {

using test::ModelBuilder;

constexpr std::size_t kLayers = 20'000;

onnx::NodeProto& add_node(ModelBuilder& builder, const std::string& op,
                          const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto& node = *builder.proto().mutable_graph()->add_node();
  node.set_op_type(op);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

void add_layer(ModelBuilder& builder, std::size_t number, const std::string& input,
               const std::string& output) {
  const std::string weight = fmt::format("w{}", number);
  constexpr std::array kWeights = {0.5F, -0.25F, -1.5F, 0.75F};
  builder.add_floats(weight, {2, 2}, kWeights);
  add_node(builder, "MatMul", {input, weight}, output);
}

// Every layer reads the one before, behind a rectifier.
OnnxModel chain() {
  ModelBuilder builder;
  std::string value = "x";
  for (std::size_t i = 0; i < kLayers; ++i) {
    const std::string product = fmt::format("m{}", i);
    add_layer(builder, i, value, product);
    value = fmt::format("r{}", i);
    add_node(builder, "Relu", {product}, value);
  }
  return builder.open();
}

// All layers read one value.
OnnxModel fan() {
  ModelBuilder builder;
  add_node(builder, "Tanh", {"x"}, "t");
  for (std::size_t i = 0; i < kLayers; ++i) add_layer(builder, i, "t", fmt::format("m{}", i));
  return builder.open();
}

PassResult run(const Pass& pass, const OnnxModel& model,
               const std::vector<std::pair<std::string, std::string>>& flags) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  return apply_pass(pass, model, params, {.threads = 1});
}

std::size_t count_of(const OnnxModel& model, std::string_view op) {
  const Graph graph = model.graph()->main;
  return static_cast<std::size_t>(
      std::ranges::count_if(graph.nodes, [&](const Node& node) { return node.op == op; }));
}

TEST(LargeGraphs, ActivationsOfAChainAreQuantised) {
  const OnnxModel model = chain();
  const PassResult signs = run(kBinarizePass, model, {{"xnor", "true"}});
  EXPECT_EQ(signs.report.changed.size(), kLayers - 2);  // without the first and the last
  EXPECT_EQ(count_of(signs.model(model), "ReduceMean"), kLayers - 2);
  const PassResult codes = run(kDorefaPass, model, {{"abits", "2"}, {"wbits", "2"}});
  EXPECT_EQ(count_of(codes.model(model), "Clip"), kLayers - 2);
}

TEST(LargeGraphs, ActivationsOfAFanAreQuantisedOnce) {
  const OnnxModel model = fan();
  const PassResult signs = run(kBinarizePass, model, {{"xnor", "true"}});
  EXPECT_EQ(count_of(signs.model(model), "ReduceMean"), kLayers - 2);
  EXPECT_EQ(count_of(signs.model(model), "Clip"), 1U);
}

TEST(LargeGraphs, CirclesAreNotFollowedForEver) {
  for (const char* op : {"Identity", "Relu", "MaxPool"}) {
    ModelBuilder builder;
    add_node(builder, op, {"b"}, "a");
    add_node(builder, "Identity", {"a"}, "b");
    add_layer(builder, 0, "a", "m");
    const OnnxModel model = builder.open();
    for (const char* bits : {"1", "2"}) {
      const PassResult result =
          run(kBinarizePass, model, {{"activations", "sign"}, {"abits", bits}});
      EXPECT_EQ(result.report.changed.size(), 1U) << op;
    }
  }
}

}  // namespace
}  // namespace qc
