// --max-drop: what is taken back, what is kept, and in what it is counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "pipeline/runner.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::dense_is_best;
using test::FakeEvaluator;
using test::FakeTuner;
using test::files_of;
using test::make_step;
using test::message_of;
using test::no_change;
using test::small_net;
using test::sparsity;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Scores of any kind.
class ScoringEvaluator final : public Evaluator {
 public:
  ScoringEvaluator(std::function<double()> next, Score kind)
      : next_(std::move(next)), kind_(std::move(kind)) {}

  Score validate(const OnnxModel& /*model*/) override {
    kind_.value = next_();
    return kind_;
  }
  Score test(const OnnxModel& model) override { return validate(model); }

 private:
  std::function<double()> next_;
  Score kind_;
};

class MaxDrop : public testing::Test {
 protected:
  MaxDrop() { tools_.evaluator = &evaluator_; }

  FakeEvaluator evaluator_{dense_is_best};
  PipelineTools tools_;
  PipelineReport report_;
};

TEST_F(MaxDrop, KeepsTheLastRepetitionWithin) {
  // Linear: 20, 40, 60 and 80 % are pruned, and each per cent costs a point.
  const PipelineResult result = run_steps(
      small_net(),
      {make_step("prune",
                 {{"rate", "0.8"}, {"steps", "4"}, {"schedule", "linear"}, {"max-drop", "45"}})},
      tools_, report_);
  EXPECT_NEAR(sparsity(result.model), 0.4, 0.005);
  ASSERT_THAT(report_.steps, SizeIs(3));  // the fourth was not tried
  EXPECT_TRUE(report_.steps[0].kept);
  EXPECT_TRUE(report_.steps[1].kept);
  EXPECT_FALSE(report_.steps[2].kept);
  EXPECT_FALSE(report_.interrupted);
}

TEST_F(MaxDrop, TheNextStepGoesOnFromThere) {
  const PipelineResult result = run_steps(
      small_net(),
      {make_step("prune",
                 {{"rate", "0.8"}, {"steps", "4"}, {"schedule", "linear"}, {"max-drop", "45"}}),
       make_step("share", {{"bits", "2"}})},
      tools_, report_);
  EXPECT_NEAR(sparsity(result.model), 0.4, 0.005);
  ASSERT_THAT(report_.steps, SizeIs(4));
  EXPECT_EQ(report_.steps[3].name, "share");
  EXPECT_TRUE(report_.steps[3].kept);
}

TEST_F(MaxDrop, BeyondItAtOnceNothingPasses) {
  const OnnxModel model = small_net();
  const Step step = make_step("prune", {{"rate", "0.8"}, {"steps", "4"}, {"max-drop", "1"}});
  const PipelineResult result =
      run_steps(model, {step, make_step("share", {{"bits", "2"}})}, tools_, report_);
  EXPECT_THAT(report_.gate_missed,
              AllOf(HasSubstr("prune lost 45.75 points of top1"), HasSubstr("100.00 % -> 54.25 %"),
                    HasSubstr("--max-drop 1")));
  EXPECT_EQ(files_of(result.model), files_of(model));
  EXPECT_EQ(report_.last_kept(), nullptr);
  ASSERT_THAT(report_.steps, SizeIs(1));
  EXPECT_FALSE(report_.steps[0].kept);
  EXPECT_THAT(report_.not_run, ElementsAre("share"));
}

TEST_F(MaxDrop, WhatPassedBeforeIsKept) {
  const PipelineResult result =
      run_steps(small_net(),
                {make_step("prune", {{"rate", "0.25"}, {"max-drop", "30"}}),
                 make_step("prune", {{"rate", "0.5"}, {"max-drop", "30"}}),
                 make_step("share", {{"bits", "2"}})},
                tools_, report_);
  EXPECT_EQ(sparsity(result.model), 0.25);
  ASSERT_THAT(report_.steps, SizeIs(2));
  EXPECT_EQ(report_.last_kept(), &report_.steps[0]);
  EXPECT_THAT(report_.gate_missed, HasSubstr("50.00 points"));
  EXPECT_THAT(report_.not_run, ElementsAre("share"));
}

TEST_F(MaxDrop, IsMeasuredFromTheStartOfTheRun) {
  // Each of both would be within 25 points of the one before.
  const std::vector<Step> steps = {make_step("prune", {{"rate", "0.2"}, {"max-drop", "25"}}),
                                   make_step("prune", {{"rate", "0.4"}, {"max-drop", "25"}})};
  run_steps(small_net(), steps, tools_, report_);
  EXPECT_FALSE(report_.gate_missed.empty());
  EXPECT_THAT(report_.steps, SizeIs(2));
}

TEST_F(MaxDrop, CountsInWhatTheMetricDoes) {
  struct Case {
    Score before;
    double after;
    bool kept;
  };
  const Score percent{.metric = "top1", .value = 90, .unit = Unit::kPercent};
  const Score loss{.metric = "loss", .value = 0.3, .unit = Unit::kOwn, .higher_is_better = false};
  for (const Case& one : {Case{percent, 89.8, true}, Case{percent, 89.4, false},
                          Case{loss, 0.7, true}, Case{loss, 0.9, false}, Case{loss, 0.1, true}}) {
    Score score = one.before;
    ScoringEvaluator evaluator([&] { return std::exchange(score.value, one.after); }, score);
    tools_.evaluator = &evaluator;
    PipelineReport report;
    run_steps(small_net(), {make_step("prune", {{"rate", "0.25"}, {"max-drop", "0.5"}})}, tools_,
              report);
    EXPECT_EQ(report.steps.at(0).kept, one.kept) << one.before.metric << " " << one.after;
  }
}

TEST_F(MaxDrop, ExactlyTheBudgetIsWithin) {
  // 400 weights, a quarter pruned: the drop is 25 points without rounding.
  run_steps(small_net(), {make_step("prune", {{"rate", "0.25"}, {"max-drop", "25"}})}, tools_,
            report_);
  EXPECT_TRUE(report_.steps.at(0).kept);
}

TEST_F(MaxDrop, AScoreThatIsNoNumberIsBeyond) {
  int calls = 0;
  FakeEvaluator evaluator([&](const OnnxModel&) {
    return ++calls == 1 ? 0.9 : std::numeric_limits<double>::quiet_NaN();
  });
  tools_.evaluator = &evaluator;
  run_steps(small_net(), {make_step("prune", {{"rate", "0.25"}, {"max-drop", "25"}})}, tools_,
            report_);
  EXPECT_FALSE(report_.gate_missed.empty());
}

// An eighth more is pruned in each step.
class StrategyScore : public MaxDrop {
 protected:
  PipelineResult prune(const std::string& halving_points) {
    return run_steps(small_net(),
                     {make_step("prune", {{"rate", "0.875"},
                                          {"steps", "7"},
                                          {"schedule", "linear"},
                                          {"strategy", "score"},
                                          {"halving-points", halving_points}})},
                     tools_, report_);
  }
};

TEST_F(StrategyScore, GoesOnAsLongAsSizeIsWorthTheLoss) {
  FakeEvaluator evaluator([](const OnnxModel& model) { return 1 - std::pow(sparsity(model), 3); });
  tools_.evaluator = &evaluator;
  const PipelineResult result = prune("40");
  ASSERT_GE(report_.steps.size(), 2U);
  ASSERT_LT(report_.steps.size(), 7U);
  EXPECT_FALSE(report_.steps.back().kept);
  std::uint64_t before = packed_size(small_net(), tools_.encode, 1);
  double score = 1;
  for (const StepReport& step : report_.steps) {
    const double gained =
        40 * std::log2(static_cast<double>(before) / static_cast<double>(step.packed_bytes));
    const double points_lost = 100 * (score - step.validation->value);
    EXPECT_EQ(step.kept, gained >= points_lost) << gained << " " << points_lost;
    before = step.packed_bytes;
    score = step.validation->value;
  }
  const auto kept = static_cast<double>(report_.steps.size() - 1);
  EXPECT_NEAR(sparsity(result.model), 0.125 * kept, 0.005);
}

TEST_F(StrategyScore, TakesAllStepsThatCostNothing) {
  FakeEvaluator evaluator([](const OnnxModel&) { return 0.9; });
  tools_.evaluator = &evaluator;
  EXPECT_NEAR(sparsity(prune("0.001").model), 0.875, 0.005);
  EXPECT_THAT(report_.steps, SizeIs(7));
}

TEST_F(StrategyScore, TakesNothingThatIsNotWorthIt) {
  const PipelineResult result = prune("1");
  EXPECT_EQ(sparsity(result.model), 0);
  EXPECT_THAT(report_.gate_missed, AllOf(HasSubstr("12.25 points"), HasSubstr("--strategy score")));
}

TEST_F(StrategyScore, NeedsAnEvaluator) {
  tools_.evaluator = nullptr;
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { prune("1"); }), HasSubstr("--strategy score"));
}

TEST_F(MaxDrop, NeedsAnEvaluator) {
  FakeTuner tuner(no_change);
  PipelineTools tools;
  tools.tuner = &tuner;
  const std::vector<Step> steps = {make_step("finetune"),
                                   make_step("prune", {{"rate", "0.5"}, {"max-drop", "1"}})};
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { run_steps(small_net(), steps, tools, report_); }),
              HasSubstr("--max-drop"));
  EXPECT_THAT(tuner.requests, IsEmpty());
}

}  // namespace
}  // namespace qc
