// Which layers bear how much pruning.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "model_builder.h"
#include "passes/pass.h"
#include "pipeline/recipe.h"
#include "pipeline/runner.h"
#include "pipeline/sensitivity.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::bell_values;
using test::FakeEvaluator;
using test::message_of;
using test::ModelBuilder;
using test::zeros_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

const std::vector<double> kRates = {0.25, 0.5, 0.75};

OnnxModel three_layers() {
  ModelBuilder builder;
  builder.add_gemm("a[0]*", {10, 10}, bell_values(100, 1))
      .add_gemm("b", {10, 10}, bell_values(100, 2))
      .add_gemm("c", {10, 10}, bell_values(100, 3));
  return builder.open();
}

Params selection(const std::vector<std::pair<std::string, std::string>>& values = {}) {
  Params params(kPrunePass.params);
  for (const auto& [name, value] : values) params.set(name, value);
  return params;
}

Sensitivity measure(Evaluator& evaluator, double max_drop, const Params& params = selection()) {
  return measure_sensitivity(three_layers(), params, evaluator, kRates, max_drop, 1, {});
}

// Zeros of the three layers.
std::vector<std::size_t> zeros(const OnnxModel& model) {
  return {zeros_of(model, "a[0]*.weight"), zeros_of(model, "b.weight"),
          zeros_of(model, "c.weight")};
}

TEST(Sensitivity, PrunesOneLayerAtATime) {
  std::vector<std::vector<std::size_t>> seen;
  FakeEvaluator evaluator([&](const OnnxModel& model) {
    seen.push_back(zeros(model));
    return 0.9;
  });
  measure(evaluator, 1);
  EXPECT_THAT(seen,
              ElementsAre(ElementsAre(0, 0, 0),  // the model as it is
                          ElementsAre(25, 0, 0), ElementsAre(50, 0, 0), ElementsAre(75, 0, 0),
                          ElementsAre(0, 25, 0), ElementsAre(0, 50, 0), ElementsAre(0, 75, 0),
                          ElementsAre(0, 0, 25), ElementsAre(0, 0, 50), ElementsAre(0, 0, 75)));
}

// The scores that layer i (from 0) has at the three rates.
double score(const OnnxModel& model, const std::vector<std::vector<double>>& scores) {
  const std::vector<std::size_t> found = zeros(model);
  for (std::size_t layer = 0; layer < 3; ++layer) {
    if (found[layer] > 0) return scores[layer][found[layer] / 25 - 1];
  }
  return 0.9;
}

TEST(Sensitivity, ChoosesTheHighestRateBelowWhichAllAreWithin) {
  const std::vector<std::vector<double>> scores = {
      {0.9, 0.895, 0.8},   // 0.5 is within
      {0.85, 0.9, 0.9},    // better again later: no rate at all
      {0.91, 0.92, 0.89},  // within everywhere: exactly one point lost in the end
  };
  FakeEvaluator evaluator([&](const OnnxModel& model) { return score(model, scores); });
  const Sensitivity result = measure(evaluator, 1.0001);
  EXPECT_EQ(result.baseline.value, 0.9);
  EXPECT_EQ(result.rates, kRates);
  ASSERT_THAT(result.layers, SizeIs(3));
  for (std::size_t layer = 0; layer < 3; ++layer) {
    EXPECT_EQ(result.layers[layer].scores, scores[layer]);
    EXPECT_EQ(result.layers[layer].weights, 100U);
  }
  EXPECT_EQ(result.layers[0].name, "a[0]*.weight");
  EXPECT_EQ(result.layers[0].chosen_rate, 0.5);
  EXPECT_EQ(result.layers[1].chosen_rate, 0);
  EXPECT_EQ(result.layers[2].chosen_rate, 0.75);
}

TEST(Sensitivity, TakesTheLayersThatWereSelected) {
  FakeEvaluator evaluator([](const OnnxModel&) { return 0.9; });
  const Sensitivity result = measure(evaluator, 1, selection({{"exclude", "b*"}}));
  ASSERT_THAT(result.layers, SizeIs(2));
  EXPECT_EQ(result.layers[1].name, "c.weight");
  EXPECT_THAT(message_of(ErrorCode::kUsage,
                         [&] {
                           measure(evaluator, 1, selection({{"include", "d*"}}));
                         }),
              HasSubstr("d*"));
}

TEST(Sensitivity, TellsHowFarItIs) {
  FakeEvaluator evaluator([](const OnnxModel&) { return 0.9; });
  std::vector<std::pair<std::size_t, std::size_t>> progress;
  measure_sensitivity(
      three_layers(), selection(), evaluator, kRates, 1, 1,
      [&](std::size_t done, std::size_t total) { progress.emplace_back(done, total); });
  EXPECT_THAT(progress, ElementsAre(Pair(0, 3), Pair(1, 3), Pair(2, 3)));
}

TEST(SensitivityRecipe, PrunesEveryLayerAtItsRate) {
  const std::vector<std::vector<double>> scores = {
      {0.9, 0.9, 0.8}, {0.1, 0.1, 0.1}, {0.9, 0.9, 0.9}};
  FakeEvaluator evaluator([&](const OnnxModel& model) { return score(model, scores); });
  const std::string text = sensitivity_recipe(measure(evaluator, 1), 4);
  const Recipe recipe = parse_recipe(text, "r.toml");
  ASSERT_THAT(recipe.steps, SizeIs(1));
  EXPECT_EQ(recipe.steps[0].kind().name, "prune");
  EXPECT_EQ(recipe.steps[0].repetitions(), 4);
  // Names are taken literally, whatever is in them.
  PipelineReport report;
  const PipelineResult result = run_steps(three_layers(), recipe.steps, {}, report);
  EXPECT_THAT(zeros(result.model), ElementsAre(50, 0, 75));
  EXPECT_EQ(recipe_text(recipe, /*defaults=*/false), text);
}

}  // namespace
}  // namespace qc
