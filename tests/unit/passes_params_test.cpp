#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <clocale>
#include <limits>

#include "core/error.h"
#include "passes/glob.h"
#include "passes/params.h"

namespace qc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Shape { kRound, kSquare };
constexpr auto kShapes =
    make_choices<Shape>({{"round", Shape::kRound}, {"square", Shape::kSquare}});
constexpr std::array kSpecs = {
    ParamSpec{.name = "rate",
              .kind = ParamKind::kNumber,
              .placeholder = "RATE",
              .help = "a fraction",
              .max = 1,
              .max_exclusive = true},
    ParamSpec{.name = "factor",
              .kind = ParamKind::kNumber,
              .placeholder = "F",
              .help = "a factor",
              .max = std::numeric_limits<double>::infinity(),
              .min_exclusive = true},
    ParamSpec{.name = "bits",
              .kind = ParamKind::kInteger,
              .placeholder = "BITS",
              .help = "bits",
              .min = 1,
              .max = 16},
    ParamSpec{.name = "shape",
              .kind = ParamKind::kChoice,
              .placeholder = "SHAPE",
              .help = "a shape",
              .choices = kShapes.names(),
              .default_text = "round"},
    ParamSpec{
        .name = "name", .kind = ParamKind::kList, .placeholder = "NAME", .help = "some names"},
};

// The message of the usage error that setting a parameter gives; empty when it is accepted.
std::string refusal(std::string_view name, const std::string& text) {
  Params params(kSpecs);
  try {
    params.set(name, text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(Params, GivesValuesAndDefaults) {
  Params params(kSpecs);
  EXPECT_FALSE(params.has("rate"));
  EXPECT_EQ(params.number("rate"), std::nullopt);
  EXPECT_FALSE(params.has("shape"));
  EXPECT_EQ(params.choice("shape"), "round");
  EXPECT_EQ(params.choice("shape", kShapes), Shape::kRound);
  EXPECT_THAT(params.list("name"), IsEmpty());

  params.set("rate", "0.25");
  params.set("bits", "16");
  params.set("shape", "square");
  params.set("name", "a");
  params.set("name", "b");
  EXPECT_EQ(params.number("rate"), 0.25);
  EXPECT_EQ(params.integer("bits"), 16);
  EXPECT_TRUE(params.has("shape"));
  EXPECT_EQ(params.choice("shape"), "square");
  EXPECT_EQ(params.choice("shape", kShapes), Shape::kSquare);
  EXPECT_THAT(params.list("name"), ElementsAre("a", "b"));
}

TEST(Choices, NameValues) {
  EXPECT_THAT(kShapes.names(), ElementsAre("round", "square"));
  EXPECT_EQ(kShapes.find("square"), Shape::kSquare);
  EXPECT_EQ(kShapes.find("squar"), std::nullopt);
  EXPECT_EQ(kShapes.find(""), std::nullopt);
  EXPECT_EQ(kShapes.name_of(Shape::kRound), "round");
  constexpr auto kTwice = make_choices<int>({{"percent", 1}, {"%", 1}, {"fraction", 2}});
  EXPECT_EQ(kTwice.find("%"), 1);
  EXPECT_EQ(kTwice.name_of(1), "percent");
  EXPECT_EQ(kTwice.name_of(3), "");
}

TEST(Params, HaveNoChoiceWithoutADefault) {
  constexpr std::array kOptional = {ParamSpec{.name = "shape",
                                              .kind = ParamKind::kChoice,
                                              .placeholder = "SHAPE",
                                              .help = "a shape",
                                              .choices = kShapes.names()}};
  Params params(kOptional);
  EXPECT_EQ(params.choice("shape", kShapes), std::nullopt);
  params.set("shape", "round");
  EXPECT_EQ(params.choice("shape", kShapes), Shape::kRound);
}

TEST(Params, TheLastValueCounts) {
  Params params(kSpecs);
  params.set("bits", "3");
  params.set("bits", "4");
  EXPECT_EQ(params.integer("bits"), 4);
}

TEST(Params, SaysWhatIsAllowed) {
  EXPECT_EQ(refusal("rate", "1.2"), "--rate: 1.2 is outside [0, 1)");
  EXPECT_EQ(refusal("rate", "1"), "--rate: 1 is outside [0, 1)");
  EXPECT_EQ(refusal("rate", "-0.5"), "--rate: -0.5 is outside [0, 1)");
  EXPECT_EQ(refusal("bits", "17"), "--bits: 17 is outside [1, 16]");
  EXPECT_EQ(refusal("bits", "0"), "--bits: 0 is outside [1, 16]");
  EXPECT_EQ(refusal("factor", "0"), "--factor: must be above 0, not 0");
  EXPECT_EQ(refusal("shape", "oval"), "--shape: 'oval' is not one of round, square");
  EXPECT_EQ(refusal("colour", "red"),
            "there is no parameter --colour; there are --rate, --factor, --bits, --shape, --name");
}

TEST(Params, TakesOnlyWholeFiniteNumbers) {
  for (const char* text : {"", " ", "abc", "0.5x", "0,5", " 0.5", "nan", "inf", "1e999", "0x1"}) {
    EXPECT_NE(refusal("rate", text), "") << text;
    EXPECT_NE(refusal("factor", text), "") << text;
  }
  for (const char* text : {"", "4.0", "4.5", "1e1", "99999999999999999999", "nan"}) {
    EXPECT_NE(refusal("bits", text), "") << text;
  }
  EXPECT_EQ(refusal("factor", "nan"), "--factor: 'nan' is not a finite number");
  EXPECT_EQ(refusal("bits", "4.5"), "--bits: '4.5' is not a whole number");
  EXPECT_EQ(refusal("rate", "0"), "");
  EXPECT_EQ(refusal("rate", "9e-1"), "");
}

TEST(Params, IgnoresTheLocale) {
  const std::string before = std::setlocale(LC_NUMERIC, nullptr);
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"}) {
    std::setlocale(LC_NUMERIC, name);
    EXPECT_EQ(refusal("rate", "0.5"), "");
    EXPECT_NE(refusal("rate", "0,5"), "");
  }
  std::setlocale(LC_NUMERIC, before.c_str());
}

TEST(Glob, MatchesWholeNames) {
  EXPECT_TRUE(glob_matches("conv1.weight", "conv1.weight"));
  EXPECT_FALSE(glob_matches("conv1", "conv1.weight"));
  EXPECT_TRUE(glob_matches("conv?.*", "conv1.weight"));
  EXPECT_TRUE(glob_matches("*weight", "model/layers/0/weight"));
  EXPECT_TRUE(glob_matches("conv[12].weight", "conv2.weight"));
  EXPECT_FALSE(glob_matches("conv[12].weight", "conv3.weight"));
}

TEST(Glob, MatchesNamesWithBracketsLiterally) {
  EXPECT_TRUE(glob_matches("w[0]", "w[0]"));
  EXPECT_TRUE(glob_matches("w[0]", "w0"));
}

TEST(Glob, DistanceGivesStarsAndQuestionMarksForFree) {
  EXPECT_EQ(glob_distance("conv1.weight", "conv1.weight"), 0U);
  EXPECT_EQ(glob_distance("con1.weight", "conv1.weight"), 1U);
  EXPECT_EQ(glob_distance("con1*", "conv1.weight"), 1U);
  EXPECT_EQ(glob_distance("*weight", "conv1.weight"), 0U);
  EXPECT_EQ(glob_distance("conv?.weight", "conv7.weight"), 0U);
  EXPECT_EQ(glob_distance("", "abc"), 3U);
  EXPECT_EQ(glob_distance("abc", ""), 3U);
}

TEST(Glob, SuggestsTheNearestFirst) {
  const std::vector<std::string> names = {"fc.weight", "conv2.weight", "conv1.weight"};
  EXPECT_THAT(nearest_names("conv1.wieght", names, 3), ElementsAre("conv1.weight", "conv2.weight"));
  EXPECT_THAT(nearest_names("conv1.wieght", names, 1), ElementsAre("conv1.weight"));
  EXPECT_THAT(nearest_names("embedding", names, 3), IsEmpty());
}

TEST(NearNames, OnlyTheNearestAreSuggested) {
  const std::vector<std::string> names = {"run", "prune", "pack", "share"};
  EXPECT_EQ(did_you_mean("prun", names, "there are"), "; did you mean run or prune?");
  EXPECT_EQ(did_you_mean("packk", names, "there are"), "; did you mean pack?");
  EXPECT_EQ(did_you_mean("quantise", names, "there are"), "; there are run, prune, pack, share");
}

}  // namespace
}  // namespace qc
