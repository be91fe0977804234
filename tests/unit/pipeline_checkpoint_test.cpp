// Checkpoints of pipelines, going on from them, and what a container says about a run cut short.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "harness.h"
#include "pipeline/checkpoint.h"
#include "pipeline/provenance.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::dense_is_best;
using test::FakeEvaluator;
using test::FakeTuner;
using test::files_of;
using test::make_step;
using test::message_of;
using test::nudge_all;
using test::small_net;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::vector<Step>& all_steps() {
  static const std::vector<Step> kSteps = {
      make_step("train", {{"epochs", "2"}}),
      make_step("prune", {{"rate", "0.8"}, {"steps", "3"}, {"max-drop", "90"}}),
      make_step("share", {{"bits", "2"}})};
  return kSteps;
}

// The power goes off.
struct Crash : std::runtime_error {
  Crash() : std::runtime_error("crash") {}
};

class CheckpointTest : public testing::Test {
 protected:
  // Trains in two epochs, each of which counts: the state says how many are done. Crashes before
  // the epoch number `crash`, of the whole run.
  TuneOutcome train(const OnnxModel& model, const TuneRequest& request, int crash) {
    int epoch = request.resume_from.empty() ? 0 : request.resume_from.front();
    for (; epoch < 2; ++epoch) {
      if (++epochs_ == crash) throw Crash();
      if (request.save_state) request.save_state(Bytes{static_cast<std::uint8_t>(epoch + 1)});
    }
    TuneOutcome outcome = nudge_all(model, request);
    outcome.epochs = epoch;
    return outcome;
  }

  struct Outcome {
    std::vector<Bytes> model;
    std::vector<Bytes> baseline;
    PipelineReport report;
  };

  // Nothing where the run crashed.
  std::optional<Outcome> run(int crash, bool resume) {
    FakeTuner tuner([&](const OnnxModel& model, const TuneRequest& request) {
      steps_.push_back(request.number);
      return train(model, request, crash);
    });
    FakeEvaluator evaluator(dense_is_best);
    PipelineTools tools;
    tools.evaluator = &evaluator;
    tools.tuner = &tuner;
    tools.save_state = [&](const PipelineState& state) {
      write_checkpoint(path_, {.identity = kIdentity, .state = state});
    };
    if (resume) tools.resume_from = read_checkpoint(path_, kIdentity, model_).state;
    Outcome outcome;
    try {
      const PipelineResult result = run_steps(model_, all_steps(), tools, outcome.report);
      outcome.model = files_of(result.model);
      outcome.baseline = files_of(result.baseline);
      return outcome;
    } catch (const Crash&) {
      return std::nullopt;
    }
  }

  void write(const CheckpointIdentity& identity = kIdentity) {
    PipelineState state;
    state.model = std::make_shared<const OnnxModel>(model_.edited({}));
    state.training = {1, 2, 3};
    write_checkpoint(path_, {.identity = identity, .state = state});
  }

  std::string refused(ErrorCode code, const CheckpointIdentity& identity = kIdentity) {
    return message_of(code, [&] { read_checkpoint(path_, identity, model_); });
  }

  static inline const CheckpointIdentity kIdentity = {{"recipe", "all\xff"}, {"model", "1234"}};
  const OnnxModel model_ = small_net();
  const harness::TempDir folder_;
  const std::filesystem::path path_ = folder_ / "state";
  std::vector<int> steps_;  // numbers of the fine-tunings
  int epochs_ = 0;
};

// Five fine-tunings of two epochs each: a crash before any of the ten loses that epoch only.
TEST_F(CheckpointTest, ARunGoesOnAsIfItHadNotBeenInterrupted) {
  const Outcome whole = run(0, false).value();
  ASSERT_EQ(epochs_, 10);
  const std::vector<int> all_steps_done = std::exchange(steps_, {});
  for (int crash = 2; crash <= 10; ++crash) {
    SCOPED_TRACE(crash);
    epochs_ = 0;
    steps_.clear();
    ASSERT_FALSE(run(crash, false).has_value());
    const Outcome resumed = run(0, true).value();
    EXPECT_EQ(epochs_, 11);  // one began twice
    EXPECT_EQ(steps_.back(), all_steps_done.back());
    EXPECT_EQ(resumed.model, whole.model);
    EXPECT_EQ(resumed.baseline, whole.baseline);
    ASSERT_EQ(resumed.report.steps.size(), whole.report.steps.size());
    EXPECT_EQ(resumed.report.original_bytes, whole.report.original_bytes);
    EXPECT_EQ(resumed.report.validation_before->value, whole.report.validation_before->value);
    for (std::size_t i = 0; i < whole.report.steps.size(); ++i) {
      const StepReport& told = resumed.report.steps[i];
      const StepReport& wanted = whole.report.steps[i];
      EXPECT_EQ(step_label(told), step_label(wanted));
      EXPECT_EQ(told.index, wanted.index);
      EXPECT_EQ(told.epochs, wanted.epochs);
      EXPECT_EQ(told.nonzero, wanted.nonzero);
      EXPECT_EQ(told.packed_bytes, wanted.packed_bytes);
      EXPECT_EQ(told.gated, wanted.gated);
      EXPECT_EQ(told.validation->value, wanted.validation->value);
      EXPECT_EQ(told.violations.size(), wanted.violations.size());
      ASSERT_EQ(told.pass.has_value(), wanted.pass.has_value());
      if (!told.pass) continue;
      ASSERT_EQ(told.pass->changed.size(), wanted.pass->changed.size());
      for (std::size_t k = 0; k < wanted.pass->changed.size(); ++k) {
        EXPECT_EQ(told.pass->changed[k].name, wanted.pass->changed[k].name);
        EXPECT_EQ(told.pass->changed[k].rmse, wanted.pass->changed[k].rmse);
        EXPECT_EQ(told.pass->changed[k].nonzero_before, wanted.pass->changed[k].nonzero_before);
        EXPECT_EQ(told.pass->changed[k].threshold, wanted.pass->changed[k].threshold);
      }
    }
  }
}

TEST_F(CheckpointTest, AStopBeforeAnythingIsDoneCanBeResumed) {
  PipelineTools tools;
  tools.stop_requested = [] { return true; };
  std::vector<PipelineState> saved;
  tools.save_state = [&](const PipelineState& state) { saved.push_back(state); };
  PipelineReport report;
  run_steps(model_, {make_step("prune", {{"rate", "0.5"}})}, tools, report);
  EXPECT_TRUE(report.interrupted);
  EXPECT_TRUE(report.steps.empty());
  ASSERT_EQ(saved.size(), 1U);
  EXPECT_FALSE(saved[0].report.interrupted);
  EXPECT_EQ(saved[0].step, 0U);
}

TEST_F(CheckpointTest, WhatItIsNotOfIsNamed) {
  write();
  EXPECT_NO_THROW(read_checkpoint(path_, kIdentity, model_));
  EXPECT_THAT(refused(ErrorCode::kUsage, {{"recipe", "other"}, {"model", "1234"}}),
              AllOf(HasSubstr(path_.string()), HasSubstr("another recipe;")));
  EXPECT_THAT(refused(ErrorCode::kUsage, {{"recipe", "other"}, {"model", "1"}}),
              HasSubstr("another model and recipe;"));
  EXPECT_THAT(
      refused(ErrorCode::kUsage, {{"recipe", "all\xff"}, {"model", "1234"}, {"data set", "mnist"}}),
      HasSubstr("another data set;"));
  EXPECT_THAT(refused(ErrorCode::kUsage, {{"model", "1234"}}), HasSubstr("another command;"));
}

TEST_F(CheckpointTest, DamageIsFound) {
  write();
  const std::string whole = harness::read_file(path_);
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    harness::write_file(path_, flipped);
    refused(ErrorCode::kCorrupt);
    harness::write_file(path_, whole.substr(0, i));
    refused(ErrorCode::kCorrupt);
  }
  harness::write_file(path_, whole + "more");
  refused(ErrorCode::kCorrupt);
  std::filesystem::remove(path_);
  EXPECT_THAT(refused(ErrorCode::kFile), HasSubstr("state"));
}

Recipe recipe_of(std::vector<Step> steps) {
  Recipe recipe;
  recipe.steps = std::move(steps);
  return recipe;
}

TEST(Provenance, OfAWholeRunIsTheRecipe) {
  const Recipe recipe = recipe_of({make_step("prune", {{"rate", "0.5"}, {"steps", "2"}})});
  PipelineReport report;
  run_steps(small_net(), recipe.steps, {}, report);
  const auto metadata = provenance(recipe, report, "libtorch");
  EXPECT_EQ(metadata.at("recipe"), recipe_text(recipe, false));
  EXPECT_EQ(metadata.at("engine"), "libtorch");
  EXPECT_EQ(metadata.size(), 2U);
}

TEST(Provenance, OfARunCutShortClaimsNoMoreThanWasDone) {
  const Recipe recipe = recipe_of(all_steps());
  int calls = 0;
  FakeTuner tuner([&](const OnnxModel& model, const TuneRequest& request) {
    TuneOutcome outcome = nudge_all(model, request);
    outcome.interrupted = ++calls == 3;
    outcome.epochs = outcome.interrupted ? 4 : 2;
    return outcome;
  });
  FakeEvaluator evaluator([](const OnnxModel&) { return 1; });
  PipelineTools tools;
  tools.tuner = &tuner;
  tools.evaluator = &evaluator;
  PipelineReport report;
  run_steps(small_net(), recipe.steps, tools, report);
  ASSERT_TRUE(report.interrupted);
  const auto metadata = provenance(recipe, report, "");
  EXPECT_EQ(metadata.at("ran"),
            "train: done\n"
            "prune: 2 of 3 steps, the last one interrupted in epoch 4 of 5\n"
            "share: nothing\n");
  EXPECT_THAT(metadata.at("recipe"),
              AllOf(HasSubstr("train"), HasSubstr("prune"), Not(HasSubstr("share"))));
}

TEST(Provenance, TellsOfGates) {
  Recipe recipe = recipe_of(
      {make_step("prune",
                 {{"rate", "0.8"}, {"steps", "4"}, {"schedule", "linear"}, {"max-drop", "45"}}),
       make_step("share", {{"bits", "2"}, {"max-drop", "1"}})});
  FakeEvaluator evaluator(dense_is_best);
  PipelineTools tools;
  tools.evaluator = &evaluator;
  PipelineReport report;
  run_steps(small_net(), recipe.steps, tools, report);
  EXPECT_EQ(provenance(recipe, report, "").at("ran"),
            "prune: 2 of 4 steps; what came next was beyond max-drop and taken back\n"
            "share: nothing; what came next was beyond max-drop and taken back\n");
}

}  // namespace
}  // namespace qc
