// What training keeps: found in a model, and repaired in what training made of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <bit>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/random.h"
#include "model_builder.h"
#include "pipeline/constraints.h"
#include "pipeline_fakes.h"

namespace qc {
namespace {

using test::bell_values;
using test::encode;
using test::index_of;
using test::ModelBuilder;
using test::values_of;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Floats = std::vector<float>;

OnnxModel one_layer(const Floats& weights, DataType type = DataType::kFloat) {
  ModelBuilder builder;
  builder.add_gemm("fc", {static_cast<std::int64_t>(weights.size()), 1}, weights, type);
  return builder.open();
}

// 0, 0.5, -0.5, 0, 0.5, 0.25
const Floats kPruned = {0, 0.5F, -0.5F, 0, 0.5F, 0.25F};

TEST(FindConstraints, NothingHasNone) {
  EXPECT_THAT(find_constraints(one_layer(kPruned), Keep::kNothing), IsEmpty());
}

TEST(FindConstraints, ZerosHaveOneGroupForAllOthers) {
  const OnnxModel model = one_layer(kPruned);
  const auto found = find_constraints(model, Keep::kZeros);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].tensor, index_of(model, "fc.weight"));
  EXPECT_FALSE(found[0].shared);
  EXPECT_THAT(found[0].groups, ElementsAre(0, 1, 1, 0, 1, 1));
}

TEST(FindConstraints, NegativeZeroIsAZero) {
  const auto found = find_constraints(one_layer({-0.0F, 1, 2, 3}), Keep::kZeros);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].groups, ElementsAre(0, 1, 1, 1));
}

TEST(FindConstraints, SharedNumbersTheValuesInOrderOfAppearance) {
  const auto found = find_constraints(one_layer(kPruned), Keep::kShared);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_TRUE(found[0].shared);
  EXPECT_THAT(found[0].groups, ElementsAre(0, 1, 2, 0, 1, 3));
}

TEST(FindConstraints, AutoSharesWhereValuesRepeat) {
  // Two values for four weights is the limit.
  EXPECT_TRUE(find_constraints(one_layer({1, 2, 1, 2}), Keep::kAuto).at(0).shared);
  EXPECT_THAT(find_constraints(one_layer({1, 2, 3, 2}), Keep::kAuto), IsEmpty());
  // Zeros do not count as shared weights.
  const auto pruned = find_constraints(one_layer({0, 0, 0, 0, 1, 2, 3}), Keep::kAuto);
  ASSERT_THAT(pruned, SizeIs(1));
  EXPECT_FALSE(pruned[0].shared);
  EXPECT_THAT(pruned[0].groups, ElementsAre(0, 0, 0, 0, 1, 1, 1));
}

TEST(FindConstraints, TensorsWithNothingToKeepHaveNone) {
  const OnnxModel model = one_layer({1, 2, 3, 4, 5});
  for (const Keep keep : {Keep::kZeros, Keep::kShared, Keep::kAuto}) {
    EXPECT_THAT(find_constraints(model, keep), IsEmpty());
  }
}

TEST(FindConstraints, SharedKeepsTheZerosOfWhatIsNotShared) {
  const auto found = find_constraints(one_layer({0, 1, 2, 3}), Keep::kShared);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_FALSE(found[0].shared);
  EXPECT_THAT(found[0].groups, ElementsAre(0, 1, 1, 1));
}

TEST(FindConstraints, OnlyWeightsCount) {
  ModelBuilder builder;
  builder.add_conv("conv", {2, 1, 1, 1}, Floats{0, 1}).add_batch_norm("bn", 2);
  const OnnxModel model = builder.open();
  const auto found = find_constraints(model, Keep::kZeros);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(model.tensors()[found[0].tensor].name, "conv.weight");
}

TEST(FindConstraints, EveryWeightTensorHasItsOwn) {
  ModelBuilder builder;
  builder.add_conv("conv", {2, 1, 1, 2}, Floats{0, 1, 2, 3})
      .add_gemm("fc", {2, 2}, Floats{4, 4, 0, 4});
  const auto found = find_constraints(builder.open(), Keep::kAuto);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_FALSE(found[0].shared);
  EXPECT_TRUE(found[1].shared);
}

TEST(Enforce, RevivedWeightsBecomeZeroAgain) {
  const OnnxModel model = one_layer(kPruned);
  const std::size_t tensor = index_of(model, "fc.weight");
  const auto constraints = find_constraints(model, Keep::kZeros);
  PayloadEdits edits;
  edits[tensor] = encode(DataType::kFloat, Floats{0.1F, 0.6F, -0.4F, 0, 0.7F, 0.2F});
  const auto violations = enforce(model, constraints, edits);
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].tensor, "fc.weight");
  EXPECT_EQ(violations[0].revived, 1U);
  EXPECT_EQ(violations[0].split, 0U);
  EXPECT_THAT(values_of(model.edited(edits), "fc.weight"),
              ElementsAre(0, 0.6F, -0.4F, 0, 0.7F, 0.2F));
}

TEST(Enforce, SplitWeightsBecomeTheirMean) {
  const OnnxModel model = one_layer(kPruned);
  const std::size_t tensor = index_of(model, "fc.weight");
  const auto constraints = find_constraints(model, Keep::kShared);
  PayloadEdits edits;
  edits[tensor] = encode(DataType::kFloat, Floats{2, 0.25F, -1, 3, 0.75F, 9});
  const auto violations = enforce(model, constraints, edits);
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].revived, 2U);
  EXPECT_EQ(violations[0].split, 1U);
  EXPECT_THAT(values_of(model.edited(edits), "fc.weight"), ElementsAre(0, 0.5F, -1, 0, 0.5F, 9));
}

// Steps of a third are no float16: what was rounded to one has its form still.
TEST(Enforce, FormsStayAsTheyAreStored) {
  for (const DataType type : {DataType::kFloat, DataType::kFloat16, DataType::kBfloat16}) {
    for (const int bits : {1, 2, 4}) {
      ModelBuilder builder;
      builder.add_gemm("fc", {8, 8}, bell_values(64, 3, 0.4F), type);
      const OnnxModel model = builder.open();
      const std::size_t tensor = index_of(model, "fc.weight");
      const auto constraints =
          form_constraints(model, {{tensor, {.kind = FormKind::kDorefa, .bits = bits}}});
      PayloadEdits once;
      enforce(model, constraints, once);
      PayloadEdits twice = once;
      enforce(model, constraints, twice);
      EXPECT_EQ(twice, once) << bits << " bits of " << data_type_name(type);
    }
  }
}

TEST(Enforce, WhatKeepsTheConstraintStaysAsItIs) {
  const OnnxModel model = one_layer(kPruned);
  const std::size_t tensor = index_of(model, "fc.weight");
  const Bytes tuned = encode(DataType::kFloat, Floats{0, 0.1F, -0.7F, 0, 0.1F, 3});
  for (const Keep keep : {Keep::kZeros, Keep::kShared}) {
    PayloadEdits edits{{tensor, tuned}};
    EXPECT_THAT(enforce(model, find_constraints(model, keep), edits), IsEmpty());
    EXPECT_EQ(edits[tensor], tuned);
  }
}

TEST(Enforce, TensorsThatDidNotChangeAreLeftOut) {
  const OnnxModel model = one_layer(kPruned);
  PayloadEdits edits;
  EXPECT_THAT(enforce(model, find_constraints(model, Keep::kZeros), edits), IsEmpty());
  EXPECT_THAT(edits, IsEmpty());
}

// A mask that multiplies a negative weight with 0 leaves -0, whose bits are not those of a zero.
TEST(Enforce, ZerosHaveNoSign) {
  const OnnxModel model = one_layer(kPruned);
  const std::size_t tensor = index_of(model, "fc.weight");
  for (const Keep keep : {Keep::kZeros, Keep::kShared}) {
    PayloadEdits edits;
    edits[tensor] = encode(DataType::kFloat, Floats{-0.0F, 1, 2, -0.0F, 1, 3});
    EXPECT_THAT(enforce(model, find_constraints(model, keep), edits), IsEmpty());
    EXPECT_EQ(edits[tensor], encode(DataType::kFloat, Floats{0, 1, 2, 0, 1, 3}));
  }
}

TEST(Enforce, AnEmptyTensorHasNothingToKeep) {
  ModelBuilder builder;
  builder.add_gemm("fc", {0, 1}, Floats{});
  const OnnxModel model = builder.open();
  const std::size_t tensor = index_of(model, "fc.weight");
  PayloadEdits edits{{tensor, Bytes{}}};
  EXPECT_THAT(enforce(model, {Constraint{tensor, {}, true}}, edits), IsEmpty());
  EXPECT_THAT(enforce(model, find_constraints(model, Keep::kAuto), edits), IsEmpty());
}

// Fine-tuning that changes every weight at random: afterwards the structure is the old one, in
// every float type and exactly.
class EnforceTypes : public testing::TestWithParam<DataType> {};

TEST_P(EnforceTypes, AnyChangeIsRepairedExactly) {
  constexpr std::size_t kCount = 500;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SplitMix64 random(seed);
    Floats before(kCount);
    for (float& value : before) {
      // A third are zero, the others share eight values.
      const double draw = random.uniform();
      value = draw < 0.34 ? 0 : std::floor(static_cast<float>(draw) * 12) * 0.25F - 2.125F;
    }
    const OnnxModel model = one_layer(before, GetParam());
    const Floats stored = values_of(model, "fc.weight");
    const std::size_t tensor = index_of(model, "fc.weight");
    for (const Keep keep : {Keep::kZeros, Keep::kShared}) {
      Floats tuned = stored;
      for (float& value : tuned) value += static_cast<float>(random.uniform() - 0.5);
      PayloadEdits edits{{tensor, encode(GetParam(), tuned)}};
      const auto violations = enforce(model, find_constraints(model, keep), edits);
      const Floats after = values_of(model.edited(edits), "fc.weight");

      std::map<float, std::set<float>> values;  // after, by the value before
      std::size_t zeros = 0;
      for (std::size_t i = 0; i < kCount; ++i) {
        values[stored[i]].insert(after[i]);
        if (stored[i] == 0) ++zeros;
      }
      EXPECT_THAT(values[0], ElementsAre(0));
      ASSERT_THAT(violations, SizeIs(1));
      EXPECT_EQ(violations[0].revived, zeros);
      if (keep == Keep::kZeros) {
        EXPECT_EQ(violations[0].split, 0U);
        continue;
      }
      for (const auto& [value, found] : values) EXPECT_THAT(found, SizeIs(1)) << value;
      EXPECT_GT(violations[0].split, 0U);
      // The same again finds nothing left to repair.
      EXPECT_THAT(enforce(model, find_constraints(model, keep), edits), IsEmpty());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Floats, EnforceTypes,
                         testing::Values(DataType::kFloat, DataType::kFloat16, DataType::kBfloat16,
                                         DataType::kDouble),
                         [](const auto& type) { return std::string(data_type_name(type.param)); });

}  // namespace
}  // namespace qc
