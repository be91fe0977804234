// Judge: ONNX Runtime on single operators, for what ONNX's backend tests leave out: newer opsets,
// other attributes, operators of com.microsoft. And what no judge sees: how refusals read.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "engine/engine.h"
#include "formats/onnx/load_tensors.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "node_cases.h"
#include "onnxruntime.h"

namespace qc {
namespace {

constexpr double kTolerance = 1e-4;

std::unique_ptr<Network> load(Engine& engine, const test::NodeCase& one) {
  const std::string bytes = test::model_of(one);
  const OnnxModel model =
      OnnxModel::from_memory({{"model.onnx", Bytes(bytes.begin(), bytes.end())}});
  return engine.load(load_model(model));
}

std::vector<HostTensor> given(const test::NodeCase& one) {
  std::vector<HostTensor> values;
  for (const HostTensor& input : one.inputs) {
    if (input.type != DataType::kUndefined) values.push_back(input);
  }
  return values;
}

TEST(Operators, AgreeWithOnnxRuntime) {
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const auto engine = open_engine({.threads = 2});
  const harness::TempDir temp;
  const std::vector<test::NodeCase> nodes = test::node_cases();
  std::vector<test::Case> cases;
  std::vector<std::string> names;
  for (const test::NodeCase& node : nodes) {
    test::Case one;
    one.model = temp / fmt::format("{}.onnx", cases.size());
    harness::write_file(one.model, test::model_of(node));
    one.inputs = OnnxModel::open(one.model).graph()->main.inputs;
    one.values = given(node);
    try {
      one.outputs = load(*engine, node)->run(one.values);
    } catch (const Error& error) {
      ADD_FAILURE() << node.name() << " is refused: " << error.what();
      continue;
    }
    names.push_back(node.name());
    cases.push_back(std::move(one));
  }
  const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
  ASSERT_EQ(verdicts.size(), cases.size());
  std::size_t agree = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(verdicts[i].error, "") << names[i];
    if (!verdicts[i].error.empty()) continue;
    if (test::saturates_on_this_processor(cases[i].model)) {
      fmt::print("  not judged, products of bytes saturate here: {}\n", names[i]);
      continue;
    }
    ASSERT_EQ(verdicts[i].outputs.size(), cases[i].outputs.size()) << names[i];
    bool agrees = true;
    for (std::size_t k = 0; k < cases[i].outputs.size(); ++k) {
      const std::string text =
          test::difference(verdicts[i].outputs[k], cases[i].outputs[k], kTolerance);
      EXPECT_EQ(text, "") << names[i] << ", output " << k;
      agrees = agrees && text.empty();
    }
    agree += agrees ? 1 : 0;
  }
  fmt::print("operators: {} of {} agree with onnxruntime\n", agree, nodes.size());
}

// The message of the refusal of a node that must be refused.
std::string refusal(const test::NodeCase& node) {
  const auto engine = open_engine({.threads = 1});
  try {
    static_cast<void>(load(*engine, node)->run(given(node)));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << error.what();
    return error.what();
  }
  ADD_FAILURE() << node.name() << " is not refused";
  return {};
}

TEST(Operators, RefusalsNameOperatorNodeAndOpset) {
  using test::floats;
  test::NodeCase unknown{"NoSuchThing", 13, {floats({2})}};
  EXPECT_EQ(refusal(unknown),
            "operator NoSuchThing of node 'the_node' (opset 13) cannot be executed");
  unknown.domain = "com.example";
  EXPECT_EQ(refusal(unknown),
            "operator com.example.NoSuchThing of node 'the_node' (opset 1) cannot be executed");
  EXPECT_EQ(refusal({"Relu", 99, {floats({2})}}),
            "operator Relu of node 'the_node' (opset 99) cannot be executed");
  EXPECT_EQ(refusal({"MatMul", 13, {floats({2, 3}), floats({2, 3})}}).substr(0, 31),
            "MatMul 'the_node' (opset 13): m");
  EXPECT_EQ(refusal({"Add", 13, {floats({2}), test::int64s({2}, {1, 2})}}),
            "Add 'the_node' (opset 13): its inputs are of types Float and Long");
  EXPECT_EQ(refusal({"Add", 7, {floats({2, 2}), floats({2})}, {test::attribute("broadcast", 1)}}),
            "Add 'the_node' (opset 7): attribute broadcast, which opset 7 abolished");
  EXPECT_EQ(refusal({"Softmax", 13, {floats({2, 3})}, {test::attribute("axis", 2)}}),
            "Softmax 'the_node' (opset 13): axis 2 is out of range for 2 dimensions");
}

// What is not computed as a runtime would is refused, and so is what makes no sense.
TEST(Operators, RefuseFusedOperatorsThatDoNotFit) {
  using test::attribute;
  using test::floats;
  const auto fused = [](const char* op, std::vector<HostTensor> inputs,
                        std::vector<onnx::AttributeProto> attributes) {
    return test::NodeCase{op, 1, std::move(inputs), std::move(attributes), 1, "com.microsoft"};
  };
  const HostTensor x = floats({2, 3, 8});
  const HostTensor w = floats({8, 24});
  const std::int64_t huge = std::int64_t{1} << 62;
  const auto heads = attribute("num_heads", 2);
  const auto packed = [&](std::int64_t n, std::int64_t block) {
    return fused("MatMulNBits", {floats({3, 40}), test::uint8s({5, 3, 8}), floats({15})},
                 {attribute("N", n), attribute("K", 40), attribute("block_size", block)});
  };
  const std::vector<test::NodeCase> nodes = {
      fused("Attention", {x, w}, {}),
      fused("Attention", {x, w}, {attribute("num_heads", 3)}),
      fused("Attention", {x, w}, {heads, attribute("do_rotary", 1)}),
      fused("Attention", {x, w}, {heads, test::int_list("qkv_hidden_sizes", {huge, huge, huge})}),
      fused("Attention", {x, w, {}, test::int32s({5}, {1, 1, 1, 1, 1})}, {heads}),
      fused("MultiHeadAttention", {x, x, x, {}, test::int32s({2, 3}, {1, 1, 1, 1, 1, 1})}, {heads}),
      fused("MultiHeadAttention", {x, x, x, floats({8})}, {heads}),
      fused("FusedMatMul", {floats({2, 3}), floats({3, 2})}, {attribute("transBatchA", 1)}),
      fused("FusedGemm", {floats({2, 3}), floats({3, 2})}, {attribute("activation", "Cosine")}),
      fused("EmbedLayerNormalization",
            {test::int32s({1, 1}, {9}),
             {},
             floats({5, 8}),
             floats({4, 8}),
             {},
             floats({8}),
             floats({8})},
            {}),
      fused("QLinearConcat", {floats({}), test::uint8s({})}, {}),
      packed(0, 16),
      packed(huge, 16),
      packed(5, 0),
      packed(5, huge),
      packed(5, 32),
      {"ArrayFeatureExtractor", 1, {floats({3}), test::int64s({1}, {3})}, {}, 1, "ai.onnx.ml"},
  };
  for (const test::NodeCase& node : nodes) {
    EXPECT_NE(refusal(node).find("'the_node' (opset "), std::string::npos) << node.name();
  }
}

// Numbers that would make libtorch divide by zero, overflow or take all memory.
TEST(Operators, RefuseHostileAttributes) {
  using test::attribute;
  using test::floats;
  using test::int64s;
  const HostTensor image = floats({1, 2, 4, 4});
  const HostTensor filter = floats({2, 2, 3, 3});
  const std::int64_t huge = std::int64_t{1} << 62;
  const std::vector<std::int64_t> zeros = {0, 0};
  const std::vector<std::int64_t> large = {huge, huge};
  const std::vector<test::NodeCase> nodes = {
      {"Conv", 13, {image, filter}, {test::int_list("strides", zeros)}},
      {"Conv", 13, {image, filter}, {test::int_list("dilations", large)}},
      {"Conv", 13, {image, filter}, {attribute("group", 0)}},
      {"Conv", 13, {image, filter}, {test::int_list("pads", {huge, huge, huge, huge})}},
      {"ConvTranspose", 13, {image, filter}, {test::int_list("output_shape", large)}},
      {"MaxPool", 13, {image}, {test::int_list("kernel_shape", zeros)}},
      {"AveragePool", 13, {image}, {test::int_list("kernel_shape", {9, 9})}},
      {"MaxUnpool",
       11,
       {image, int64s({1}, {0})},
       {test::int_list("kernel_shape", {1 << 24, 1 << 24})}},
      {"LRN", 13, {image}, {attribute("size", huge)}},
      {"DepthToSpace", 13, {image}, {attribute("blocksize", 0)}},
      {"SpaceToDepth", 13, {image}, {attribute("blocksize", huge)}},
      {"Pad", 13, {image, int64s({8}, {huge, 0, 0, 0, 0, 0, 0, 0})}},
      {"ConstantOfShape", 13, {int64s({2}, {huge, huge})}},
      {"Expand", 13, {floats({1}), int64s({3}, {huge, huge, huge})}},
      {"Tile", 13, {floats({2}), int64s({1}, {huge})}},
      {"Range", 13, {floats({}), floats({}), test::float_values({}, {0})}},
      {"TopK", 13, {floats({2}), int64s({1}, {huge})}},
      {"OneHot", 13, {int64s({1}, {0}), int64s({}, {huge}), floats({2})}},
      {"Slice",
       13,
       {floats({2}), int64s({1}, {0}), int64s({1}, {2}), int64s({1}, {0}), int64s({1}, {0})}},
      {"Gather", 13, {floats({2}), int64s({1}, {7})}},
      {"Split", 18, {floats({2})}, {attribute("num_outputs", 0)}},
      {"Resize", 13, {image, {}, test::float_values({4}, {1, 1, 1e9F, 1e9F})}},
      {"GroupNormalization", 21, {image, floats({2}), floats({2})}, {attribute("num_groups", 0)}},
      {"MatMulInteger", 13, {test::uint8s({2}), test::uint8s({2}), test::uint8s({2})}},
  };
  for (const test::NodeCase& node : nodes) {
    EXPECT_NE(refusal(node).find("'the_node' (opset "), std::string::npos) << node.name();
  }
}

HostTensor narrowed(const HostTensor& tensor) {
  if (tensor.type != DataType::kFloat) return tensor;
  const std::vector<float> values = load_floats(tensor.type, tensor.bytes);
  HostTensor narrow{DataType::kFloat16, tensor.dims, Bytes(2 * values.size())};
  store_floats(narrow.type, values, narrow.bytes);
  return narrow;
}

// What libtorch has no kernel for is computed in float32, which makes up for nothing else.
TEST(Operators, AreRefusedInFloat16AsInFloat32) {
  using test::floats;
  const std::vector<test::NodeCase> nodes = {
      {"MatMul", 13, {floats({2, 3}), floats({2, 3})}},
      {"Conv", 13, {floats({1, 2, 4, 4}), floats({2, 3, 3, 3})}},
      {"Gemm", 13, {floats({2, 3}), floats({4, 2})}},
      {"Reshape", 13, {floats({2, 3}), test::int64s({1}, {5})}},
      {"Concat", 13, {floats({2, 3}), floats({3, 2})}, {test::attribute("axis", 0)}},
  };
  for (const test::NodeCase& node : nodes) {
    test::NodeCase narrow = node;
    for (HostTensor& input : narrow.inputs) input = narrowed(input);
    EXPECT_EQ(refusal(narrow), refusal(node)) << node.name();
  }
  EXPECT_EQ(refusal({"MatMul", 13, {narrowed(floats({2, 2})), floats({2, 2})}}),
            "MatMul 'the_node' (opset 13): its inputs are of types Half and Float");
}

}  // namespace
}  // namespace qc
