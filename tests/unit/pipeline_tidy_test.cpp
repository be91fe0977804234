// tidy and short biases among the steps of a pipeline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model_builder.h"
#include "model_files.h"
#include "model_values.h"
#include "pipeline/runner.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::FakeTuner;
using test::make_step;
using test::ModelBuilder;
using test::values_of;

// A Gemm whose weights are w_orig * w_mask.
OnnxModel masked_net() {
  ModelBuilder builder;
  std::vector<float> mask(64, 1.0F);
  for (std::size_t i = 0; i < mask.size(); i += 2) mask[i] = 0;
  builder.add_floats("w_orig", {8, 8}, test::bell_values(64, 1))
      .add_floats("w_mask", {8, 8}, mask)
      .add_floats("b", {8}, test::bell_values(8, 2));
  test::add_node(*builder.proto().mutable_graph(), "Mul", {"w_orig", "w_mask"}, "masked");
  builder.add_node("Gemm", {"masked", "b"});
  return builder.open();
}

TEST(TidyStep, MakesLaterStepsPossibleAndIsNotTrained) {
  FakeTuner tuner(test::no_change);
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const PipelineResult result = run_steps(
      masked_net(), {make_step("tidy"), make_step("prune", {{"rate", "0.75"}})}, tools, report);
  EXPECT_EQ(test::zeros_of(result.model, "w"), 48U);
  ASSERT_EQ(tuner.requests.size(), 1U);
  EXPECT_EQ(tuner.requests[0].label, "prune");
  ASSERT_EQ(report.steps.size(), 2U);
  EXPECT_EQ(report.steps[0].epochs, 0);
  EXPECT_EQ(report.steps[0].nonzero, 32U);
}

// Biases are trained as the floats that they come from, and rounded again.
TEST(ShareStep, KeepsBiasesShortThroughTraining) {
  ModelBuilder builder;
  builder.add_gemm("fc", {8, 8}, test::bell_values(64, 1));
  const OnnxModel model = builder.open();
  std::vector<float> seen;
  FakeTuner tuner([&](const OnnxModel& given, const TuneRequest& request) {
    seen = values_of(given, "fc.bias");
    return test::nudge_all(given, request);
  });
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const PipelineResult result =
      run_steps(model, {make_step("share", {{"bits", "2"}, {"biases", "3"}})}, tools, report);
  EXPECT_EQ(seen, values_of(model, "fc.bias"));
  const std::vector<float> after = values_of(result.model, "fc.bias");
  WeightForm form;
  form.kind = FormKind::kMantissa;
  form.scope = ScaleScope::kNone;
  form.bits = 3;
  EXPECT_TRUE(has_form(form, after, {}, DataType::kFloat));
  for (std::size_t i = 0; i < after.size(); ++i) {
    const float trained = seen[i] + 0.25F + 0.125F * static_cast<float>(i % 3);
    EXPECT_NEAR(after[i], trained, trained / 16);
  }
  // The weights were shared before training and still are.
  std::vector<float> weights = values_of(result.model, "fc.weight");
  std::ranges::sort(weights);
  weights.erase(std::unique(weights.begin(), weights.end()), weights.end());
  EXPECT_LE(weights.size(), 4U);
}

}  // namespace
}  // namespace qc
