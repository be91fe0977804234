// Fresh weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model_builder.h"
#include "pipeline/initialize.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::bell_values;
using test::files_of;
using test::ModelBuilder;
using test::values_of;
using testing::Each;

OnnxModel network(DataType type = DataType::kFloat) {
  ModelBuilder builder;
  builder.add_conv("conv", {32, 8, 3, 3}, bell_values(2304, 1), type)
      .add_batch_norm("bn", 32)
      .add_gemm("fc", {50, 40}, bell_values(2000, 2), type);
  return builder.open();
}

OnnxModel initialized(const OnnxModel& model, std::uint64_t seed) {
  return model.edited(initial_weights(model, seed));
}

void expect_uniform(const std::vector<float>& values, double fan_in) {
  const double bound = std::sqrt(6 / fan_in);
  const auto [low, high] = std::ranges::minmax(values);
  EXPECT_GE(low, -bound * 1.01);
  EXPECT_LE(high, bound * 1.01);
  EXPECT_LT(low, -0.98 * bound);
  EXPECT_GT(high, 0.98 * bound);
  double sum = 0;
  double squares = 0;
  for (const float value : values) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const auto count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0, 0.05 * bound);
  EXPECT_NEAR(squares / count, bound * bound / 3, 0.1 * bound * bound / 3);  // that of He et al.
}

class InitialWeightsOf : public testing::TestWithParam<DataType> {};

TEST_P(InitialWeightsOf, AreUniformWithinTheBoundOfTheFanIn) {
  const OnnxModel model = initialized(network(GetParam()), 1);
  expect_uniform(values_of(model, "conv.weight"), 8 * 3 * 3);
  expect_uniform(values_of(model, "fc.weight"), 50);
}

INSTANTIATE_TEST_SUITE_P(Floats, InitialWeightsOf,
                         testing::Values(DataType::kFloat, DataType::kFloat16, DataType::kBfloat16,
                                         DataType::kDouble),
                         [](const auto& type) { return data_type_name(type.param); });

TEST(InitialWeights, TheFanInFollowsTheTransposition) {
  ModelBuilder builder;
  builder.add_gemm("fc", {40, 50}, bell_values(2000, 2));
  onnx::AttributeProto& attribute =
      *builder.proto().mutable_graph()->mutable_node(0)->add_attribute();
  attribute.set_name("transB");
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(1);
  expect_uniform(values_of(initialized(builder.open(), 1), "fc.weight"), 50);
}

TEST(InitialWeights, BiasesAreZeroAndNormsStay) {
  const OnnxModel before = network();
  const OnnxModel after = initialized(before, 1);
  EXPECT_THAT(values_of(after, "conv.bias"), Each(0.0F));
  EXPECT_THAT(values_of(after, "fc.bias"), Each(0.0F));
  for (const float value : values_of(after, "fc.bias")) EXPECT_FALSE(std::signbit(value));
  for (const char* name : {"bn.scale", "bn.shift", "bn.mean", "bn.var"}) {
    EXPECT_EQ(values_of(after, name), values_of(before, name)) << name;
  }
}

TEST(InitialWeights, DependOnTheSeedOnly) {
  const OnnxModel model = network();
  EXPECT_EQ(files_of(initialized(model, 7)), files_of(initialized(model, 7)));
  EXPECT_NE(files_of(initialized(model, 7)), files_of(initialized(model, 8)));
  // Not on the weights that were there.
  EXPECT_EQ(files_of(initialized(initialized(model, 3), 7)), files_of(initialized(model, 7)));
}

TEST(InitialWeights, OfTwoLayersDiffer) {
  ModelBuilder builder;
  builder.add_gemm("a", {8, 8}, bell_values(64, 1)).add_gemm("b", {8, 8}, bell_values(64, 1));
  const OnnxModel model = initialized(builder.open(), 1);
  EXPECT_NE(values_of(model, "a.weight"), values_of(model, "b.weight"));
}

}  // namespace
}  // namespace qc
