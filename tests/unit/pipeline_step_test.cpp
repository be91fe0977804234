// Steps: their parameters, and how these grow over repetitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "engine/train_params.h"
#include "model_builder.h"
#include "passes/kernels/magnitude.h"
#include "pipeline/step.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::make_step;
using test::message_of;
using test::ModelBuilder;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr std::array kSchedules = {std::pair("linear", GrowthSchedule::kLinear),
                                   std::pair("cubic", GrowthSchedule::kCubic),
                                   std::pair("constant", GrowthSchedule::kConstant)};

TEST(ScheduleFraction, FollowsItsFormula) {
  for (int n = 1; n <= 40; ++n) {
    for (int i = 1; i <= n; ++i) {
      const double done = static_cast<double>(i) / n;
      EXPECT_DOUBLE_EQ(schedule_fraction(GrowthSchedule::kLinear, i, n), done);
      EXPECT_NEAR(schedule_fraction(GrowthSchedule::kCubic, i, n), 1 - std::pow(1 - done, 3),
                  1e-15);
      EXPECT_EQ(schedule_fraction(GrowthSchedule::kConstant, i, n), 1);
    }
  }
}

TEST(ScheduleFraction, GrowsToExactlyOne) {
  for (const auto& [name, schedule] : kSchedules) {
    for (int n = 1; n <= 300; ++n) {
      double before = 0;
      for (int i = 1; i <= n; ++i) {
        const double fraction = schedule_fraction(schedule, i, n);
        EXPECT_GE(fraction, before) << name << " " << i << " of " << n;
        before = fraction;
      }
      EXPECT_EQ(before, 1) << name << " " << n;
    }
  }
}

TEST(ScheduleFraction, CubicPrunesMostAtFirst) {
  EXPECT_GT(schedule_fraction(GrowthSchedule::kCubic, 1, 6),
            schedule_fraction(GrowthSchedule::kLinear, 1, 6));
  double before = schedule_fraction(GrowthSchedule::kCubic, 1, 6);
  for (int i = 2; i <= 6; ++i) {
    const double gain = schedule_fraction(GrowthSchedule::kCubic, i, 6) -
                        schedule_fraction(GrowthSchedule::kCubic, i - 1, 6);
    EXPECT_LT(gain, before);
    before = gain;
  }
}

TEST(StepKinds, AreThePassesAndTheTrainings) {
  std::set<std::string_view> names;
  for (const StepKind& kind : step_kinds()) {
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    EXPECT_EQ(&find_step_kind(kind.name), &kind);
  }
  EXPECT_THAT(names, ElementsAre("binarize", "dorefa", "finetune", "prune", "share", "ternarize",
                                 "tidy", "train"));
  EXPECT_THAT(message_of(ErrorCode::kUsage, [] { find_step_kind("quantise"); }),
              AllOf(HasSubstr("quantise"),
                    HasSubstr("prune, share, ternarize, binarize, dorefa, tidy, finetune, train")));
}

TEST(StepKinds, HaveHelpForEveryParameterAndEveryDefaultIsAllowed) {
  for (const StepKind& kind : step_kinds()) {
    std::set<std::string_view> names;
    for (const ParamSpec& spec : Step(kind).specs()) {
      EXPECT_TRUE(names.insert(spec.name).second) << kind.name << " " << spec.name;
      EXPECT_FALSE(spec.help.empty()) << kind.name << " " << spec.name;
      if (spec.default_text.empty()) continue;
      Step step(kind);
      EXPECT_NO_THROW(step.set(spec.name, std::string(spec.default_text)));
    }
    for (const ParamSpec& spec : train_params()) {
      EXPECT_EQ(Step(kind).takes(spec.name), Step(kind).trains()) << kind.name << " " << spec.name;
    }
    EXPECT_TRUE(Step(kind).takes("max-drop")) << kind.name;
  }
}

TEST(StepKinds, DoNotTrainWhereNothingChanges) {
  EXPECT_FALSE(make_step("tidy").trains());
  EXPECT_EQ(make_step("tidy").train_options().epochs, 0);
  EXPECT_TRUE(make_step("prune").trains());
  EXPECT_TRUE(make_step("finetune").trains());
}

TEST(StepKinds, HaveTheirOwnDefaults) {
  EXPECT_EQ(make_step("prune").train_options().epochs, 5);
  EXPECT_EQ(make_step("train").train_options().epochs, 20);
  EXPECT_EQ(make_step("share").train_options().optimizer, Optimizer::kAdam);
  EXPECT_EQ(make_step("share").train_options().weight_decay, 0);
  EXPECT_EQ(make_step("finetune").train_options().optimizer, Optimizer::kSgd);
}

TEST(StepKinds, KeepWhatTheyMade) {
  EXPECT_EQ(make_step("prune").keep(), Keep::kZeros);
  EXPECT_EQ(make_step("share").keep(), Keep::kShared);
  EXPECT_EQ(make_step("train").keep(), Keep::kNothing);
  EXPECT_EQ(make_step("finetune").keep(), Keep::kAuto);
  EXPECT_EQ(make_step("finetune", {{"keep", "nothing"}}).keep(), Keep::kNothing);
  EXPECT_EQ(make_step("finetune", {{"keep", "zeros"}}).keep(), Keep::kZeros);
  EXPECT_EQ(make_step("finetune", {{"keep", "shared"}}).keep(), Keep::kShared);
  EXPECT_EQ(make_step("finetune", {{"keep", "auto"}}).keep(), Keep::kAuto);
}

TEST(StepSet, GivesASharedNameToThePassAndTheTraining) {
  const Step step = make_step("share", {{"bits", "4"}, {"seed", "7"}});
  EXPECT_EQ(step.pass_params().integer("seed"), 7);
  EXPECT_EQ(step.train_options().seed, 7U);
  EXPECT_THAT(step.given(),
              ElementsAre(Pair("bits", ElementsAre("4")), Pair("seed", ElementsAre("7"))));
}

TEST(StepSet, TellsPassAndTrainingApart) {
  const Step step =
      make_step("prune", {{"rate", "0.5"}, {"epochs", "3"}, {"exclude", "a"}, {"exclude", "b"}});
  EXPECT_EQ(step.pass_params().number("rate"), 0.5);
  EXPECT_EQ(step.train_options().epochs, 3);
  EXPECT_TRUE(step.was_given("rate"));
  EXPECT_TRUE(step.was_given("epochs"));
  EXPECT_FALSE(step.was_given("lr"));
  EXPECT_THAT(step.given(), Contains(Pair("exclude", ElementsAre("a", "b"))));
}

TEST(StepSet, NamesWhatThereIs) {
  EXPECT_THAT(
      message_of(ErrorCode::kUsage,
                 [] {
                   make_step("prune", {{"bits", "4"}});
                 }),
      AllOf(HasSubstr("prune has no parameter bits"), HasSubstr("rate"), HasSubstr("epochs")));
  EXPECT_THAT(message_of(ErrorCode::kUsage,
                         [] {
                           make_step("train", {{"keep", "zeros"}});
                         }),
              HasSubstr("train has no parameter keep"));
}

TEST(StepSet, RefusesWhatIsOutOfRange) {
  using Values = std::vector<std::pair<std::string, std::string>>;
  for (const auto& [name, value] : Values{{"rate", "1"},
                                          {"rate", "-0.1"},
                                          {"epochs", "-1"},
                                          {"epochs", "1.5"},
                                          {"lr", "0"},
                                          {"lr", "nan"},
                                          {"momentum", "1"},
                                          {"steps", "0"},
                                          {"schedule", "square"},
                                          {"max-drop", "101"},
                                          {"flip", "yes"},
                                          {"validation", "1"}}) {
    Step step(find_step_kind("prune"));
    EXPECT_THAT(message_of(ErrorCode::kUsage, [&, n = name, v = value] { step.set(n, v); }),
                HasSubstr(name))
        << value;
  }
}

TEST(Repetitions, AreOneWithoutSteps) {
  EXPECT_EQ(make_step("prune").repetitions(), 1);
  EXPECT_EQ(make_step("prune", {{"steps", "6"}}).repetitions(), 6);
  for (const char* kind : {"share", "train", "finetune"}) {
    EXPECT_EQ(make_step(kind).repetitions(), 1) << kind;
  }
}

// Weights whose first `zeros` are pruned, the others 1, 2, 3, ... tenths.
std::vector<float> weights_with(std::size_t zeros, std::size_t count = 100) {
  std::vector<float> values(count);
  for (std::size_t i = zeros; i < count; ++i) values[i] = 0.1F * static_cast<float>(i - zeros + 1);
  return values;
}

// conv1 is dense, fc half pruned.
OnnxModel half_pruned() {
  ModelBuilder builder;
  builder.add_gemm("conv1", {10, 10}, weights_with(0)).add_gemm("fc", {10, 10}, weights_with(50));
  return builder.open();
}

std::map<std::string, double> layer_rates(const Params& params) {
  std::map<std::string, double> rates;
  for (const std::string& text : params.list("layer")) {
    const std::size_t equals = text.rfind('=');
    rates[text.substr(0, equals)] = std::stod(text.substr(equals + 1));
  }
  return rates;
}

TEST(Repetitions, GrowFromTheSparsityOfEachLayer) {
  const OnnxModel model = half_pruned();
  for (const auto& [name, schedule] : kSchedules) {
    const Step step = make_step(
        "prune", {{"rate", "0.9"}, {"layer", "conv1*=0.3"}, {"steps", "5"}, {"schedule", name}});
    for (int i = 1; i < 5; ++i) {
      const double fraction = schedule_fraction(schedule, i, 5);
      if (fraction == 1) continue;
      const Params params = step.pass_params(i, model);
      const auto rates = layer_rates(params);
      ASSERT_EQ(rates.size(), 2U);
      EXPECT_DOUBLE_EQ(rates.at("conv1.weight"), fraction * 0.3);
      EXPECT_DOUBLE_EQ(rates.at("fc.weight"), 0.5 + fraction * (0.9 - 0.5));
      EXPECT_FALSE(params.has("rate"));
    }
  }
}

TEST(Repetitions, KeepTheSelection) {
  const Step step = make_step("prune", {{"rate", "0.9"}, {"exclude", "conv1*"}, {"steps", "2"}});
  const Params params = step.pass_params(1, half_pruned());
  EXPECT_THAT(params.list("exclude"), ElementsAre("conv1*"));
  EXPECT_EQ(layer_rates(params).size(), 1U);
}

TEST(Repetitions, StayWhereMoreIsPrunedThanAskedFor) {
  const Step step = make_step("prune", {{"rate", "0.4"}, {"steps", "2"}, {"schedule", "linear"}});
  const auto rates = layer_rates(step.pass_params(1, half_pruned()));
  EXPECT_DOUBLE_EQ(rates.at("conv1.weight"), 0.2);
  EXPECT_DOUBLE_EQ(rates.at("fc.weight"), 0.4);
}

TEST(Repetitions, OfAGlobalRateGrowFromTheSparsityOfAll) {
  const Step step = make_step(
      "prune", {{"rate", "0.75"}, {"scope", "global"}, {"steps", "2"}, {"schedule", "linear"}});
  const Params params = step.pass_params(1, half_pruned());
  EXPECT_DOUBLE_EQ(params.number("rate").value(), 0.5);  // 50 of 200 weights are pruned
  EXPECT_EQ(params.choice("scope"), "global");
  EXPECT_THAT(params.list("layer"), IsEmpty());
}

TEST(Repetitions, OfAThresholdGrowFromTheLeastMagnitudeThatIsLeft) {
  const auto first_of = [](const char* name, const char* value, const OnnxModel& model) {
    const Step step = make_step("prune", {{name, value}, {"steps", "2"}, {"schedule", "linear"}});
    return step.pass_params(1, model).number(name).value();
  };
  ModelBuilder builder;
  builder.add_gemm("fc", {10, 10}, weights_with(50));
  EXPECT_NEAR(first_of("threshold", "0.5", builder.open()), 0.3, 1e-6);  // between 0.1 and 0.5
  EXPECT_DOUBLE_EQ(first_of("threshold", "0.5", half_pruned()), 0.25);   // conv1 has no zeros
  const double deviation = standard_deviation(weights_with(50));
  EXPECT_NEAR(first_of("std-factor", "1", builder.open()), (0.1 / deviation + 1) / 2, 1e-6);
}

TEST(Repetitions, EndAtExactlyWhatWasAsked) {
  const OnnxModel model = half_pruned();
  for (const char* rate : {"0.9", "0.3", "0.123456789012345", "1e-07", "0.999999999999"}) {
    for (const auto& [schedule, value] : kSchedules) {
      for (const int n : {2, 3, 7, 49}) {
        const std::string layer = std::string("fc=") + rate;
        const Step step = make_step("prune", {{"rate", rate},
                                              {"layer", layer},
                                              {"steps", std::to_string(n)},
                                              {"schedule", schedule}});
        const Params last = step.pass_params(n, model);
        EXPECT_EQ(last.number("rate").value(), std::stod(rate));
        EXPECT_THAT(last.list("layer"), ElementsAre(layer));
      }
    }
  }
}

TEST(Repetitions, OfOneTakeTheParametersAsTheyAre) {
  const Params params = make_step("prune", {{"layer", "fc=0.50"}}).pass_params(1, half_pruned());
  EXPECT_THAT(params.list("layer"), ElementsAre("fc=0.50"));
  EXPECT_FALSE(params.has("rate"));
}

TEST(Step, HasNothingGivenAtFirst) {
  for (const StepKind& kind : step_kinds()) EXPECT_THAT(Step(kind).given(), IsEmpty());
}

}  // namespace
}  // namespace qc
