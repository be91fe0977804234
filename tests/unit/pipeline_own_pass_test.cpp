// A pass that only this file knows: its row says everything that steps and pipelines need.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "passes/outcome.h"
#include "passes/pass.h"
#include "passes/selection.h"
#include "pipeline/runner.h"
#include "pipeline/step.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::FakeEvaluator;
using test::FakeTuner;
using test::files_of;
using test::message_of;
using test::no_change;
using test::small_net;
using test::values_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::array kParams = {
    ParamSpec{.name = "by",
              .kind = ParamKind::kNumber,
              .placeholder = "F",
              .help = "what weights are multiplied by",
              .max = 1},
    bits_param("gradients", 8, "of gradients", "8"),
    kIncludeParam,
    kExcludeParam,
};

constexpr std::array kDefaults = {ParamDefault{.name = "epochs", .value = "3"},
                                  ParamDefault{.name = "optimizer", .value = "adam"}};

void check(const Params& params) {
  if (!params.has("by")) throw Error(ErrorCode::kUsage, "say how much to shrink: --by");
}

PassReport run(const OnnxModel& model, const Params& params, const PassContext& /*context*/,
               PayloadEdits& edits) {
  check(params);
  const auto factor = static_cast<float>(params.number("by").value());
  Selection selection(model, params, "shrink");
  std::vector<Outcome> outcomes;
  for (const std::size_t tensor : selection.chosen()) {
    const TensorInfo& info = model.tensors()[tensor];
    std::vector<float> values = load_floats(info.type, model.payload(info));
    for (float& value : values) value *= factor;
    Outcome& outcome = outcomes.emplace_back();
    outcome.tensor = tensor;
    outcome.payload.resize(info.size);
    store_floats(info.type, values, outcome.payload);
    outcome.report = measure(model, info, outcome.payload);
  }
  return collect(model, std::move(selection), std::move(outcomes), edits);
}

std::optional<OnnxModel> rewrite(const OnnxModel& /*model*/, const Params& params,
                                 const PassContext& /*context*/, PassReport& report) {
  check(params);
  report.notes.emplace_back("the graph stays as it is");
  return std::nullopt;
}

int gradient_bits(const Params& params) {
  return static_cast<int>(params.integer("gradients").value());
}

Params part_way(const OnnxModel& /*start*/, const Params& params, double fraction) {
  Params part = params;
  part.set("by", fmt::format("{}", 1 - (1 - params.number("by").value()) * fraction));
  return part;
}

constexpr Pass kShrink{
    .name = "shrink",
    .suffix = "shrunk",
    .help = "Make weights smaller.",
    .example = "qcompress shrink model.onnx --by 0.5",
    .params = kParams,
    .check = check,
    .run = run,
    .rewrite = rewrite,
    .fine_tuning = {.keep = Keep::kAuto, .defaults = kDefaults, .gradient_bits = gradient_bits},
    .growth = {.steps_help = "get there in N steps",
               .schedule_help = "how fast",
               .part_way = part_way},
};

Step make_step(const StepKind& kind,
               const std::vector<std::pair<std::string, std::string>>& values) {
  Step step(kind);
  for (const auto& [name, value] : values) step.set(name, value);
  return step;
}

std::vector<float> shrunk(std::vector<float> values, float factor) {
  for (float& value : values) value *= factor;
  return values;
}

TEST(OwnPass, IsApplied) {
  const OnnxModel model = small_net();
  Params params(kShrink.params);
  params.set("by", "0.5");
  params.set("exclude", "fc2*");
  const PassResult result = apply_pass(kShrink, model, params, {.threads = 1});
  EXPECT_THAT(result.report.changed, SizeIs(2));
  EXPECT_THAT(result.report.notes, ElementsAre("the graph stays as it is"));
  const OnnxModel changed = result.model(model);
  EXPECT_EQ(values_of(changed, "fc1.weight"), shrunk(values_of(model, "fc1.weight"), 0.5F));
  EXPECT_EQ(values_of(changed, "fc2.weight"), values_of(model, "fc2.weight"));
}

TEST(OwnPass, HasTheParametersOfItsRow) {
  const StepKind kind = step_kind(kShrink);
  EXPECT_EQ(kind.name, "shrink");
  EXPECT_FALSE(kind.from_scratch);
  ASSERT_TRUE(Step(kind).takes("steps"));
  ASSERT_TRUE(Step(kind).takes("schedule"));
  const Step step = make_step(kind, {{"by", "0.5"}, {"gradients", "4"}, {"lr", "0.25"}});
  EXPECT_TRUE(step.trains());
  EXPECT_EQ(step.keep(), Keep::kAuto);
  const TrainOptions options = step.train_options();
  EXPECT_EQ(options.epochs, 3);
  EXPECT_EQ(options.optimizer, Optimizer::kAdam);
  EXPECT_EQ(options.learning_rate, 0.25);
  EXPECT_EQ(options.gradient_bits, 4);
  const auto help_of = [&](std::string_view name) {
    const std::vector<ParamSpec> specs = step.specs();
    return std::ranges::find(specs, name, &ParamSpec::name)->help;
  };
  EXPECT_EQ(help_of("steps"), "get there in N steps");
  EXPECT_EQ(help_of("schedule"), "how fast");
  EXPECT_TRUE(step.takes("max-drop"));
}

TEST(OwnPass, IsCheckedWithoutAModel) {
  const StepKind kind = step_kind(kShrink);
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { Step(kind).check(); }), HasSubstr("--by"));
  make_step(kind, {{"by", "1"}}).check();
}

TEST(OwnPass, GrowsOverSteps) {
  const StepKind kind = step_kind(kShrink);
  const Step step = make_step(kind, {{"by", "0.5"}, {"steps", "2"}, {"schedule", "linear"}});
  ASSERT_EQ(step.repetitions(), 2);
  EXPECT_EQ(step.pass_params(1, small_net()).number("by"), 0.75);
  EXPECT_EQ(step.pass_params(2, small_net()).number("by"), 0.5);
}

TEST(OwnPass, WithoutGrowthHasOneStep) {
  Pass pass = kShrink;
  pass.growth = {};
  const StepKind kind = step_kind(pass);
  EXPECT_FALSE(Step(kind).takes("steps"));
  EXPECT_EQ(Step(kind).repetitions(), 1);
}

TEST(OwnPass, ThatIsExactDoesNotTrain) {
  Pass pass = kShrink;
  pass.exact = true;
  const StepKind kind = step_kind(pass);
  EXPECT_FALSE(Step(kind).trains());
  EXPECT_EQ(Step(kind).train_options().epochs, 0);
  EXPECT_EQ(Step(kind).keep(), Keep::kNothing);
}

TEST(OwnPass, RunsInAPipeline) {
  const OnnxModel model = small_net();
  FakeEvaluator evaluator([](const OnnxModel&) { return 1.0; });
  FakeTuner tuner(no_change);
  PipelineTools tools;
  tools.evaluator = &evaluator;
  tools.tuner = &tuner;
  const StepKind kind = step_kind(kShrink);
  const Step step =
      make_step(kind, {{"by", "0.5"}, {"steps", "2"}, {"schedule", "linear"}, {"batch", "7"}});
  PipelineReport report;
  const PipelineResult result = run_steps(model, {step}, tools, report);
  ASSERT_THAT(report.steps, SizeIs(2));
  EXPECT_EQ(step_label(report.steps[0]), "shrink 1/2");
  ASSERT_THAT(tuner.requests, SizeIs(2));
  for (const TuneRequest& request : tuner.requests) {
    EXPECT_EQ(request.options.epochs, 3);
    EXPECT_EQ(request.options.batch, 7U);
    EXPECT_EQ(request.options.gradient_bits, 8);
    EXPECT_THAT(request.constraints, IsEmpty());  // no zeros, and no two weights are equal
  }
  EXPECT_EQ(files_of(result.baseline), files_of(model));
  EXPECT_EQ(values_of(result.model, "fc3.weight"),
            shrunk(shrunk(values_of(model, "fc3.weight"), 0.75F), 0.5F));
}

}  // namespace
}  // namespace qc
