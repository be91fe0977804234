// Steps: their parameters, and how these grow over repetitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "engine/train_params.h"
#include "pipeline/step.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::make_step;
using test::message_of;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr std::array kSchedules = {"linear", "cubic", "constant"};

TEST(ScheduleFraction, FollowsItsFormula) {
  for (int n = 1; n <= 40; ++n) {
    for (int i = 1; i <= n; ++i) {
      const double done = static_cast<double>(i) / n;
      EXPECT_DOUBLE_EQ(schedule_fraction("linear", i, n), done);
      EXPECT_NEAR(schedule_fraction("cubic", i, n), 1 - std::pow(1 - done, 3), 1e-15);
      EXPECT_EQ(schedule_fraction("constant", i, n), 1);
    }
  }
}

TEST(ScheduleFraction, GrowsToExactlyOne) {
  for (const char* schedule : kSchedules) {
    for (int n = 1; n <= 300; ++n) {
      double before = 0;
      for (int i = 1; i <= n; ++i) {
        const double fraction = schedule_fraction(schedule, i, n);
        EXPECT_GE(fraction, before) << schedule << " " << i << " of " << n;
        before = fraction;
      }
      EXPECT_EQ(before, 1) << schedule << " " << n;
    }
  }
}

TEST(ScheduleFraction, CubicPrunesMostAtFirst) {
  EXPECT_GT(schedule_fraction("cubic", 1, 6), schedule_fraction("linear", 1, 6));
  double before = schedule_fraction("cubic", 1, 6);
  for (int i = 2; i <= 6; ++i) {
    const double gain = schedule_fraction("cubic", i, 6) - schedule_fraction("cubic", i - 1, 6);
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
  EXPECT_EQ(step.pass_params(1).integer("seed"), 7);
  EXPECT_EQ(step.train_options().seed, 7U);
  EXPECT_THAT(step.given(),
              ElementsAre(Pair("bits", ElementsAre("4")), Pair("seed", ElementsAre("7"))));
}

TEST(StepSet, TellsPassAndTrainingApart) {
  const Step step =
      make_step("prune", {{"rate", "0.5"}, {"epochs", "3"}, {"exclude", "a"}, {"exclude", "b"}});
  EXPECT_EQ(step.pass_params(1).number("rate"), 0.5);
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

TEST(Repetitions, ScaleWhatSaysHowMuchToPrune) {
  for (const char* schedule : kSchedules) {
    const Step step = make_step("prune", {{"rate", "0.9"},
                                          {"threshold", "0.02"},
                                          {"std-factor", "1.5"},
                                          {"layer", "conv1*=0.3"},
                                          {"layer", "a=b=0.61"},
                                          {"scope", "global"},
                                          {"exclude", "fc=0.5"},
                                          {"steps", "5"},
                                          {"schedule", schedule}});
    for (int i = 1; i <= 5; ++i) {
      const double fraction = schedule_fraction(schedule, i, 5);
      const Params params = step.pass_params(i);
      EXPECT_DOUBLE_EQ(params.number("rate").value(), fraction * 0.9);
      EXPECT_DOUBLE_EQ(params.number("threshold").value(), fraction * 0.02);
      EXPECT_DOUBLE_EQ(params.number("std-factor").value(), fraction * 1.5);
      const std::vector<std::string> layers = params.list("layer");
      ASSERT_EQ(layers.size(), 2U);
      EXPECT_EQ(layers[0].substr(0, 7), "conv1*=");
      EXPECT_DOUBLE_EQ(std::stod(layers[0].substr(7)), fraction * 0.3);
      EXPECT_EQ(layers[1].substr(0, 4), "a=b=");
      EXPECT_DOUBLE_EQ(std::stod(layers[1].substr(4)), fraction * 0.61);
      EXPECT_EQ(params.choice("scope"), "global");
      EXPECT_THAT(params.list("exclude"), ElementsAre("fc=0.5"));
    }
  }
}

TEST(Repetitions, EndAtExactlyWhatWasAsked) {
  for (const char* rate : {"0.9", "0.3", "0.123456789012345", "1e-07", "0.999999999999"}) {
    for (const char* schedule : kSchedules) {
      for (const int n : {2, 3, 7, 49}) {
        const std::string layer = std::string("fc=") + rate;
        const Step step = make_step("prune", {{"rate", rate},
                                              {"layer", layer},
                                              {"steps", std::to_string(n)},
                                              {"schedule", schedule}});
        const Params last = step.pass_params(n);
        EXPECT_EQ(last.number("rate").value(), std::stod(rate));
        EXPECT_EQ(std::stod(last.list("layer").front().substr(3)), std::stod(rate));
      }
    }
  }
}

TEST(Repetitions, OfOneTakeTheParametersAsTheyAre) {
  const Params params = make_step("prune", {{"layer", "fc=0.50"}}).pass_params(1);
  EXPECT_THAT(params.list("layer"), ElementsAre("fc=0.50"));
  EXPECT_FALSE(params.has("rate"));
}

// A rate that is too high only at the end would be found after all the fine-tuning before.
TEST(Repetitions, RefuseARateTooHighFromTheStart) {
  const Step step = make_step("prune", {{"layer", "fc=1.5"}, {"steps", "4"}});
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { static_cast<void>(step.pass_params(1)); }),
              AllOf(HasSubstr("layer"), HasSubstr("1.5")));
}

TEST(Repetitions, LeaveWhatIsNoRateToThePass) {
  const Step step = make_step("prune", {{"layer", "fc"}, {"steps", "4"}});
  EXPECT_THAT(step.pass_params(1).list("layer"), ElementsAre("fc"));
}

TEST(Step, HasNothingGivenAtFirst) {
  for (const StepKind& kind : step_kinds()) EXPECT_THAT(Step(kind).given(), IsEmpty());
}

}  // namespace
}  // namespace qc
