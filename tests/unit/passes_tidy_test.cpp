// tidy on whole models, and the products that it multiplies out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/zeros.h"
#include "model_builder.h"
#include "model_files.h"
#include "model_values.h"
#include "passes/constant_products.h"
#include "passes/kernels/product.h"
#include "passes/pass.h"

namespace qc {
namespace {

using test::add_attribute;
using test::bell_values;
using test::ModelBuilder;
using test::values_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Tidied {
  OnnxModel model;
  PassReport report;
};

Tidied tidy(const OnnxModel& model, const std::vector<std::string>& kept = {}) {
  Params params(kTidyPass.params);
  for (const std::string& each : kept) params.set("keep", each);
  PassResult result = apply_pass(kTidyPass, model, params, {.threads = 2});
  return {result.model(model), std::move(result.report)};
}

std::vector<std::string> whats(const PassReport& report) {
  std::vector<std::string> all;
  for (const Cleanup& row : report.cleanups) all.push_back(row.what);
  return all;
}

std::vector<std::string> tensor_names(const OnnxModel& model) {
  std::vector<std::string> names;
  for (const TensorInfo& tensor : model.tensors()) names.push_back(tensor.name);
  return names;
}

std::vector<float> with_negative_zeros(std::vector<float> values) {
  for (std::size_t i = 0; i < values.size(); i += 3) values[i] = i % 2 == 0 ? 0.0F : -0.0F;
  return values;
}

std::uint64_t negative_zeros(const OnnxModel& model) {
  std::uint64_t count = 0;
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.has_values()) count += count_zeros(tensor.type, model.payload(tensor)).negative;
  }
  return count;
}

// A mask that keeps two of three.
std::vector<float> mask(std::size_t count) {
  std::vector<float> values(count, 1.0F);
  for (std::size_t i = 0; i < count; i += 3) values[i] = 0;
  return values;
}

// A Gemm whose weights are fc.weight_orig * fc.weight_mask, as PyTorch exports them.
void fill_masked_net(ModelBuilder& builder, DataType type = DataType::kFloat) {
  builder.add_floats("fc.weight_orig", {8, 6}, bell_values(48, 1), type)
      .add_floats("fc.weight_mask", {8, 6}, mask(48), type)
      .add_floats("fc.bias", {6}, bell_values(6, 2), type);
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  test::add_node(graph, "Mul", {"fc.weight_orig", "fc.weight_mask"}, "masked");
  builder.add_node("Gemm", {"masked", "fc.bias"});
}

TEST(Tidy, MakesZerosOfWeightsPositiveAndKeepsAllElse) {
  ModelBuilder builder;
  builder.add_gemm("fc", {8, 6}, with_negative_zeros(bell_values(48, 1)));
  const OnnxModel model = builder.open();
  ASSERT_EQ(negative_zeros(model), 8U);
  const Tidied result = tidy(model);
  EXPECT_EQ(negative_zeros(result.model), 0U);
  EXPECT_EQ(values_of(result.model, "fc.weight"), values_of(model, "fc.weight"));
  EXPECT_EQ(result.model.total_size(), model.total_size());
  ASSERT_THAT(whats(result.report), ElementsAre("negative zeros"));
  EXPECT_EQ(result.report.cleanups[0].count, 8U);
  EXPECT_EQ(result.report.cleanups[0].bytes, 2) << "half of 16 zeros";
  EXPECT_TRUE(result.report.cleanups[0].packed);
  ASSERT_EQ(result.report.changed.size(), 1U);
  EXPECT_EQ(result.report.changed[0].name, "fc.weight");
  EXPECT_EQ(result.report.changed[0].max_error, 0);
}

TEST(Tidy, SaysWhichZerosMayBeToldApart) {
  ModelBuilder builder;
  builder.add_gemm("fc", {4, 4}, bell_values(16, 1))
      .add_floats("divisor", {2, 2}, std::vector<float>{1, -0.0F, 2, 3})
      .add_node("Div", {"divisor"});
  const OnnxModel model = builder.open();
  const Tidied result = tidy(model);
  EXPECT_EQ(negative_zeros(result.model), 1U);
  ASSERT_EQ(result.report.skipped.size(), 1U);
  EXPECT_EQ(result.report.skipped[0].name, "divisor");
  EXPECT_THAT(result.report.skipped[0].reason,
              HasSubstr("its 1 negative zeros may be told apart by Div"));
}

TEST(Tidy, MultipliesMasksOutUnderTheNameOfTheWeights) {
  for (const DataType type : {DataType::kFloat, DataType::kFloat16}) {
    SCOPED_TRACE(data_type_name(type));
    ModelBuilder builder;
    fill_masked_net(builder, type);
    const OnnxModel model = builder.open();
    const Tidied result = tidy(model);
    EXPECT_THAT(whats(result.report),
                ElementsAre("products of two tensors (Mul)", "negative zeros"));
    EXPECT_THAT(result.report.cleanups[0].names,
                ElementsAre("fc.weight = fc.weight_orig * fc.weight_mask"));
    EXPECT_THAT(tensor_names(result.model), ElementsAre("fc.bias", "fc.weight"));
    EXPECT_EQ(result.report.cleanups[0].bytes,
              static_cast<std::int64_t>(model.total_size() - result.model.total_size()));
    EXPECT_EQ(test::find_tensor(result.model, "fc.weight").role, Role::kWeight);
    EXPECT_EQ(negative_zeros(result.model), 0U);
    std::vector<float> expected = values_of(model, "fc.weight_orig");
    for (std::size_t i = 0; i < expected.size(); i += 3) expected[i] = 0;
    EXPECT_EQ(values_of(result.model, "fc.weight"), expected);
    const Graph graph = result.model.graph()->main;
    ASSERT_EQ(graph.nodes.size(), 1U);
    EXPECT_EQ(graph.nodes[0].inputs[1], "fc.weight");
    EXPECT_THAT(whats(tidy(result.model).report), IsEmpty()) << "a second time";
  }
}

TEST(Tidy, FollowsChainsOfProductsAndInnerGraphs) {
  ModelBuilder builder;
  fill_masked_net(builder);
  builder.add_floats("scale", {6}, bell_values(6, 5));
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  test::add_node(graph, "Identity", {"scale"}, "same_scale");
  test::add_node(graph, "Mul", {"masked", "same_scale"}, "scaled");
  onnx::NodeProto& branch = test::add_node(graph, "If", {"condition"}, "z");
  for (const char* name : {"then_branch", "else_branch"}) {
    onnx::GraphProto& inner = *add_attribute(branch, name, onnx::AttributeProto::GRAPH).mutable_g();
    test::add_node(inner, "MatMul", {"x", "masked"}, std::string(name) + ".first");
    test::add_node(inner, "MatMul", {std::string(name) + ".first", "scaled"}, name);
    inner.add_output()->set_name(name);
  }
  graph.add_output()->set_name("z");
  const OnnxModel model = builder.open();
  const Tidied result = tidy(model);
  EXPECT_THAT(
      result.report.cleanups[0].names,
      ElementsAre("fc.weight = fc.weight_orig * fc.weight_mask", "scaled = masked * scale"));
  EXPECT_THAT(tensor_names(result.model), ElementsAre("fc.bias", "fc.weight", "scaled"));
  const std::vector<float> weights = values_of(result.model, "fc.weight");
  const std::vector<float> scaled = values_of(result.model, "scaled");
  const std::vector<float> scale = values_of(model, "scale");
  for (std::size_t i = 0; i < scaled.size(); ++i) EXPECT_EQ(scaled[i], weights[i] * scale[i % 6]);
  // Both uses in the branches follow the new name.
  const onnx::ModelProto proto = test::parse(result.model);
  const onnx::NodeProto& last = proto.graph().node(proto.graph().node_size() - 1);
  for (const auto& attribute : last.attribute()) {
    EXPECT_EQ(attribute.g().node(0).input(1), "fc.weight");
    EXPECT_EQ(attribute.g().node(1).input(1), "scaled");
  }
}

// PyTorch casts masks, of whatever type, to that of the weights.
TEST(Tidy, ReadsMasksThroughCasts) {
  for (const DataType type :
       {DataType::kFloat, DataType::kFloat16, DataType::kBool, DataType::kUint8, DataType::kInt8}) {
    SCOPED_TRACE(data_type_name(type));
    Bytes bits;
    for (const float value : mask(48)) bits.push_back(value != 0 ? 1 : 0);
    ModelBuilder builder;
    builder.add_floats("w_orig", {8, 6}, bell_values(48, 1));
    builder.add_initializer("w_mask", type, {8, 6},
                            is_value_type(type) ? test::encode(type, mask(48)) : bits);
    onnx::GraphProto& graph = *builder.proto().mutable_graph();
    onnx::NodeProto& cast = test::add_node(graph, "Cast", {"w_mask"}, "cast");
    add_attribute(cast, "to", onnx::AttributeProto::INT).set_i(onnx::TensorProto::FLOAT);
    test::add_node(graph, "Mul", {"cast", "w_orig"}, "masked");
    builder.add_node("MatMul", {"masked"});
    const OnnxModel model = builder.open();
    const Tidied result = tidy(model);
    EXPECT_THAT(tensor_names(result.model), ElementsAre("w"));
    std::vector<float> expected = values_of(model, "w_orig");
    for (std::size_t i = 0; i < expected.size(); i += 3) expected[i] = 0;
    EXPECT_EQ(values_of(result.model, "w"), expected);
    EXPECT_EQ(result.model.graph()->main.nodes.size(), 1U);
  }
}

TEST(Tidy, LeavesProductsThatAreNoConstants) {
  ModelBuilder builder;
  fill_masked_net(builder);
  builder.proto().mutable_graph()->add_input()->set_name("fc.weight_mask");  // may be replaced
  const OnnxModel model = builder.open();
  EXPECT_THAT(whats(tidy(model).report), IsEmpty());

  ModelBuilder outer;  // a column times a row is larger than both
  outer.add_floats("column", {8, 1}, bell_values(8, 1))
      .add_floats("row", {1, 6}, bell_values(6, 2));
  test::add_node(*outer.proto().mutable_graph(), "Mul", {"column", "row"}, "w");
  outer.add_node("MatMul", {"w"});
  EXPECT_THAT(whats(tidy(outer.open()).report), IsEmpty());
}

TEST(Tidy, KeepsFactorsThatAreUsedOtherwise) {
  ModelBuilder builder;
  fill_masked_net(builder);
  builder.add_node("MatMul", {"fc.weight_orig"});
  const Tidied result = tidy(builder.open());
  EXPECT_THAT(tensor_names(result.model), ElementsAre("fc.weight_orig", "fc.bias", "fc.weight"));
}

TEST(Tidy, ListsUnusedPartsAndDocumentation) {
  ModelBuilder builder;
  builder.add_gemm("fc", {4, 4}, bell_values(16, 1))
      .add_floats("idle", {3}, std::vector<float>{1, 2, 3});
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  test::add_node(graph, "Relu", {"x"}, "dead").set_doc_string("a long story");
  graph.set_doc_string("exported on a Tuesday");
  const OnnxModel model = builder.open();
  const Tidied result = tidy(model);
  EXPECT_THAT(whats(result.report),
              ElementsAre("nodes that nothing uses", "tensors that nothing uses", "doc strings"));
  EXPECT_THAT(result.report.cleanups[0].names, ElementsAre("Relu dead"));
  EXPECT_THAT(result.report.cleanups[1].names, ElementsAre("idle"));
  EXPECT_EQ(result.report.cleanups[2].count, 1U) << "the other one went with its node";
  std::int64_t bytes = 0;
  for (const Cleanup& row : result.report.cleanups) bytes += row.bytes;
  EXPECT_NEAR(static_cast<double>(model.total_size() - result.model.total_size()),
              static_cast<double>(bytes), 2)
      << "but for the length of the graph";
}

TEST(Tidy, KeepsWhatItIsToldTo) {
  ModelBuilder builder;
  fill_masked_net(builder);
  builder.add_gemm("fc2", {6, 6}, with_negative_zeros(bell_values(36, 3)))
      .add_floats("idle", {3}, std::vector<float>{1, 2, 3});
  builder.proto().set_doc_string("text");
  const OnnxModel model = builder.open();
  EXPECT_THAT(whats(tidy(model, {"products", "unused", "docs", "zeros"}).report), IsEmpty());
  EXPECT_THAT(whats(tidy(model, {"unused", "docs", "zeros"}).report),
              ElementsAre("products of two tensors (Mul)"));
  EXPECT_THAT(whats(tidy(model, {"products", "unused", "docs"}).report),
              ElementsAre("negative zeros"));
  EXPECT_THAT(whats(tidy(model, {"products", "unused", "zeros"}).report),
              ElementsAre("doc strings"));
  EXPECT_THAT(tensor_names(tidy(model, {"unused"}).model), testing::Contains("idle"));
  try {
    tidy(model, {"everything"});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
}

TEST(Tidy, ChangesExternalDataInPlace) {
  ModelBuilder builder;
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  for (const auto& [name, offset] : {std::pair("w", 0U), std::pair("idle", 64U)}) {
    onnx::TensorProto& tensor = *graph.add_initializer();
    test::describe_tensor(tensor, name, onnx::TensorProto::FLOAT, {4, 4});
    test::set_external(tensor, "w.bin", offset, 64);
  }
  builder.add_node("MatMul", {"w"});
  std::vector<float> values = with_negative_zeros(bell_values(32, 1));
  const OnnxModel model = test::open_files(
      {{"m.onnx", builder.bytes()}, {"w.bin", test::encode(DataType::kFloat, values)}});
  const Tidied result = tidy(model);
  EXPECT_THAT(tensor_names(result.model), ElementsAre("w"));
  values.resize(16);
  EXPECT_EQ(values_of(result.model, "w"), values);
  EXPECT_EQ(negative_zeros(result.model), 0U);
}

TEST(Masks, AreExplainedByOtherPasses) {
  ModelBuilder builder;
  fill_masked_net(builder);
  Params params(kPrunePass.params);
  params.set("rate", "0.5");
  PayloadEdits edits;
  try {
    kPrunePass.run(builder.open(), params, {.threads = 1}, edits);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "no float weights to prune: the weights are products of two tensors (Mul); "
                 "`qcompress tidy` folds them");
  }
  builder.add_gemm("fc2", {6, 6}, bell_values(36, 3));
  const PassReport report = kPrunePass.run(builder.open(), params, {.threads = 1}, edits);
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("qcompress tidy folds them")));
  const auto skipped = std::ranges::find(report.skipped, "fc.weight_orig", &SkippedTensor::name);
  ASSERT_NE(skipped, report.skipped.end());
  EXPECT_EQ(skipped->reason, "factor of a product (Mul)");
}

TEST(Masks, DoNotKeepWeightsFromPassesThatAreUsedWithoutThem) {
  ModelBuilder builder;
  fill_masked_net(builder);
  builder.add_node("MatMul", {"fc.weight_orig"});
  Params params(kPrunePass.params);
  params.set("rate", "0.5");
  PayloadEdits edits;
  const PassReport report = kPrunePass.run(builder.open(), params, {.threads = 1}, edits);
  ASSERT_EQ(report.changed.size(), 1U);
  EXPECT_EQ(report.changed[0].name, "fc.weight_orig");
}

TEST(Product, BroadcastsLikeNumpy) {
  EXPECT_THAT(broadcast_shape(std::vector<std::int64_t>{4, 1, 3}, std::vector<std::int64_t>{2, 1}),
              testing::Optional(ElementsAre(4, 2, 3)));
  EXPECT_EQ(broadcast_shape(std::vector<std::int64_t>{4}, std::vector<std::int64_t>{3}),
            std::nullopt);
  EXPECT_THAT(broadcast_shape(std::vector<std::int64_t>{0}, std::vector<std::int64_t>{1}),
              testing::Optional(ElementsAre(0)));
  const std::vector<float> a = {1, 2, 3, 4, 5, 6};  // 2x1x3
  const std::vector<float> b = {10, 100};           // 2x1
  EXPECT_THAT(multiply(a, std::vector<std::int64_t>{2, 1, 3}, b, std::vector<std::int64_t>{2, 1},
                       std::vector<std::int64_t>{2, 2, 3}),
              ElementsAre(10, 20, 30, 100, 200, 300, 40, 50, 60, 400, 500, 600));
  const std::vector<float> half = {0.5F};
  EXPECT_THAT(multiply(half, {}, b, std::vector<std::int64_t>{2}, std::vector<std::int64_t>{2}),
              ElementsAre(5, 50));
}

}  // namespace
}  // namespace qc
