// Plans of small models: shapes, constants, fusion, and what is refused.
#include "emit/c/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "compiled_model.h"
#include "core/error.h"
#include "formats/onnx/load_tensors.h"
#include "small_model.h"

namespace qc::c {
namespace {

using test::CompiledModel;
using test::SmallModel;
using test::tensor_of;
using test::values_of;
using testing::ElementsAre;
using testing::HasSubstr;

Plan plan_of(const SmallModel& model, const PlanOptions& options = {}) {
  return make_plan(load_model(model.open()), options);
}

// The message of the error; the code is checked.
std::string refusal(const SmallModel& model, ErrorCode code, const PlanOptions& options = {}) {
  try {
    plan_of(model, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return {};
}

class Programs : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = test::missing_compiler(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
  }
};

// As passes write signs that are never zero, behind a clip from `low` to 1.
SmallModel sign_chain(float low) {
  SmallModel model;
  model.input("x", {5}).floats("low", {}, {low}).floats("high", {}, {1}).floats("half", {}, {0.5F});
  model.node("Clip", {"x", "low", "high"}, {"clipped"}).node("Sign", {"clipped"}, {"sign"});
  model.node("Add", {"sign", "half"}, {"sum"}).node("Sign", {"sum"}, {"y"}).output("y");
  return model;
}

TEST_F(Programs, JoinSignChains) {
  const HostTensor x = tensor_of({5}, {-2, -0.25F, -0.0F, 0.5F, 3});
  const CompiledModel joined(sign_chain(-1).open());
  EXPECT_EQ(joined.plan().steps.size(), 1U);
  EXPECT_THAT(values_of(joined.run({x}).at(0)), ElementsAre(-1, -1, 1, 1, 1));
  // What the clip changes stays changed.
  const CompiledModel clipped(sign_chain(0).open());
  EXPECT_EQ(clipped.plan().steps.size(), 2U);
  EXPECT_THAT(values_of(clipped.run({x}).at(0)), ElementsAre(1, 1, 1, 1, 1));
  SmallModel with_output = sign_chain(-1);
  with_output.output("sum");
  const CompiledModel whole(with_output.open());
  EXPECT_EQ(whole.plan().steps.size(), 4U);
  EXPECT_THAT(values_of(whole.run({x}).at(1)), ElementsAre(-0.5F, -0.5F, 0.5F, 1.5F, 1.5F));
}

TEST(Planner, NamesOperatorAndNodeThatItRefuses) {
  SmallModel model;
  model.input("x", {1}).node("Mystery", {"x"}, {"y"}).output("y");
  model.graph().mutable_node(0)->set_name("layer 7");
  EXPECT_THAT(refusal(model, ErrorCode::kUnsupported),
              testing::AllOf(HasSubstr("Mystery"), HasSubstr("layer 7")));
}

TEST(Planner, LeavesOutWhatNoOutputNeeds) {
  SmallModel model;
  model.input("x", {1}).node("Relu", {"x"}, {"y"}).node("Mystery", {"x"}, {"z"}).output("y");
  EXPECT_EQ(plan_of(model).steps.size(), 1U);
}

TEST(Planner, FoldsRangesUpToTheLargestInteger) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  SmallModel model;
  model.integers("start", {kMost - 3}).integers("limit", {kMost}).integers("step", {2});
  model.node("Range", {"start", "limit", "step"}, {"y"}).output("y");
  const Plan plan = plan_of(model);
  EXPECT_EQ(plan.values[plan.outputs[0]].shape, (Shape{2}));
}

TEST(Planner, AsksForSizesThatAreOpen) {
  SmallModel model;
  model.input("x", {-1, 3, -1}).node("Relu", {"x"}, {"y"}).output("y");
  EXPECT_THAT(refusal(model, ErrorCode::kUsage), HasSubstr("--shape x="));
  EXPECT_THAT(refusal(model, ErrorCode::kUsage, {{{"x", {1, 4, 5}}}}), HasSubstr("axis 1"));
  EXPECT_THAT(refusal(model, ErrorCode::kUsage, {{{"x", {1, 3}}}}), HasSubstr("3 axes"));
  EXPECT_THAT(refusal(model, ErrorCode::kUsage, {{{"z", {1, 3}}}}), HasSubstr("no input"));
  const Plan plan = plan_of(model, {{{"x", {2, 3, 5}}}});
  EXPECT_EQ(plan.values[plan.outputs[0]].shape, (Shape{2, 3, 5}));
}

TEST(Planner, RefusesImpossibleSizes) {
  SmallModel huge;
  huge.input("x", {1 << 20, 1 << 20}).node("Relu", {"x"}, {"y"}).output("y");
  EXPECT_THAT(refusal(huge, ErrorCode::kLimit), HasSubstr("too many elements"));
  SmallModel overflowing;
  overflowing.input("x", {std::int64_t{1} << 62, 8}).node("Relu", {"x"}, {"y"}).output("y");
  refusal(overflowing, ErrorCode::kLimit);
  SmallModel empty;
  empty.input("x", {1, 0}).node("Relu", {"x"}, {"y"}).output("y");
  EXPECT_THAT(refusal(empty, ErrorCode::kUnsupported), HasSubstr("no elements"));
  SmallModel filled;
  filled.integers("s", {1 << 20, 1 << 20}).input("x", {1});
  filled.node("ConstantOfShape", {"s"}, {"c"}).node("Add", {"x", "c"}, {"y"}).output("y");
  EXPECT_ANY_THROW(plan_of(filled));
}

TEST(Planner, RefusesLayersThatDoNotFit) {
  SmallModel model;
  model.input("x", {1, 3, 4, 4}).floats("w", {2, 2, 3, 3}, std::vector<float>(36, 1.0F));
  model.node("Conv", {"x", "w"}, {"y"}).output("y");
  EXPECT_THAT(refusal(model, ErrorCode::kUnsupported), HasSubstr("groups"));
  SmallModel large;
  large.input("x", {1, 1, 2, 2}).floats("w", {1, 1, 3, 3}, std::vector<float>(9, 1.0F));
  large.node("Conv", {"x", "w"}, {"y"}).output("y");
  EXPECT_THAT(refusal(large, ErrorCode::kUnsupported), HasSubstr("larger than the input"));
}

TEST_F(Programs, HaveScalars) {
  SmallModel model;
  model.input("x", {}).node("Neg", {"x"}, {"y"}).output("y");
  EXPECT_THAT(values_of(CompiledModel(model.open()).run({tensor_of({}, {3})}).at(0)),
              ElementsAre(-3));
}

TEST_F(Programs, HaveOutputsThatAreInputsConstantsOrTheSame) {
  SmallModel model;
  model.input("x", {2}).floats("c", {2}, {7, 8}).node("Relu", {"x"}, {"y"});
  model.node("Identity", {"y"}, {"z"}).output("x").output("c").output("y").output("z").output("y");
  const auto outputs = CompiledModel(model.open()).run({tensor_of({2}, {-1, 2})});
  EXPECT_THAT(values_of(outputs.at(0)), ElementsAre(-1, 2));
  EXPECT_THAT(values_of(outputs.at(1)), ElementsAre(7, 8));
  for (std::size_t i = 2; i < 5; ++i) EXPECT_THAT(values_of(outputs.at(i)), ElementsAre(0, 2));
}

TEST_F(Programs, DoNotOverwriteWhatIsReadLater) {
  SmallModel model;
  model.input("x", {2}).node("Relu", {"x"}, {"a"}).node("Neg", {"a"}, {"b"});
  model.node("Add", {"a", "b"}, {"c"}).node("Add", {"c", "a"}, {"d"}).output("d");
  EXPECT_THAT(values_of(CompiledModel(model.open()).run({tensor_of({2}, {3, 4})}).at(0)),
              ElementsAre(3, 4));
}

TEST_F(Programs, TakeTheBranchOfAKnownCondition) {
  SmallModel model;
  model.input("x", {2});
  onnx::TensorProto& condition = *model.graph().add_initializer();
  condition.set_name("which");
  condition.set_data_type(onnx::TensorProto::BOOL);
  condition.set_raw_data(std::string(1, '\0'));
  model.node("If", {"which"}, {"y"}).output("y");
  for (const char* branch : {"then_branch", "else_branch"}) {
    onnx::AttributeProto& attribute = *model.graph().mutable_node(0)->add_attribute();
    attribute.set_name(branch);
    attribute.set_type(onnx::AttributeProto::GRAPH);
    onnx::NodeProto& node = *attribute.mutable_g()->add_node();
    node.set_op_type(std::string(branch) == "then_branch" ? "Mystery" : "Neg");
    node.add_input("x");
    node.add_output("inner");
    attribute.mutable_g()->add_output()->set_name("inner");
  }
  EXPECT_THAT(values_of(CompiledModel(model.open()).run({tensor_of({2}, {1, -2})}).at(0)),
              ElementsAre(-1, 2));
}

// A convolution with windows of one pixel and a batch normalisation: 3 channels to 4.
SmallModel normalized(const std::vector<float>& weights) {
  SmallModel model;
  model.input("x", {1, 8, 1, 1}).floats("w", {4, 8, 1, 1}, weights);
  model.floats("scale", {4}, {1.7F, 0.3F, -2.1F, 0.9F}).floats("shift", {4}, {1, 2, 3, 4});
  model.floats("mean", {4}, {0.1F, 0.2F, 0.3F, 0.4F}).floats("variance", {4}, {1, 2, 3, 4});
  model.node("Conv", {"x", "w"}, {"c"});
  model.node("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"}).output("y");
  return model;
}

TEST(Planner, TakesBatchNormalizationIntoWeights) {
  std::vector<float> weights;
  for (int i = 0; i < 32; ++i) weights.push_back(0.37F * static_cast<float>(i) - 5.1F);
  const Plan plan = plan_of(normalized(weights));
  EXPECT_EQ(plan.steps.size(), 1U);
}

TEST_F(Programs, NormalizeAsTheModelDoes) {
  std::vector<float> weights;
  for (int i = 0; i < 32; ++i) weights.push_back(0.37F * static_cast<float>(i) - 5.1F);
  const std::vector<float> x = {1, -2, 3, 0.5F, -0.25F, 2, 1, -1};
  const auto outputs = CompiledModel(normalized(weights).open()).run({tensor_of({1, 8, 1, 1}, x)});
  const std::vector<double> scale = {1.7, 0.3, -2.1, 0.9};
  const std::vector<float> got = values_of(outputs.at(0));
  for (std::size_t r = 0; r < 4; ++r) {
    double sum = 0;
    for (std::size_t c = 0; c < 8; ++c) {
      sum += static_cast<double>(weights[r * 8 + c]) * static_cast<double>(x[c]);
    }
    const double mean = 0.1 * static_cast<double>(r + 1);
    const double variance = static_cast<double>(r + 1);
    const double expected =
        scale[r] * (sum - mean) / std::sqrt(variance + 1e-5) + static_cast<double>(r + 1);
    EXPECT_NEAR(static_cast<double>(got[r]), expected, 1e-4);
  }
}

TEST_F(Programs, ReadNothingBehindTheirInputs) {
  // One value is too little for any vector instruction.
  SmallModel model;
  model.input("x", {1, 1})
      .floats("w", {1, 1}, {2.5F})
      .node("MatMul", {"x", "w"}, {"y"})
      .output("y");
  EXPECT_THAT(values_of(CompiledModel(model.open()).run({tensor_of({1, 1}, {2})}).at(0)),
              ElementsAre(5));
}

}  // namespace
}  // namespace qc::c
