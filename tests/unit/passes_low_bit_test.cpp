// ternarize, binarize and dorefa on whole models: which layers, which values, which nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"
#include "core/float_types.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "model_builder.h"
#include "model_files.h"
#include "model_values.h"
#include "passes/pass.h"

namespace qc {
namespace {

using test::bell_values;
using test::ModelBuilder;
using test::values_of;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

using Flags = std::vector<std::pair<std::string, std::string>>;

struct Converted {
  OnnxModel model;
  PassReport report;
};

Converted convert(const Pass& pass, const OnnxModel& model, const Flags& flags,
                  unsigned threads = 2) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  PassResult result = apply_pass(pass, model, params, {.threads = threads});
  return {result.model(model), std::move(result.report)};
}

std::string error_of(const Pass& pass, const OnnxModel& model, const Flags& flags,
                     ErrorCode code = ErrorCode::kUsage) {
  try {
    convert(pass, model, flags);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

std::set<float> magnitudes_of(const OnnxModel& model, const std::string& name) {
  std::set<float> magnitudes;
  for (const float value : values_of(model, name)) magnitudes.insert(std::fabs(value));
  return magnitudes;
}

std::vector<std::string> changed_names(const PassReport& report) {
  std::vector<std::string> names;
  for (const TensorReport& tensor : report.changed) names.push_back(tensor.name);
  return names;
}

std::vector<std::string> ops_of(const OnnxModel& model) {
  std::vector<std::string> ops;
  for (const Node& node : model.graph()->main.nodes) {
    if (node.op != "Constant") ops.push_back(node.op);
  }
  return ops;
}

// conv1 - norm - Relu - conv2 - norm - Relu - MaxPool - conv3, the weights in another order than
// the layers.
class LowBit : public testing::Test {
 protected:
  LowBit() {
    builder_.add_conv("z_conv1", {4, 1, 3, 3}, bell_values(36, 1))
        .add_batch_norm("bn1", 4)
        .add_node("Relu", {})
        .add_conv("conv2", {8, 4, 3, 3}, bell_values(288, 2, 0.1F))
        .add_batch_norm("bn2", 8)
        .add_node("Relu", {})
        .add_node("Identity", {})
        .add_conv("a_conv3", {5, 8, 1, 1}, bell_values(40, 3));
  }

  onnx::ModelProto& proto() { return builder_.proto(); }
  OnnxModel model() const { return builder_.open(); }

 private:
  ModelBuilder builder_;
};

TEST_F(LowBit, TernaryWeightsHaveOneMagnitudePerLayer) {
  const Converted converted = convert(kTernarizePass, model(), {});
  for (const char* name : {"z_conv1.weight", "conv2.weight", "a_conv3.weight"}) {
    const std::set<float> magnitudes = magnitudes_of(converted.model, name);
    EXPECT_EQ(magnitudes.size(), 2U) << name;
    EXPECT_EQ(*magnitudes.begin(), 0) << name;
  }
  EXPECT_EQ(values_of(converted.model, "conv2.bias"), values_of(model(), "conv2.bias"));
}

TEST_F(LowBit, FiveLevelsHaveTwoMagnitudesPerChannel) {
  const Converted converted =
      convert(kTernarizePass, model(), {{"levels", "5"}, {"scale", "channel"}});
  const std::vector<float> values = values_of(converted.model, "conv2.weight");
  for (std::size_t channel = 0; channel < 8; ++channel) {
    std::set<float> magnitudes;
    for (std::size_t i = 36 * channel; i < 36 * (channel + 1); ++i) {
      magnitudes.insert(std::fabs(values[i]));
    }
    ASSERT_EQ(magnitudes.size(), 3U);
    EXPECT_EQ(*std::next(magnitudes.begin(), 2), 2 * *std::next(magnitudes.begin()));
  }
}

TEST_F(LowBit, LayersAreKeptByTheirOrderInTheGraph) {
  EXPECT_THAT(changed_names(convert(kBinarizePass, model(), {{"keep", "first"}}).report),
              UnorderedElementsAre("conv2.weight", "a_conv3.weight"));
  EXPECT_THAT(changed_names(convert(kBinarizePass, model(), {{"keep", "last"}}).report),
              UnorderedElementsAre("z_conv1.weight", "conv2.weight"));
  const PassReport report = convert(kDorefaPass, model(), {}).report;
  EXPECT_THAT(changed_names(report), ElementsAre("conv2.weight"));
  EXPECT_THAT(report.skipped,
              AllOf(Contains(testing::Field(&SkippedTensor::reason, "the first layer, by --keep")),
                    Contains(testing::Field(&SkippedTensor::reason, "the last layer, by --keep"))));
}

TEST_F(LowBit, KeepingEverythingIsAMistake) {
  EXPECT_THAT(error_of(kDorefaPass, model(), {{"include", "conv2*"}}),
              AllOf(HasSubstr("--keep first,last leaves nothing"), HasSubstr("--keep none")));
}

TEST_F(LowBit, ContradictionsAreMistakes) {
  EXPECT_THAT(error_of(kTernarizePass, model(), {{"levels", "5"}, {"threshold", "0.7"}}),
              HasSubstr("--levels 5"));
  EXPECT_THAT(error_of(kBinarizePass, model(), {{"xnor", "true"}, {"scale", "layer"}}),
              HasSubstr("--xnor"));
  EXPECT_THAT(error_of(kBinarizePass, model(), {{"xnor", "true"}, {"activations", "float"}}),
              HasSubstr("--xnor"));
  EXPECT_THAT(error_of(kBinarizePass, model(), {{"abits", "2"}}), HasSubstr("--activations sign"));
}

TEST_F(LowBit, StochasticSignsComeFromTheSeed) {
  const Flags flags = {{"stochastic", "true"}, {"seed", "3"}};
  const auto weights = [&](const Flags& given, unsigned threads) {
    return values_of(convert(kBinarizePass, model(), given, threads).model, "conv2.weight");
  };
  EXPECT_EQ(weights(flags, 1), weights(flags, 2));
  EXPECT_NE(weights(flags, 1), weights({{"stochastic", "true"}, {"seed", "4"}}, 1));
}

// Zeros become one sign or the other by what is drawn alone.
TEST_F(LowBit, TensorsDrawNumbersOfTheirOwn) {
  constexpr std::size_t kSize = 4000;
  const std::vector<float> zeros(kSize, 0.0F);
  ModelBuilder builder;
  for (const char* name : {"a", "b", "c"}) builder.add_conv(name, {10, 100, 2, 2}, zeros);
  const OnnxModel model = convert(kBinarizePass, builder.open(),
                                  {{"stochastic", "true"}, {"scale", "none"}, {"keep", "none"}})
                              .model;
  const auto a = values_of(model, "a.weight");
  const auto b = values_of(model, "b.weight");
  const auto c = values_of(model, "c.weight");
  ASSERT_EQ(a.size(), kSize);
  const auto equal_signs = [](std::span<const float> one, std::span<const float> other) {
    std::size_t equal = 0;
    for (std::size_t i = 0; i < other.size(); ++i) equal += one[i] == other[i] ? 1 : 0;
    return static_cast<double>(equal) / static_cast<double>(other.size());
  };
  for (std::size_t shift = 0; shift < 64; ++shift) {
    for (const auto& [one, other] : {std::pair(a, b), std::pair(b, c), std::pair(a, c)}) {
      EXPECT_NEAR(equal_signs(one, std::span(other).subspan(shift)), 0.5, 0.05) << shift;
      EXPECT_NEAR(equal_signs(other, std::span(one).subspan(shift)), 0.5, 0.05) << shift;
    }
  }
}

TEST_F(LowBit, WeightsThatAreNotFiniteAreLeftAlone) {
  auto weights = bell_values(36, 1);
  weights[7] = std::numeric_limits<float>::quiet_NaN();
  ModelBuilder builder;
  builder.add_conv("conv1", {4, 1, 3, 3}, weights)
      .add_conv("conv2", {8, 4, 3, 3}, bell_values(288, 2));
  const OnnxModel model = builder.open();
  for (const Pass* pass : {&kTernarizePass, &kBinarizePass, &kDorefaPass}) {
    const Flags flags = {{"keep", "none"}};
    EXPECT_THAT(changed_names(convert(*pass, model, flags).report), ElementsAre("conv2.weight"));
    Params params(pass->params);
    params.set("keep", "none");
    EXPECT_EQ(pass->forms(model, params).size(), 1U);
  }
}

TEST_F(LowBit, IntegerModelsAreRefused) {
  ModelBuilder builder;
  builder.add_initializer("w", DataType::kInt8, {4, 4}, Bytes(16, 1)).add_node("MatMul", {"w"});
  for (const Pass* pass : {&kTernarizePass, &kBinarizePass, &kDorefaPass}) {
    error_of(*pass, builder.open(), {}, ErrorCode::kUnsupported);
  }
}

TEST_F(LowBit, SignsTakeThePlaceOfRectifiers) {
  const Converted converted = convert(kBinarizePass, model(), {{"activations", "sign"}});
  EXPECT_THAT(ops_of(converted.model),
              ElementsAre("Conv", "BatchNormalization", "Clip", "Sign", "Add", "Sign", "Conv",
                          "BatchNormalization", "Identity", "Clip", "Sign", "Add", "Sign", "Conv"));
  EXPECT_THAT(converted.report.notes,
              ElementsAre(HasSubstr("reads the network's input"),
                          AllOf(HasSubstr("taken out"), HasSubstr("Relu"))));
}

TEST_F(LowBit, UnitsKeepRectifiers) {
  const Converted converted = convert(kDorefaPass, model(), {{"abits", "3"}, {"keep", "first"}});
  EXPECT_THAT(
      ops_of(converted.model),
      ElementsAre("Conv", "BatchNormalization", "Relu", "Clip", "Mul", "Round", "Div", "Conv",
                  "BatchNormalization", "Relu", "Identity", "Clip", "Mul", "Round", "Div", "Conv"));
  EXPECT_THAT(ops_of(convert(kDorefaPass, model(), {{"abits", "1"}}).model),
              ElementsAre("Conv", "BatchNormalization", "Relu", "Clip", "Round", "Conv",
                          "BatchNormalization", "Relu", "Identity", "Conv"));
  EXPECT_EQ(ops_of(convert(kDorefaPass, model(), {}).model), ops_of(model()));
}

TEST_F(LowBit, QuantisingTwiceAddsNothing) {
  for (const Flags& flags :
       {Flags{{"activations", "sign"}}, Flags{{"activations", "sign"}, {"abits", "2"}}}) {
    const Converted once = convert(kBinarizePass, model(), flags);
    const Converted twice = convert(kBinarizePass, once.model, flags);
    EXPECT_EQ(ops_of(twice.model), ops_of(once.model));
    EXPECT_THAT(twice.report.notes, Contains(HasSubstr("quantised already")));
  }
}

TEST_F(LowBit, XnorScalesWhatLayersGive) {
  const Converted converted = convert(kBinarizePass, model(), {{"xnor", "true"}});
  EXPECT_THAT(ops_of(converted.model),
              ElementsAre("Conv", "BatchNormalization", "Clip", "Sign", "Add", "Sign", "Abs",
                          "ReduceMean", "AveragePool", "Conv", "Mul", "Reshape", "Add",
                          "BatchNormalization", "Relu", "Identity", "Conv"));
  EXPECT_THAT(changed_names(converted.report), ElementsAre("conv2.weight"));
}

TEST_F(LowBit, OtherOrdersOfBlocksAreReported) {
  ModelBuilder builder;
  builder.add_conv("conv1", {4, 1, 3, 3}, bell_values(36, 1))
      .add_batch_norm("bn1", 4)
      .add_node("Sigmoid", {})
      .add_conv("conv2", {4, 4, 3, 3}, bell_values(144, 1))
      .add_conv("conv3", {4, 4, 3, 3}, bell_values(144, 1));
  const Converted converted = convert(kBinarizePass, builder.open(), {{"activations", "sign"}});
  EXPECT_THAT(converted.report.notes,
              UnorderedElementsAre(HasSubstr("reads the network's input"),
                                   AllOf(HasSubstr("Sigmoid"), HasSubstr("never negative")),
                                   AllOf(HasSubstr("BatchNormalization - activation - layer"),
                                         HasSubstr("(Conv)"))));
}

TEST_F(LowBit, UnscaledWeightsWithoutANormAreNamed) {
  const auto notes = [&](const Pass& pass, const Flags& flags) {
    return convert(pass, model(), flags).report.notes;
  };
  const auto only_the_last =
      Contains(AllOf(HasSubstr("no BatchNormalization behind"), HasSubstr(": a_conv3.weight")));
  EXPECT_THAT(notes(kBinarizePass, {{"scale", "none"}}), only_the_last);
  EXPECT_THAT(notes(kDorefaPass, {{"wbits", "2"}, {"keep", "none"}}), only_the_last);
  EXPECT_THAT(notes(kBinarizePass, {}), testing::IsEmpty());
  EXPECT_THAT(notes(kDorefaPass, {{"wbits", "2"}}), testing::IsEmpty());
}

TEST_F(LowBit, OpsetsWithoutTheOperatorsAreRefused) {
  proto().mutable_opset_import(0)->set_version(6);
  EXPECT_THAT(error_of(kBinarizePass, model(), {{"activations", "sign"}}, ErrorCode::kUnsupported),
              AllOf(HasSubstr("opset 7"), HasSubstr("opset 6")));
  proto().mutable_opset_import(0)->set_version(7);
  EXPECT_THAT(ops_of(convert(kDorefaPass, model(), {{"abits", "2"}}).model), Contains("Floor"));
}

TEST_F(LowBit, EverythingElseOfTheModelIsKept) {
  proto().set_producer_name("someone");
  auto& metadata = *proto().add_metadata_props();
  metadata.set_key("key");
  metadata.set_value("value");
  proto().mutable_unknown_fields()->AddLengthDelimited(1000, "unknown");
  proto().mutable_graph()->mutable_unknown_fields()->AddVarint(1001, 7);
  const OnnxModel converted = convert(kBinarizePass, model(), {{"activations", "sign"}}).model;
  const onnx::ModelProto after = test::parse(converted);
  EXPECT_EQ(after.producer_name(), "someone");
  EXPECT_EQ(after.metadata_props(0).value(), "value");
  EXPECT_EQ(after.unknown_fields().field_count(), 1);
  EXPECT_EQ(after.graph().unknown_fields().field_count(), 1);
  EXPECT_EQ(after.graph().initializer_size(), proto().graph().initializer_size());
  EXPECT_EQ(after.graph().output_size(), 1);
}

// What pack may take for a weight, beside some bytes of head and a float for every scale.
TEST(LowBitPacking, TakesTheBitsOfTheForm) {
  struct Bound {
    const Pass* pass;
    Flags flags;
    double bits;
  };
  const std::vector<Bound> bounds = {
      {&kTernarizePass, {}, 1.6},
      {&kTernarizePass, {{"scale", "channel"}}, 1.6},
      {&kTernarizePass, {{"levels", "5"}}, 2.67},
      {&kBinarizePass, {}, 1},
      {&kBinarizePass, {{"scale", "layer"}}, 1},
      {&kBinarizePass, {{"scale", "none"}}, 1},
      {&kDorefaPass, {{"keep", "none"}}, 1},
      {&kDorefaPass, {{"keep", "none"}, {"wbits", "2"}}, 2},
      {&kDorefaPass, {{"keep", "none"}, {"wbits", "4"}}, 4},
  };
  constexpr std::size_t kChannels = 64;
  constexpr std::size_t kCount = kChannels * 32 * 9;
  ModelBuilder builder;
  builder.add_conv("conv", {kChannels, 32, 3, 3}, bell_values(kCount, 5));
  const std::size_t rest = [&] {
    ModelBuilder empty;
    empty.add_conv("conv", {kChannels, 0, 3, 3}, {});
    MemorySink sink;
    pack_model(empty.open(), {}, sink);
    return sink.take().size();
  }();
  for (const Bound& bound : bounds) {
    const OnnxModel converted = convert(*bound.pass, builder.open(), bound.flags).model;
    MemorySink sink;
    pack_model(converted, {}, sink);
    const Bytes container = sink.take();
    const bool by_channel = bound.pass == &kBinarizePass
                                ? bound.flags.empty()
                                : !bound.flags.empty() && bound.flags[0].first == "scale";
    constexpr double kHead = 100;  // of the unit, the slot and the index
    const double allowed =
        static_cast<double>(kCount) * bound.bits / 8 + (by_channel ? 4.0 * kChannels : 64) + kHead;
    EXPECT_LE(static_cast<double>(container.size() - rest), allowed)
        << form_text(bound.pass
                         ->forms(builder.open(),
                                 [&] {
                                   Params params(bound.pass->params);
                                   for (const auto& [name, value] : bound.flags)
                                     params.set(name, value);
                                   return params;
                                 }())
                         .front()
                         .form);
    const auto files = QcReader::from_bytes(container).decode_to_memory(1);
    EXPECT_TRUE(files.front().second == converted.files().front().bytes.joined());
  }
}

}  // namespace
}  // namespace qc
