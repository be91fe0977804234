// A zero is a zero to every pass and count, whatever its sign, and no pass leaves negative ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/float_types.h"
#include "core/zeros.h"
#include "formats/qc/read/qc_reader.h"
#include "model_builder.h"
#include "model_files.h"
#include "model_values.h"
#include "passes/pass.h"
#include "pipeline/constraints.h"
#include "report/breakdown.h"
#include "report/hardware.h"
#include "report/model_diff.h"

namespace qc {
namespace {

using test::bell_values;
using test::ModelBuilder;
using test::values_of;
using testing::ElementsAre;
using testing::IsEmpty;

using Flags = std::vector<std::pair<std::string, std::string>>;

struct Method {
  const Pass* pass;
  Flags flags;
};

// Every pass has a row at least.
const std::vector<Method>& methods() {
  static const std::vector<Method> kAll = {
      {&kPrunePass, {{"rate", "0.5"}}},
      {&kPrunePass, {{"threshold", "0"}}},
      {&kSharePass, {{"bits", "2"}}},
      {&kSharePass, {{"bits", "1"}, {"fixed-point", "2"}, {"biases", "1"}}},
      {&kSharePass, {{"bits", "8"}}},
      {&kTernarizePass, {}},
      {&kTernarizePass, {{"levels", "5"}, {"scale", "channel"}}},
      {&kBinarizePass, {}},
      {&kBinarizePass, {{"stochastic", "true"}, {"scale", "layer"}}},
      {&kDorefaPass, {{"wbits", "1"}, {"keep", "none"}}},
      {&kDorefaPass, {{"wbits", "3"}, {"keep", "none"}}},
      {&kTidyPass, {}},
  };
  return kAll;
}

OnnxModel apply(const Method& method, const OnnxModel& model) {
  Params params(method.pass->params);
  for (const auto& [name, value] : method.flags) params.set(name, value);
  return apply_pass(*method.pass, model, params, {.threads = 1}).model(model);
}

std::uint64_t negative_zeros(const OnnxModel& model, const std::string& name) {
  const TensorInfo tensor = test::find_tensor(model, name);
  return count_zeros(tensor.type, model.payload(tensor)).negative;
}

// Values around what the type can hold at all, many zeros of both signs among them.
rc::Gen<std::vector<float>> gen_weights(std::size_t count) {
  const auto value = rc::gen::oneOf(
      rc::gen::elementOf(std::vector<float>{0.0F, -0.0F, 1e-9F, -1e-9F, 6e-8F, -6e-8F, -1e-44F}),
      rc::gen::map(rc::gen::inRange(-1000, 1000),
                   [](int n) { return static_cast<float>(n) / 777; }));
  return rc::gen::container<std::vector<float>>(count, value);
}

RC_GTEST_PROP(NegativeZeros, AreLeftByNoPass, ()) {
  const auto type = *rc::gen::elementOf(std::vector<DataType>{
      DataType::kFloat, DataType::kFloat16, DataType::kBfloat16, DataType::kDouble});
  const auto method = *rc::gen::inRange<std::size_t>(0, methods().size());
  ModelBuilder builder;
  // One tensor of zeros alone, or nearly.
  std::vector<float> none(16, *rc::gen::elementOf(std::vector<float>{-0.0F, -1e-9F}));
  builder.add_gemm("a", {4, 4}, *gen_weights(16), type)
      .add_gemm("b", {4, 4}, none, type)
      .add_gemm("c", {4, 4}, *gen_weights(16), type);
  const OnnxModel model = builder.open();
  const OnnxModel after = apply(methods()[method], model);
  for (const char* name : {"a.weight", "b.weight", "c.weight"}) {
    RC_ASSERT(negative_zeros(after, name) == 0U);
  }
}

TEST(NegativeZeros, EveryPassIsHeldToThat) {
  for (const Pass& pass : pass_table()) {
    EXPECT_TRUE(std::ranges::any_of(methods(), [&](const Method& method) {
      return method.pass->name == pass.name;
    })) << pass.name;
  }
}

// What training gave back.
TEST(NegativeZeros, AreNotLeftByTraining) {
  ModelBuilder builder;
  builder.add_gemm("fc", {2, 2}, std::vector<float>{0, -0.0F, 0.5F, 0.5F});
  const OnnxModel model = builder.open();
  for (const Keep keep : {Keep::kNothing, Keep::kZeros, Keep::kShared}) {
    PayloadEdits values;
    values[0] = test::encode(DataType::kFloat, std::vector<float>{-0.0F, 0, -0.0F, -0.0F});
    EXPECT_THAT(enforce(model, find_constraints(model, keep), values), IsEmpty());
    EXPECT_EQ(count_zeros(DataType::kFloat, values[0]).negative, 0U);
  }
}

TEST(NegativeZeros, ArePrunedWeightsToTraining) {
  ModelBuilder builder;
  builder.add_gemm("fc", {2, 2}, std::vector<float>{0, -0.0F, 0.5F, 0.25F});
  const auto constraints = find_constraints(builder.open(), Keep::kZeros);
  ASSERT_EQ(constraints.size(), 1U);
  EXPECT_THAT(constraints[0].groups, ElementsAre(0, 0, 1, 1));
}

TEST(NegativeZeros, LeaveLayersOfFewValuesThatAreShared) {
  ModelBuilder builder;
  builder.add_gemm("few", {2, 4}, std::vector<float>{0, -0.0F, 0.5F, -0.5F, 0, -0.0F, 0.5F, 0.5F})
      .add_gemm("plain", {2, 4}, std::vector<float>{0, 0, 0.5F, -0.5F, 0, 0, 0.5F, 0.5F});
  const OnnxModel model = builder.open();
  Params params(kSharePass.params);
  params.set("bits", "2");
  const PassResult result = apply_pass(kSharePass, model, params, {.threads = 1});
  ASSERT_EQ(result.report.changed.size(), 1U);
  EXPECT_EQ(result.report.changed[0].name, "few.weight");
  EXPECT_EQ(result.report.changed[0].distinct_after, 3U);
  EXPECT_EQ(result.report.changed[0].max_error, 0);
  EXPECT_EQ(values_of(result.model(model), "few.weight"), values_of(model, "few.weight"));
}

// 64 weights of which 48 are zeros, half of these negative.
class SignedZeroNet : public testing::Test {
 protected:
  SignedZeroNet() {
    std::vector<float> values(64);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = i % 4 == 0 ? (i % 8 == 0 ? 0.5F : -0.5F) : (i % 2 == 0 ? -0.0F : 0.0F);
    }
    builder_.add_floats("fc", {8, 8}, values).add_node("MatMul", {"fc"});
    onnx::ValueInfoProto& input = *builder_.proto().mutable_graph()->mutable_input(0);
    for (const int size : {1, 8}) {
      input.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(size);
    }
  }

  ModelBuilder builder_;
};

TEST_F(SignedZeroNet, IsBrokenDownByValue) {
  const Bytes container = test::pack(builder_.open());
  const TensorBreakdown line = break_down(QcReader::from_bytes(container), 1).tensors.front();
  EXPECT_EQ(line.nonzeros, 16U);
  EXPECT_EQ(line.distinct, 2U);
  EXPECT_EQ(line.negative_zeros, 16U);
  EXPECT_DOUBLE_EQ(line.zero_sign_bytes,
                   48 * -(std::log2(1.0 / 3) / 3 + std::log2(2.0 / 3) * 2 / 3) / 8);
  // Three kinds of places, a quarter, a quarter and half of them.
  EXPECT_DOUBLE_EQ(line.position_entropy_bits, 64 * 1.5);
  EXPECT_DOUBLE_EQ(line.value_entropy_bits, 16);
}

TEST_F(SignedZeroNet, IsMultipliedByValue) {
  const OnnxModel model = builder_.open();
  const Bytes container = test::pack(model);
  const Breakdown stored = break_down(QcReader::from_bytes(container), 1);
  const std::vector<LayerWork> layers = hardware_view(model, stored, {}, 1).layers;
  ASSERT_EQ(layers.size(), 1U);
  ASSERT_TRUE(layers[0].products);
  EXPECT_EQ(layers[0].products->skipped, 48U);
  EXPECT_EQ(layers[0].products->sign_flips, 16U);
  EXPECT_EQ(layers[0].products->lookups, 0U);
}

TEST_F(SignedZeroNet, IsComparedByValue) {
  const OnnxModel before = builder_.open();
  const OnnxModel after = apply({&kPrunePass, {{"rate", "0"}}}, before);
  const ModelDiff diff = diff_models(before, after);
  ASSERT_EQ(diff.changed.size(), 1U);
  EXPECT_EQ(diff.changed[0].nonzero_before, 16U);
  EXPECT_EQ(diff.changed[0].nonzero_after, 16U);
  EXPECT_EQ(diff.changed[0].changed, 16U) << "bits do differ";
}

}  // namespace
}  // namespace qc
