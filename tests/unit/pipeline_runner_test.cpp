// Pipelines with networks and data that only pretend.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "formats/qc/write/qc_writer.h"
#include "model_builder.h"
#include "model_files.h"
#include "pipeline/runner.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::dense_is_best;
using test::FakeEvaluator;
using test::FakeTuner;
using test::files_of;
using test::kNetWeights;
using test::make_step;
using test::message_of;
using test::no_change;
using test::nudge_all;
using test::small_net;
using test::sparsity;
using test::values_of;
using test::zeros_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Runner, WithoutToolsOnlyPassesRun) {
  const OnnxModel model = small_net();
  PipelineReport report;
  const PipelineResult result =
      run_steps(model, {make_step("prune", {{"rate", "0.5"}}), make_step("share", {{"bits", "2"}})},
                {}, report);
  EXPECT_EQ(sparsity(result.model), 0.5);
  EXPECT_EQ(files_of(result.baseline), files_of(model));
  ASSERT_THAT(report.steps, SizeIs(2));
  EXPECT_EQ(report.original_bytes, model.total_size());
  EXPECT_FALSE(report.validation_before);
  EXPECT_EQ(report.steps[0].name, "prune");
  EXPECT_EQ(report.steps[1].name, "share");
  for (const StepReport& step : report.steps) {
    EXPECT_EQ(step.weights, kNetWeights);
    EXPECT_EQ(step.nonzero, kNetWeights / 2);
    EXPECT_EQ(step.epochs, 0);
    EXPECT_TRUE(step.kept);
    EXPECT_FALSE(step.validation);
    EXPECT_TRUE(step.pass);
  }
}

TEST(Runner, NoStepsGiveTheInput) {
  const OnnxModel model = small_net();
  PipelineReport report;
  EXPECT_EQ(files_of(run_steps(model, {}, {}, report).model), files_of(model));
  EXPECT_THAT(report.steps, IsEmpty());
}

TEST(Runner, EvaluatesAndFineTunesInOrder) {
  std::vector<std::string> calls;
  FakeEvaluator evaluator(dense_is_best, &calls);
  FakeTuner tuner(no_change, &calls);
  PipelineTools tools;
  tools.evaluator = &evaluator;
  tools.tuner = &tuner;
  tools.before_repetitions = [&] { calls.emplace_back("begin"); };
  tools.on_step = [&](const StepReport& step) {
    calls.push_back(fmt::format("report {} {}/{}", step.name, step.repetition, step.repetitions));
  };
  PipelineReport report;
  run_steps(small_net(),
            {make_step("prune", {{"rate", "0.8"}, {"steps", "2"}}),
             make_step("share", {{"bits", "3"}}), make_step("finetune")},
            tools, report);
  EXPECT_THAT(calls, ElementsAre("validate", "begin",                               // the input
                                 "tune prune 1/2", "validate", "report prune 1/2",  //
                                 "tune prune 2/2", "validate", "report prune 2/2",  //
                                 "tune share", "validate", "report share 1/1",      //
                                 "tune finetune", "validate", "report finetune 1/1"));
  EXPECT_EQ(report.validation_before->value, 1);
  ASSERT_THAT(report.steps, SizeIs(4));
  EXPECT_NEAR(report.steps[0].validation->value, 1 - 0.7, 0.01);  // cubic: 0.8 * 7/8
  EXPECT_NEAR(report.steps[1].validation->value, 1 - 0.8, 0.01);
  std::vector<int> numbers;
  for (const TuneRequest& request : tuner.requests) numbers.push_back(request.number);
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3, 4));
}

TEST(Runner, TellsTheTunerWhatToKeepAndHow) {
  FakeTuner tuner(no_change);
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const OnnxModel model = small_net();
  run_steps(model,
            {make_step("prune", {{"rate", "0.5"}, {"epochs", "2"}, {"lr", "0.125"}}),
             make_step("share", {{"bits", "2"}, {"seed", "9"}}), make_step("finetune"),
             make_step("finetune", {{"keep", "nothing"}})},
            tools, report);
  ASSERT_THAT(tuner.requests, SizeIs(4));
  EXPECT_EQ(tuner.requests[0].options.epochs, 2);
  EXPECT_EQ(tuner.requests[0].options.learning_rate, 0.125);
  EXPECT_EQ(tuner.requests[1].options.seed, 9U);
  ASSERT_THAT(tuner.requests[0].constraints, SizeIs(3));
  EXPECT_FALSE(tuner.requests[0].constraints[0].shared);
  ASSERT_THAT(tuner.requests[1].constraints, SizeIs(3));
  EXPECT_TRUE(tuner.requests[1].constraints[0].shared);
  ASSERT_THAT(tuner.requests[2].constraints, SizeIs(3));
  EXPECT_TRUE(tuner.requests[2].constraints[0].shared);
  EXPECT_THAT(tuner.requests[3].constraints, IsEmpty());
  for (const TuneRequest& request : tuner.requests) ASSERT_NE(request.teacher, nullptr);
  EXPECT_EQ(report.steps[0].epochs, 2);
  EXPECT_EQ(report.steps[1].epochs, 5);
}

// Repetitions go on from the fine-tuned weights, not from the input.
TEST(Runner, RepetitionsBuildOnEachOther) {
  FakeTuner tuner(nudge_all);
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const PipelineResult result = run_steps(
      small_net(), {make_step("prune", {{"rate", "0.5"}, {"steps", "3"}})}, tools, report);
  EXPECT_NE(tuner.inputs[0], tuner.inputs[1]);
  EXPECT_EQ(sparsity(result.model), 0.5);
  // A weight that was pruned is the smallest next time: zeros only grow.
  EXPECT_LT(report.steps[1].nonzero, report.steps[0].nonzero);
  EXPECT_LT(report.steps[2].nonzero, report.steps[1].nonzero);
}

// 360 of 400 weights are pruned already: the steps go on from there, each a part of the way.
TEST(Runner, RepetitionsStartFromTheSparsityThatIsThere) {
  PipelineReport before;
  const PipelineResult pruned =
      run_steps(small_net(), {make_step("prune", {{"rate", "0.9"}})}, {}, before);
  PipelineReport report;
  run_steps(pruned.model,
            {make_step("prune", {{"rate", "0.99"}, {"steps", "3"}, {"schedule", "linear"}})}, {},
            report);
  ASSERT_THAT(report.steps, SizeIs(3));
  EXPECT_EQ(before.steps[0].nonzero, 40U);
  EXPECT_NEAR(static_cast<double>(report.steps[0].nonzero), 28, 3);
  EXPECT_NEAR(static_cast<double>(report.steps[1].nonzero), 16, 3);
  EXPECT_NEAR(static_cast<double>(report.steps[2].nonzero), 4, 3);
}

// The table tells what the whole step did to the weights, not its last repetition alone.
TEST(Runner, ErrorsOfRepetitionsAreAgainstTheModelThatCameIn) {
  for (const bool tunes : {false, true}) {
    FakeTuner tuner(nudge_all);
    PipelineTools tools;
    if (tunes) tools.tuner = &tuner;
    PipelineReport report;
    const OnnxModel model = small_net();
    const PipelineResult result =
        run_steps(model, {make_step("prune", {{"rate", "0.6"}, {"steps", "3"}})}, tools, report);
    const TensorReport& told = report.steps.at(2).pass->changed.at(0);
    ASSERT_EQ(told.name, "fc1.weight");
    const std::vector<float> before = values_of(model, told.name);
    const std::vector<float> after = values_of(result.model, told.name);
    double squares = 0;
    double most = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double change = static_cast<double>(after[i]) - static_cast<double>(before[i]);
      squares += change * change;
      most = std::max(most, std::fabs(change));
    }
    EXPECT_DOUBLE_EQ(told.rmse, std::sqrt(squares / static_cast<double>(before.size())));
    EXPECT_DOUBLE_EQ(told.max_error, most);
    EXPECT_EQ(told.nonzero_before, before.size());
    EXPECT_EQ(told.nonzero_after, before.size() - zeros_of(result.model, told.name));
    EXPECT_GT(told.threshold, 0);
  }
}

class RunnerRepairs : public testing::TestWithParam<DataType> {};

TEST_P(RunnerRepairs, WhatFineTuningBroke) {
  FakeTuner tuner(nudge_all);
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const PipelineResult result = run_steps(
      small_net(GetParam()),
      {make_step("prune", {{"rate", "0.5"}}), make_step("share", {{"bits", "2"}})}, tools, report);
  EXPECT_EQ(sparsity(result.model), 0.5);
  for (const char* name : {"fc1.weight", "fc2.weight", "fc3.weight"}) {
    std::vector<float> values = values_of(result.model, name);
    std::ranges::sort(values);
    const auto distinct = std::unique(values.begin(), values.end()) - values.begin();
    EXPECT_LE(distinct, 5) << name;  // four and zero
  }
  ASSERT_THAT(report.steps, SizeIs(2));
  ASSERT_THAT(report.steps[0].violations, SizeIs(3));
  EXPECT_EQ(report.steps[0].violations[0].revived, 150U);
  EXPECT_EQ(report.steps[0].violations[0].split, 0U);
  ASSERT_THAT(report.steps[1].violations, SizeIs(3));
  EXPECT_EQ(report.steps[1].violations[0].revived, 150U);
  EXPECT_GT(report.steps[1].violations[0].split, 0U);
}

INSTANTIATE_TEST_SUITE_P(Floats, RunnerRepairs,
                         testing::Values(DataType::kFloat, DataType::kFloat16, DataType::kBfloat16,
                                         DataType::kDouble),
                         [](const auto& type) { return data_type_name(type.param); });

TEST(Runner, BiasesAreFreeToChange) {
  FakeTuner tuner(nudge_all);
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const OnnxModel model = small_net();
  const PipelineResult result =
      run_steps(model, {make_step("prune", {{"rate", "0.5"}})}, tools, report);
  EXPECT_NE(values_of(result.model, "fc1.bias"), values_of(model, "fc1.bias"));
}

TEST(Runner, NoEpochsMeanNoTuning) {
  FakeTuner tuner(no_change);
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  run_steps(small_net(), {make_step("prune", {{"rate", "0.5"}, {"epochs", "0"}})}, tools, report);
  EXPECT_THAT(tuner.requests, IsEmpty());
  EXPECT_EQ(report.steps.at(0).epochs, 0);
  EXPECT_EQ(report.steps.at(0).nonzero, kNetWeights / 2);
}

TEST(Runner, PackedBytesAreThoseOfThePackedModel) {
  PipelineTools tools;
  tools.encode.stages = StageChoice::kHuffman;
  PipelineReport report;
  const PipelineResult result =
      run_steps(small_net(), {make_step("prune", {{"rate", "0.9"}})}, tools, report);
  PackOptions options;
  options.encode = tools.encode;
  EXPECT_EQ(report.steps.at(0).packed_bytes, test::pack(result.model, options).size());
  EXPECT_EQ(packed_size(result.model, {}, 2), test::pack(result.model).size());
  EXPECT_LT(report.steps.at(0).packed_bytes, report.original_bytes);

  tools.measures_packed = false;
  PipelineReport unmeasured;
  run_steps(small_net(), {make_step("prune", {{"rate", "0.9"}})}, tools, unmeasured);
  EXPECT_EQ(unmeasured.steps.at(0).packed_bytes, 0U);
}

TEST(Runner, TrainingNeedsATuner) {
  PipelineReport report;
  for (const char* kind : {"train", "finetune"}) {
    EXPECT_THAT(message_of(ErrorCode::kUsage,
                           [&] { run_steps(small_net(), {make_step(kind)}, {}, report); }),
                AllOf(HasSubstr(kind), HasSubstr("--data")));
  }
}

// Found before the first training, not after it.
TEST(Runner, MistakesOfLaterStepsAreFoundFirst) {
  FakeTuner tuner(no_change);
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  for (const Step& wrong :
       {make_step("prune"), make_step("prune", {{"rate", "0.5"}, {"exclude", "no such*"}}),
        make_step("share"), make_step("prune", {{"layer", "fc1*=1.5"}, {"steps", "9"}})}) {
    message_of(ErrorCode::kUsage, [&] {
      run_steps(small_net(), {make_step("train"), wrong}, tools, report);
    });
  }
  EXPECT_THAT(tuner.requests, IsEmpty());
}

TEST(Runner, InterruptionEndsTheRunWithTheBestSoFar) {
  int calls = 0;
  FakeTuner tuner([&](const OnnxModel& model, const TuneRequest& request) {
    TuneOutcome outcome = nudge_all(model, request);
    outcome.epochs = 1;
    outcome.interrupted = ++calls == 2;
    return outcome;
  });
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const PipelineResult result =
      run_steps(small_net(),
                {make_step("prune", {{"rate", "0.6"}, {"steps", "3"}, {"schedule", "linear"}}),
                 make_step("share", {{"bits", "2"}})},
                tools, report);
  EXPECT_TRUE(report.interrupted);
  ASSERT_THAT(report.steps, SizeIs(2));
  EXPECT_FALSE(report.steps[0].interrupted);
  EXPECT_TRUE(report.steps[1].interrupted);
  EXPECT_NEAR(sparsity(result.model), 0.4, 0.005);  // still whole
}

TEST(Runner, TrainingStartsFromFreshWeights) {
  const OnnxModel model = small_net();
  std::vector<std::vector<Bytes>> starts;
  for (const char* seed : {"1", "1", "2"}) {
    FakeTuner tuner(no_change);
    PipelineTools tools;
    tools.tuner = &tuner;
    PipelineReport report;
    run_steps(model, {make_step("train", {{"seed", seed}})}, tools, report);
    starts.push_back(tuner.inputs.at(0));
    EXPECT_THAT(tuner.requests.at(0).constraints, IsEmpty());
    EXPECT_EQ(tuner.requests.at(0).teacher, nullptr);
  }
  EXPECT_EQ(starts[0], starts[1]);
  EXPECT_NE(starts[0], starts[2]);
  EXPECT_NE(starts[0], files_of(model));
}

TEST(Runner, TheFreshlyTrainedModelIsTheBaselineAndTeacher) {
  std::vector<std::vector<Bytes>> teachers;
  FakeTuner tuner([&](const OnnxModel& model, const TuneRequest& request) {
    if (request.teacher != nullptr) teachers.push_back(files_of(*request.teacher));
    return nudge_all(model, request);
  });
  std::vector<std::string> calls;
  FakeEvaluator evaluator(dense_is_best, &calls);
  PipelineTools tools;
  tools.tuner = &tuner;
  tools.evaluator = &evaluator;
  PipelineReport report;
  const OnnxModel model = small_net();
  const PipelineResult result = run_steps(
      model, {make_step("train", {{"epochs", "1"}}), make_step("prune", {{"rate", "0.5"}})}, tools,
      report);
  EXPECT_NE(files_of(result.baseline), files_of(model));
  EXPECT_NE(files_of(result.baseline), files_of(result.model));
  EXPECT_THAT(teachers, ElementsAre(files_of(result.baseline)));
  // Untrained weights are not worth an evaluation: what counts is the trained model.
  EXPECT_THAT(calls, ElementsAre("validate", "validate"));
  EXPECT_EQ(report.validation_before->value, report.steps.at(0).validation->value);
}

TEST(Runner, TheInputIsTheBaselineAndTeacherOtherwise) {
  const OnnxModel model = small_net();
  FakeTuner tuner([&](const OnnxModel& changed, const TuneRequest& request) {
    EXPECT_EQ(files_of(*request.teacher), files_of(model));
    return nudge_all(changed, request);
  });
  PipelineTools tools;
  tools.tuner = &tuner;
  PipelineReport report;
  const PipelineResult result = run_steps(
      model, {make_step("prune", {{"rate", "0.5"}, {"steps", "2"}}), make_step("finetune")}, tools,
      report);
  EXPECT_EQ(files_of(result.baseline), files_of(model));
  EXPECT_THAT(tuner.requests, SizeIs(3));
}

TEST(Runner, ResultsDoNotDependOnTheThreads) {
  std::vector<std::vector<Bytes>> results;
  for (const unsigned threads : {1U, 4U}) {
    FakeTuner tuner(nudge_all);
    PipelineTools tools;
    tools.tuner = &tuner;
    tools.threads = threads;
    PipelineReport report;
    results.push_back(
        files_of(run_steps(small_net(),
                           {make_step("prune", {{"rate", "0.7"}, {"steps", "2"}}),
                            make_step("share", {{"bits", "3"}, {"init", "random"}, {"seed", "5"}})},
                           tools, report)
                     .model));
  }
  EXPECT_EQ(results[0], results[1]);
}

}  // namespace
}  // namespace qc
