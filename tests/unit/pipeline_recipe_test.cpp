// Recipes: what they mean, that written ones read back, and where mistakes are.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "harness.h"
#include "passes/params.h"
#include "pipeline/pack_params.h"
#include "pipeline/recipe.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::make_step;
using test::message_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

Recipe parse(std::string_view text) { return parse_recipe(text, "r.toml"); }

std::string refused(std::string_view text) {
  return message_of(ErrorCode::kUsage, [&] { parse(text); });
}

using Given = std::vector<std::pair<std::string, std::vector<std::string>>>;

// Everything that a step was given, numbers by their value.
Given given(const Step& step) {
  Given all = step.given();
  const std::vector<ParamSpec> specs = step.specs();
  for (auto& [name, values] : all) {
    const auto& spec = *std::ranges::find(specs, name, &ParamSpec::name);
    if (spec.kind != ParamKind::kNumber && spec.kind != ParamKind::kInteger) continue;
    values = {fmt::format("{}", parse_number(spec, values.back()))};
  }
  return all;
}

// A value that differs from the default.
std::vector<std::string> some_values(const ParamSpec& spec, SplitMix64& random) {
  switch (spec.kind) {
    case ParamKind::kFlag:
      return {random.uniform() < 0.5 ? "true" : "false"};
    case ParamKind::kChoice:
      return {std::string(spec.choices[static_cast<std::size_t>(
          random.uniform() * static_cast<double>(spec.choices.size()))])};
    case ParamKind::kInteger: {
      const double top = std::isinf(spec.max) ? 1000 : spec.max;
      return {fmt::format("{}", static_cast<std::int64_t>(
                                    spec.min + std::floor(random.uniform() * (top - spec.min))))};
    }
    case ParamKind::kNumber: {
      const double top = std::isinf(spec.max) ? 1e-6 : spec.max;
      return {fmt::format("{}", spec.min + (top - spec.min) * (0.001 + 0.9 * random.uniform()))};
    }
    case ParamKind::kList:
      return {"conv1*=0.7", R"(it's "quoted" \[a] = [b])", "", "line\nbreak\ttab", "\n'''\"\"\"\n",
              "größe"};
  }
  return {};
}

// True when the step has what it needs for any model; it is given that where something is missing.
bool complete(Step& step) {
  const auto possible = [&] {
    try {
      step.check();
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"rate", "0.5"}, {"bits", "4"}, {"activations", "sign"}}) {
    if (possible()) return true;
    if (step.takes(name) && !step.was_given(name)) step.set(name, value);
  }
  return possible();
}

TEST(Recipe, ReadsEverything) {
  const Recipe recipe = parse(R"(
name = "Deep Compression"
seed = 7
validation = 0.2

[[step]]
do = "prune"
rate = 0.9
layer = ["conv1*=0.3", "fc=0.5"]
steps = 3
epochs = 2

[[step]]
do = "share"
bits = 5
include = "fc*"

[pack]
huffman = true
layout = "csr"
)");
  EXPECT_EQ(recipe.name, "Deep Compression");
  EXPECT_EQ(recipe.seed, 7U);
  EXPECT_EQ(recipe.validation, 0.2);
  ASSERT_THAT(recipe.steps, SizeIs(2));
  EXPECT_EQ(recipe.steps[0].kind().name, "prune");
  EXPECT_EQ(recipe.steps[0].repetitions(), 3);
  EXPECT_THAT(recipe.steps[0].pass_params().list("layer"), ElementsAre("conv1*=0.3", "fc=0.5"));
  EXPECT_EQ(recipe.steps[0].train_options().epochs, 2);
  EXPECT_EQ(recipe.steps[1].pass_params().integer("bits"), 5);
  EXPECT_THAT(recipe.steps[1].pass_params().list("include"), ElementsAre("fc*"));
  EXPECT_TRUE(recipe.pack.flag("huffman"));
  EXPECT_EQ(recipe.pack.choice("layout"), "csr");
}

TEST(Recipe, HasDefaults) {
  const Recipe recipe = parse("[[step]]\ndo = \"train\"\n");
  EXPECT_EQ(recipe.name, "");
  EXPECT_EQ(recipe.seed, 0U);
  EXPECT_EQ(recipe.validation, 0.1);
  EXPECT_THAT(recipe.pack.list("layout"), IsEmpty());
}

TEST(Recipe, SeedHoldsForEveryStepThatHasNoneOfItsOwn) {
  Recipe recipe = parse(R"(
seed = 11
[[step]]
do = "train"
[[step]]
do = "share"
bits = 4
init = "random"
[[step]]
do = "finetune"
seed = 3
)");
  EXPECT_EQ(recipe.steps[0].train_options().seed, 11U);
  EXPECT_EQ(recipe.steps[1].train_options().seed, 11U);
  EXPECT_EQ(recipe.steps[1].pass_params().integer("seed"), 11);
  EXPECT_EQ(recipe.steps[2].train_options().seed, 3U);
  recipe.set_seed(5);
  EXPECT_EQ(recipe.seed, 5U);
  for (const Step& step : recipe.steps) EXPECT_EQ(step.train_options().seed, 5U);
  EXPECT_EQ(recipe.steps[1].pass_params().integer("seed"), 5);
}

TEST(Recipe, SeedMayStandAfterTheSteps) {
  // Tables of TOML have no order, but [[step]] swallows keys that come after it.
  EXPECT_EQ(parse("[[step]]\ndo = \"train\"\nseed = 4\n").seed, 0U);
  EXPECT_EQ(parse("seed = 4294967295\n[[step]]\ndo = \"train\"\n").steps[0].train_options().seed,
            4294967295U);
}

TEST(Recipe, DefaultsHoldForTheStepsThatHaveTheParameter) {
  const Recipe recipe = parse(R"(
[defaults]
batch = 128
bits = 4
exclude = ["fc3*", "fc4*"]
lr = 0.5
[[step]]
do = "prune"
rate = 0.5
lr = 0.25
exclude = ["conv*"]
[[step]]
do = "share"
[[step]]
do = "train"
)");
  EXPECT_EQ(recipe.steps[0].train_options().batch, 128U);
  EXPECT_EQ(recipe.steps[0].train_options().learning_rate, 0.25);
  EXPECT_THAT(recipe.steps[0].pass_params().list("exclude"), ElementsAre("conv*"));
  EXPECT_EQ(recipe.steps[1].pass_params().integer("bits"), 4);
  EXPECT_EQ(recipe.steps[1].train_options().learning_rate, 0.5);
  EXPECT_THAT(recipe.steps[1].pass_params().list("exclude"), ElementsAre("fc3*", "fc4*"));
  EXPECT_EQ(recipe.steps[2].train_options().batch, 128U);
  EXPECT_FALSE(recipe.steps[2].takes("bits"));
}

TEST(Recipe, DefaultSeedWinsOverTheOneOfTheRecipe) {
  const Recipe recipe = parse("seed = 1\n[defaults]\nseed = 2\n[[step]]\ndo = \"train\"\n");
  EXPECT_EQ(recipe.steps[0].train_options().seed, 2U);
}

// Every parameter of every kind of step, one at a time and all together.
TEST(RecipeText, ReadsBackTheSame) {
  SplitMix64 random(1);
  for (const StepKind& kind : step_kinds()) {
    const std::vector<ParamSpec> specs = Step(kind).specs();
    for (int round = 0; round < 20; ++round) {
      std::vector<Step> steps;
      Step all(kind);
      for (const ParamSpec& spec : specs) {
        if (spec.name == "validation") continue;  // of the recipe
        Step one(kind);
        Step more = all;
        for (const std::string& value : some_values(spec, random)) {
          one.set(spec.name, value);
          more.set(spec.name, value);
        }
        if (complete(one)) steps.push_back(one);
        if (complete(more)) all = more;
      }
      ASSERT_GT(2 * steps.size(), specs.size());
      steps.push_back(all);
      Recipe recipe;
      recipe.name = "a \"name\"\nwith \\ all";
      recipe.seed = 17;
      recipe.validation = random.uniform() * 0.99;
      for (Step& step : steps) {
        if (step.takes("seed") && !step.was_given("seed")) step.set("seed", "17");
      }
      recipe.steps = steps;
      for (const ParamSpec& spec : pack_params()) {
        recipe.pack.set(spec.name, some_values(spec, random).back());
      }

      for (const bool defaults : {false, true}) {
        const std::string text = recipe_text(recipe, defaults);
        SCOPED_TRACE(text);
        const Recipe back = parse(text);
        EXPECT_EQ(back.name, recipe.name);
        EXPECT_EQ(back.seed, recipe.seed);
        EXPECT_EQ(back.validation, recipe.validation);
        ASSERT_EQ(back.steps.size(), steps.size());
        for (std::size_t i = 0; i < steps.size(); ++i) {
          EXPECT_EQ(back.steps[i].kind().name, kind.name);
          if (!defaults) {
            EXPECT_EQ(given(back.steps[i]), given(steps[i]));
          }
          // What was given and what holds by default come to the same.
          for (const ParamSpec& spec : specs) {
            if (spec.name == "validation" || !steps[i].was_given(spec.name)) continue;
            EXPECT_TRUE(back.steps[i].was_given(spec.name)) << spec.name;
          }
          const TrainOptions before = steps[i].train_options();
          const TrainOptions after = back.steps[i].train_options();
          EXPECT_EQ(after.epochs, before.epochs);
          EXPECT_EQ(after.batch, before.batch);
          EXPECT_EQ(after.samples, before.samples);
          EXPECT_EQ(after.optimizer, before.optimizer);
          EXPECT_EQ(after.learning_rate, before.learning_rate);
          EXPECT_EQ(after.momentum, before.momentum);
          EXPECT_EQ(after.weight_decay, before.weight_decay);
          EXPECT_EQ(after.schedule, before.schedule);
          EXPECT_EQ(after.seed, before.seed);
          EXPECT_EQ(after.flip, before.flip);
          EXPECT_EQ(back.steps[i].keep(), steps[i].keep());
          EXPECT_EQ(back.steps[i].repetitions(), steps[i].repetitions());
        }
        for (const ParamSpec& spec : pack_params()) {
          EXPECT_EQ(back.pack.list(spec.name), recipe.pack.list(spec.name)) << spec.name;
        }
        EXPECT_EQ(recipe_text(back, defaults), text);
      }
    }
  }
}

TEST(RecipeText, WithDefaultsNamesEveryParameterThatHasOne) {
  for (const StepKind& kind : step_kinds()) {
    Recipe recipe;
    recipe.steps.emplace_back(kind);
    const std::string text = fmt::format("\n{}", recipe_text(recipe, /*defaults=*/true));
    for (const ParamSpec& spec : Step(kind).specs()) {
      if (spec.default_text.empty()) continue;
      EXPECT_THAT(text, HasSubstr(fmt::format("\n{} = ", spec.name)));
    }
    EXPECT_THAT(recipe_text(recipe, /*defaults=*/false), Not(HasSubstr("epochs")));
  }
}

TEST(RecipeText, NumbersThatTomlDoesNotKnowAreWrittenSoThatItDoes) {
  Recipe recipe;
  recipe.steps.push_back(make_step("prune", {{"rate", ".5"},
                                             {"epochs", "007"},
                                             {"lr", "1e-3"},
                                             {"weight-decay", "1."},
                                             {"momentum", "-0"}}));
  const Recipe back = parse(recipe_text(recipe, /*defaults=*/false));
  EXPECT_EQ(back.steps[0].pass_params().number("rate"), 0.5);
  EXPECT_EQ(back.steps[0].train_options().epochs, 7);
  EXPECT_EQ(back.steps[0].train_options().learning_rate, 0.001);
  EXPECT_EQ(back.steps[0].train_options().weight_decay, 1);
}

TEST(RecipeText, DefaultsOfTheRecipeAreSpeltOut) {
  const Recipe recipe =
      parse("[defaults]\nbatch = 99\n[[step]]\ndo = \"train\"\n[[step]]\ndo = \"finetune\"\n");
  const std::string text = recipe_text(recipe, /*defaults=*/false);
  EXPECT_THAT(text, Not(HasSubstr("[defaults]")));
  EXPECT_EQ(parse(text).steps[1].train_options().batch, 99U);
}

struct Mistake {
  std::string_view name;
  std::string_view text;
  std::string_view where;  // line:column
  std::vector<std::string> words;
};

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreFoundAtTheirPlace) {
  const std::string message = refused(GetParam().text);
  EXPECT_THAT(message, StartsWith(fmt::format("r.toml:{}: ", GetParam().where)));
  for (const std::string& word : GetParam().words) EXPECT_THAT(message, HasSubstr(word));
  EXPECT_EQ(message.find("r.toml"), message.rfind("r.toml")) << message;
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Mistakes,
    testing::Values(
        Mistake{"BadToml", "seed = = 1\n", "1:8", {}},
        Mistake{"OpenText", "seed = 1\nname = \"x\n", "2:10", {}},
        Mistake{"RepeatedKey", "seed = 1\nseed = 2\n", "2:8", {}},
        Mistake{"Empty", "", "1:1", {"no [[step]]"}},
        Mistake{"NoStep", "seed = 1\n", "1:1", {"no [[step]]"}},
        Mistake{"UnknownKey",
                "seed = 1\nsede = 2\n[[step]]\ndo = \"train\"\n",
                "2:8",
                {"'sede'", "did you mean seed?"}},
        Mistake{"KeyOfSteps",
                "max-drop = 0.5\n[[step]]\ndo = \"train\"\n",
                "1:12",
                {"'max-drop'", "[[step]]", "[defaults]"}},
        Mistake{
            "AlmostAStep", "[[step]]\ndo = \"prun\"\n", "2:6", {"'prun'", "did you mean prune?"}},
        Mistake{"AlmostAParameter",
                "[[step]]\ndo = \"prune\"\nrates = 0.5\n",
                "3:9",
                {"prune has no parameter rates", "did you mean rate?"}},
        Mistake{"NumberInQuotes",
                "[[step]]\ndo = \"prune\"\nrate = \"0.9\"\n",
                "3:8",
                {"rate is a number", "without quotes", "'0.9'"}},
        Mistake{"FlagInQuotes",
                "[[step]]\ndo = \"train\"\nflip = \"true\"\n",
                "3:8",
                {"flip is true or false", "without quotes"}},
        Mistake{"PackFlagInQuotes",
                "[[step]]\ndo = \"train\"\n[pack]\nhuffman = \"true\"\n",
                "4:11",
                {"huffman is true or false"}},
        Mistake{"DefaultInQuotes",
                "[defaults]\nepochs = \"3\"\n[[step]]\ndo = \"train\"\n",
                "2:10",
                {"epochs is a number"}},
        Mistake{"ShareWithoutBits",
                "[[step]]\ndo = \"train\"\n[[step]]\ndo = \"share\"\n",
                "3:1",
                {"share: ", "--bits"}},
        Mistake{"PruneWithoutRate", "[[step]]\ndo = \"prune\"\n", "1:1", {"prune: ", "--rate"}},
        Mistake{"BinarizeWithTwoScales",
                "[[step]]\ndo = \"binarize\"\nxnor = true\nscale = \"none\"\n",
                "1:1",
                {"binarize: ", "--xnor", "--scale channel"}},
        Mistake{"UnknownTable", "[[step]]\ndo = \"train\"\n[oops]\nx = 1\n", "3:1", {"'oops'"}},
        Mistake{"StepIsNoList", "[step]\ndo = \"train\"\n", "1:1", {"'step'", "[[step]]"}},
        Mistake{"EmptySteps", "step = []\n", "1:8", {"'step'"}},
        Mistake{"DefaultsIsNoTable",
                "defaults = 3\n[[step]]\ndo = \"train\"\n",
                "1:12",
                {"[defaults]"}},
        Mistake{"PackIsNoTable", "pack = true\n[[step]]\ndo = \"train\"\n", "1:8", {"[pack]"}},
        Mistake{"MissingDo", "seed = 1\n\n[[step]]\nrate = 0.5\n", "3:1", {"do = \"prune\""}},
        Mistake{"DoIsNoText", "[[step]]\ndo = 5\n", "1:1", {"do = \"prune\""}},
        Mistake{"UnknownStep",
                "[[step]]\ndo = \"quantise\"\n",
                "2:6",
                {"'quantise'", "prune, share, ternarize, binarize, dorefa, tidy, finetune, train"}},
        Mistake{"UnknownParameter",
                "[[step]]\ndo = \"prune\"\nbits = 5\n",
                "3:8",
                {"prune has no parameter bits", "rate"}},
        Mistake{"UnknownEmptyList",
                "[[step]]\ndo = \"prune\"\nbits = []\n",
                "3:8",
                {"prune has no parameter bits"}},
        Mistake{"WrongType", "[[step]]\ndo = \"prune\"\nrate = true\n", "3:8", {"rate", "true"}},
        Mistake{"WrongKindOfNumber",
                "[[step]]\ndo = \"prune\"\nepochs = 1.5\n",
                "3:10",
                {"epochs", "1.5"}},
        Mistake{"TextForANumber",
                "[[step]]\ndo = \"prune\"\nrate = \"lots\"\n",
                "3:8",
                {"rate", "lots"}},
        Mistake{"NumberForAFlag",
                "[[step]]\ndo = \"prune\"\nflip = 1\n",
                "3:8",
                {"flip", "true or false"}},
        Mistake{"ListForANumber",
                "[[step]]\ndo = \"prune\"\nrate = [0.5, 0.6]\n",
                "3:8",
                {"rate takes one value"}},
        Mistake{
            "TableForANumber", "[[step]]\ndo = \"prune\"\nrate = {x = 1}\n", "3:8", {"a number"}},
        Mistake{
            "DateForANumber", "[[step]]\ndo = \"prune\"\nrate = 1979-05-27\n", "3:8", {"a number"}},
        Mistake{"ListInAList",
                "[[step]]\ndo = \"prune\"\nlayer = [\"a=0.5\", [\"b=0.5\"]]\n",
                "3:19",
                {"a text"}},
        Mistake{"NotANumber", "[[step]]\ndo = \"prune\"\nrate = nan\n", "3:8", {"rate"}},
        Mistake{"OutOfRange", "[[step]]\ndo = \"prune\"\nrate = 1.0\n", "3:8", {"rate", "[0, 1)"}},
        Mistake{"UnknownChoice",
                "[[step]]\ndo = \"prune\"\nschedule = \"square\"\n",
                "3:12",
                {"square", "linear, cubic, constant"}},
        Mistake{"SeedOutOfRange",
                "seed = 4294967296\n[[step]]\ndo = \"train\"\n",
                "1:8",
                {"seed", "4294967295"}},
        Mistake{"SeedNegative", "seed = -1\n[[step]]\ndo = \"train\"\n", "1:8", {"seed"}},
        Mistake{"SeedNoWholeNumber", "seed = 1.5\n[[step]]\ndo = \"train\"\n", "1:8", {"seed"}},
        Mistake{"ValidationOutOfRange",
                "validation = 1\n[[step]]\ndo = \"train\"\n",
                "1:14",
                {"validation", "0.99"}},
        Mistake{"ValidationIsText",
                "validation = \"0.1\"\n[[step]]\ndo = \"train\"\n",
                "1:14",
                {"validation"}},
        Mistake{"ValidationOfOneStep",
                "[[step]]\ndo = \"train\"\nvalidation = 0.2\n",
                "3:14",
                {"top of the recipe"}},
        Mistake{"ValidationAmongDefaults",
                "[defaults]\nvalidation = 0.2\n[[step]]\ndo = \"train\"\n",
                "2:14",
                {"top of the recipe"}},
        Mistake{"UnknownDefault",
                "[defaults]\nbtach = 1\n[[step]]\ndo = \"train\"\n",
                "2:9",
                {"btach", "did you mean batch?"}},
        Mistake{"UnusedDefault",
                "[defaults]\nbits = 4\n[[step]]\ndo = \"prune\"\nrate = 0.5\n",
                "2:8",
                {"bits"}},
        Mistake{"DefaultOutOfRange",
                "[defaults]\nepochs = -1\n[[step]]\ndo = \"train\"\n",
                "2:10",
                {"epochs"}},
        Mistake{"UnknownPack",
                "[[step]]\ndo = \"train\"\n[pack]\nhufman = true\n",
                "4:10",
                {"hufman", "did you mean --huffman?"}},
        Mistake{"PackOutOfRange",
                "[[step]]\ndo = \"train\"\n[pack]\ngap-bits = 9\n",
                "4:12",
                {"gap-bits"}}),
    [](const auto& mistake) { return std::string(mistake.param.name); });

TEST(ReadRecipe, ReadsAFileAndNamesIt) {
  const harness::TempDir folder;
  harness::write_file(folder / "a.toml", "[[step]]\ndo = \"train\"\nlr = 0\n");
  const std::string path = (folder / "a.toml").string();
  EXPECT_THAT(message_of(ErrorCode::kUsage, [&] { read_recipe(path); }),
              StartsWith(path + ":3:6: "));
  EXPECT_THAT(message_of(ErrorCode::kFile, [&] { read_recipe(folder / "none.toml"); }),
              HasSubstr("none.toml"));
}

TEST(ReadRecipe, DeepNestingIsRefused) {
  std::string keys = "a";
  for (int i = 0; i < 50000; ++i) keys += ".a";
  const std::string text = "name = " + std::string(50000, '[');
  for (const std::string& deep : {keys + " = 1", "[" + keys + "]", text}) {
    EXPECT_THAT(refused(deep), StartsWith("r.toml:1: "));
  }
}

TEST(ReadRecipe, BytesThatAreNoTextAreRefused) {
  EXPECT_THAT(refused(std::string_view("\xff\xfe\0\0", 4)), StartsWith("r.toml:1:"));
}

}  // namespace
}  // namespace qc
