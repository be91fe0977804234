// The passes on whole models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/float_types.h"
#include "model_builder.h"
#include "passes/pass.h"

namespace qc {
namespace {

using test::bell_values;
using test::ModelBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Flags = std::vector<std::pair<std::string, std::string>>;

struct Result {
  PassReport report;
  PayloadEdits edits;
};

Result run(const Pass& pass, const OnnxModel& model, const Flags& flags, unsigned threads = 2) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  Result result;
  result.report = pass.run(model, params, {.threads = threads}, result.edits);
  return result;
}

// The message of the error a run ends with, which must have this code.
std::string error_of(const Pass& pass, const OnnxModel& model, const Flags& flags,
                     ErrorCode code = ErrorCode::kUsage) {
  try {
    run(pass, model, flags);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

std::size_t index_of(const OnnxModel& model, const std::string& name) {
  const auto found = std::ranges::find(model.tensors(), name, &TensorInfo::name);
  EXPECT_NE(found, model.tensors().end()) << name;
  return static_cast<std::size_t>(found - model.tensors().begin());
}

ByteView payload_after(const OnnxModel& model, const Result& result, const std::string& name) {
  const std::size_t index = index_of(model, name);
  const auto edit = result.edits.find(index);
  if (edit != result.edits.end()) return edit->second;
  return model.payload(model.tensors()[index]);
}

std::vector<float> values_after(const OnnxModel& model, const Result& result,
                                const std::string& name) {
  return load_floats(model.tensors()[index_of(model, name)].type,
                     payload_after(model, result, name));
}

std::size_t zeros_after(const OnnxModel& model, const Result& result, const std::string& name) {
  const std::vector<float> values = values_after(model, result, name);
  return static_cast<std::size_t>(std::ranges::count(values, 0.0F));
}

std::vector<std::string> changed_names(const PassReport& report) {
  std::vector<std::string> names;
  for (const TensorReport& tensor : report.changed) names.push_back(tensor.name);
  return names;
}

std::string reason_for(const PassReport& report, const std::string& name) {
  const auto found = std::ranges::find(report.skipped, name, &SkippedTensor::name);
  return found == report.skipped.end() ? "(not skipped)" : found->reason;
}

// conv1 (36 weights), a norm, conv2 (288) and fc (80).
void fill_small_net(ModelBuilder& builder) {
  builder.add_conv("conv1", {4, 1, 3, 3}, bell_values(36, 1))
      .add_batch_norm("bn", 4)
      .add_conv("conv2", {8, 4, 3, 3}, bell_values(288, 2, 0.1F))
      .add_gemm("fc", {8, 10}, bell_values(80, 3));
}

class SmallNet : public testing::Test {
 protected:
  SmallNet() {
    fill_small_net(builder_);
    model_.emplace(builder_.open());
  }

  const OnnxModel& model() const { return *model_; }

 private:
  ModelBuilder builder_;
  std::optional<OnnxModel> model_;
};

using Prune = SmallNet;
using Share = SmallNet;

TEST(PassTable, HasUniqueNamesAndUsableHelp) {
  std::set<std::string_view> names;
  for (const Pass& pass : pass_table()) {
    EXPECT_TRUE(names.insert(pass.name).second) << pass.name;
    EXPECT_FALSE(pass.help.empty());
    EXPECT_THAT(std::string(pass.example), HasSubstr("qcompress " + std::string(pass.name)));
    for (const ParamSpec& param : pass.params) EXPECT_FALSE(param.help.empty()) << param.name;
  }
  EXPECT_TRUE(names.contains("prune"));
  EXPECT_TRUE(names.contains("share"));
}

TEST_F(Prune, EveryLayerGetsTheRate) {
  const Result result = run(kPrunePass, model(), {{"rate", "0.75"}});
  EXPECT_THAT(changed_names(result.report),
              ElementsAre("conv1.weight", "conv2.weight", "fc.weight"));
  EXPECT_EQ(zeros_after(model(), result, "conv1.weight"), 27U);
  EXPECT_EQ(zeros_after(model(), result, "conv2.weight"), 216U);
  EXPECT_EQ(zeros_after(model(), result, "fc.weight"), 60U);
  const TensorReport& conv1 = result.report.changed.front();
  EXPECT_EQ(conv1.op, "Conv");
  EXPECT_EQ(conv1.count, 36U);
  EXPECT_EQ(conv1.nonzero_before, 36U);
  EXPECT_EQ(conv1.nonzero_after, 9U);
  EXPECT_EQ(conv1.distinct_after, 10U);
  EXPECT_GT(conv1.threshold, 0);
  EXPECT_LT(conv1.max_error, conv1.threshold);
  EXPECT_EQ(reason_for(result.report, "conv1.bias"), "bias");
  EXPECT_EQ(reason_for(result.report, "bn.var"), "norm parameter");
}

TEST_F(Prune, KeptWeightsKeepTheirBits) {
  const Result result = run(kPrunePass, model(), {{"rate", "0.5"}});
  const ByteView before = model().payload(model().tensors()[index_of(model(), "fc.weight")]);
  const ByteView after = payload_after(model(), result, "fc.weight");
  for (std::size_t at = 0; at < before.size(); at += 4) {
    const auto bits = load_le<std::uint32_t>(after.data() + at);
    EXPECT_TRUE(bits == 0 || bits == load_le<std::uint32_t>(before.data() + at));
  }
}

TEST_F(Prune, GlobalScopeUsesOneThreshold) {
  const Result result = run(kPrunePass, model(), {{"rate", "0.5"}, {"scope", "global"}});
  const std::size_t conv2 = zeros_after(model(), result, "conv2.weight");
  EXPECT_EQ(conv2 + zeros_after(model(), result, "conv1.weight") +
                zeros_after(model(), result, "fc.weight"),
            202U);
  EXPECT_LT(conv2, 144U) << "its weights are twice as large as the others";
  for (const TensorReport& tensor : result.report.changed) {
    EXPECT_EQ(tensor.threshold, result.report.changed.front().threshold);
  }
}

TEST_F(Prune, TheLastMatchingLayerRateWins) {
  const Result result =
      run(kPrunePass, model(),
          {{"rate", "0.5"}, {"layer", "conv*=0.25"}, {"layer", "conv2.weight=0.75"}});
  EXPECT_EQ(zeros_after(model(), result, "conv1.weight"), 9U);
  EXPECT_EQ(zeros_after(model(), result, "conv2.weight"), 216U);
  EXPECT_EQ(zeros_after(model(), result, "fc.weight"), 40U);
}

TEST_F(Prune, WithOnlyLayerRatesTheRestStays) {
  const Result result = run(kPrunePass, model(), {{"layer", "fc*=0.5"}});
  EXPECT_THAT(changed_names(result.report), ElementsAre("fc.weight"));
  EXPECT_EQ(result.edits.size(), 1U);
  EXPECT_EQ(reason_for(result.report, "conv1.weight"), "no --layer rate for it");
}

TEST_F(Prune, LayerRatesLeaveTheGlobalPool) {
  const Result result =
      run(kPrunePass, model(), {{"rate", "0.5"}, {"scope", "global"}, {"layer", "conv2.weight=0"}});
  EXPECT_EQ(zeros_after(model(), result, "conv2.weight"), 0U);
  EXPECT_EQ(
      zeros_after(model(), result, "conv1.weight") + zeros_after(model(), result, "fc.weight"),
      58U);
}

TEST_F(Prune, ThresholdAndStandardDeviation) {
  const Result fixed = run(kPrunePass, model(), {{"threshold", "0.05"}});
  for (const float value : values_after(model(), fixed, "conv2.weight")) {
    EXPECT_TRUE(value == 0 || std::fabs(value) >= 0.05F);
  }
  const Result relative = run(kPrunePass, model(), {{"std-factor", "1"}});
  const TensorReport& conv2 = relative.report.changed[1];
  EXPECT_NEAR(conv2.threshold, 0.1, 0.02);
  EXPECT_NEAR(static_cast<double>(conv2.nonzero_after) / 288, 0.32, 0.08);
}

TEST_F(Prune, RateZeroChangesNothing) {
  const Result result = run(kPrunePass, model(), {{"rate", "0"}});
  EXPECT_THAT(result.edits, IsEmpty());
  EXPECT_EQ(result.report.changed.size(), 3U);
}

TEST_F(Prune, TellsWhenATensorBecomesAllZero) {
  const Result result = run(kPrunePass, model(), {{"threshold", "100"}, {"include", "fc*"}});
  EXPECT_THAT(result.report.notes, ElementsAre("fc.weight: every value is zero now"));
}

TEST_F(Prune, IncludeAndExcludeNarrowTheSelection) {
  const Result result =
      run(kPrunePass, model(), {{"rate", "0.5"}, {"include", "conv*"}, {"exclude", "conv1.*"}});
  EXPECT_THAT(changed_names(result.report), ElementsAre("conv2.weight"));
  EXPECT_EQ(reason_for(result.report, "conv1.weight"), "excluded");
  EXPECT_EQ(reason_for(result.report, "fc.weight"), "not included");
}

TEST_F(Prune, RefusesParametersThatDoNotGoTogether) {
  EXPECT_THAT(error_of(kPrunePass, model(), {}), HasSubstr("--rate"));
  EXPECT_EQ(error_of(kPrunePass, model(), {{"rate", "0.5"}, {"threshold", "1"}}),
            "give only one of --rate, --threshold and --std-factor");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"threshold", "1"}, {"scope", "global"}}),
            "--scope global needs --rate");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"layer", "fc.weight"}}),
            "--layer: 'fc.weight' is not of the form NAME=RATE, as in conv1*=0.7");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"layer", "fc*=1.5"}}),
            "--layer fc*: 1.5 is outside [0, 1)");
}

TEST_F(Prune, ExplainsPatternsThatMatchNothing) {
  EXPECT_EQ(error_of(kPrunePass, model(), {{"rate", "0.5"}, {"include", "con1*"}}),
            "--include: no tensor matches 'con1*'; near: conv1.weight, conv2.weight");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"rate", "0.5"}, {"exclude", "embedding"}}),
            "--exclude: no tensor matches 'embedding'; there are: conv1.weight, conv2.weight, "
            "fc.weight");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"layer", "bn.*=0.5"}}),
            "--layer: 'bn.*' matches nothing to prune: bn.scale (norm parameter), bn.shift (norm "
            "parameter), bn.mean (norm parameter) and 1 more");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"rate", "0.5"}, {"include", "fc.bias"}}),
            "--include: 'fc.bias' matches nothing to prune: fc.bias (bias)");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"layer", "fc.weight=0.5"}, {"exclude", "fc*"}}),
            "--layer: 'fc.weight' matches nothing to prune: fc.weight (excluded)");
  EXPECT_EQ(error_of(kPrunePass, model(), {{"rate", "0.5"}, {"exclude", "*"}}),
            "--include and --exclude leave nothing to prune");
}

TEST(Selection, MatchesNamesWithBrackets) {
  ModelBuilder builder;
  builder.add_gemm("layers[0]", {4, 4}, bell_values(16, 1))
      .add_gemm("layers[1]", {4, 4}, bell_values(16, 2));
  const OnnxModel model = builder.open();
  const Result result = run(kPrunePass, model, {{"layer", "layers[1].weight=0.5"}});
  EXPECT_THAT(changed_names(result.report), ElementsAre("layers[1].weight"));
}

TEST(Selection, RefusesModelsWithoutFloatWeights) {
  const Flags half = {{"rate", "0.5"}};
  ModelBuilder quantised;
  const Bytes bytes(16, 3);
  quantised.add_initializer("w", DataType::kInt8, {4, 4}, bytes).add_node("MatMulInteger", {"w"});
  EXPECT_EQ(error_of(kPrunePass, quantised.open(), half, ErrorCode::kUnsupported),
            "no float weights to prune: the weights are int8 (already quantised)");
  ModelBuilder empty;
  empty.add_node("Relu", {});
  EXPECT_EQ(error_of(kPrunePass, empty.open(), half, ErrorCode::kUnsupported),
            "no float weights to prune: the model holds no float tensors");
  ModelBuilder norms;
  norms.add_batch_norm("bn", 3);
  EXPECT_THAT(error_of(kPrunePass, norms.open(), half, ErrorCode::kUnsupported),
              HasSubstr("bn.scale (norm parameter)"));
}

TEST(Selection, LeavesTensorsWithNanOrInfinityAlone) {
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> values = bell_values(16, 1);
    values[5] = odd;
    ModelBuilder builder;
    builder.add_gemm("a", {4, 4}, values).add_gemm("b", {4, 4}, bell_values(16, 2));
    const OnnxModel model = builder.open();
    for (const Flags& flags : {Flags{{"rate", "0.5"}}, {{"rate", "0.5"}, {"scope", "global"}}}) {
      const Result result = run(kPrunePass, model, flags);
      EXPECT_THAT(changed_names(result.report), ElementsAre("b.weight"));
      EXPECT_EQ(reason_for(result.report, "a.weight"), "holds NaN or Inf");
      EXPECT_EQ(zeros_after(model, result, "b.weight"), 8U);
    }
    const Result shared = run(kSharePass, model, {{"bits", "2"}});
    EXPECT_EQ(reason_for(shared.report, "a.weight"), "holds NaN or Inf");
  }
}

TEST(Selection, TellsWhyValuesCannotBeChanged) {
  ModelBuilder builder;
  builder.add_gemm("fc", {4, 4}, bell_values(16, 1));
  builder.add_floats("unused", {2, 2}, std::vector<float>{1, 2, 3, 4});
  onnx::TensorProto& half = *builder.proto().mutable_graph()->add_initializer();
  half.set_name("half");
  half.set_data_type(onnx::TensorProto::FLOAT16);
  half.add_dims(2);
  half.add_dims(2);
  for (int i = 0; i < 4; ++i) half.add_int32_data(15360 + i);
  builder.add_node("MatMul", {"half"});
  const OnnxModel model = builder.open();
  const PassReport report = run(kPrunePass, model, {{"rate", "0.5"}}).report;
  EXPECT_EQ(reason_for(report, "half"), "stored as varints");
  EXPECT_EQ(reason_for(report, "unused"), "not consumed as a weight by any operator");
}

TEST(Selection, ChangesSharedExternalDataOnce) {
  ModelBuilder builder;
  for (const char* name : {"first", "second"}) {
    onnx::TensorProto& tensor = *builder.proto().mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    tensor.add_dims(4);
    tensor.add_dims(4);
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    onnx::StringStringEntryProto& location = *tensor.add_external_data();
    location.set_key("location");
    location.set_value("w.bin");
    builder.add_node("MatMul", {name});
  }
  std::vector<std::pair<std::filesystem::path, Bytes>> files;
  files.emplace_back("m.onnx", builder.bytes());
  files.emplace_back("w.bin", test::encode(DataType::kFloat, bell_values(16, 1)));
  const OnnxModel model = OnnxModel::from_memory(std::move(files));
  const PassReport report = run(kPrunePass, model, {{"rate", "0.5"}}).report;
  EXPECT_THAT(changed_names(report), ElementsAre("first"));
  EXPECT_EQ(reason_for(report, "second"), "same data as first");
}

TEST_F(Share, LeavesAtMostTwoToTheBitsValues) {
  for (const char* init : {"optimal", "linear", "density", "random"}) {
    const Result result = run(kSharePass, model(), {{"bits", "3"}, {"init", init}});
    EXPECT_EQ(result.report.changed.size(), 3U);
    for (const TensorReport& tensor : result.report.changed) {
      EXPECT_LE(tensor.distinct_after, 8U) << init;
      EXPECT_GT(tensor.distinct_after, 4U) << init;
      EXPECT_EQ(tensor.nonzero_after, tensor.nonzero_before);
      EXPECT_GT(tensor.rmse, 0);
      EXPECT_GT(tensor.iterations, 0);
    }
    EXPECT_EQ(result.report.seeded, std::string(init) == "random");
  }
}

TEST_F(Share, ZerosStayAndComeOnTop) {
  ModelBuilder builder;
  std::vector<float> values = bell_values(400, 5);
  for (std::size_t i = 0; i < values.size(); i += 3) values[i] = 0;
  values[3] = -0.0F;
  builder.add_gemm("fc", {20, 20}, values);
  const OnnxModel net = builder.open();
  const Result result = run(kSharePass, net, {{"bits", "2"}});
  const std::vector<float> after = values_after(net, result, "fc.weight");
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(after[i] == 0, values[i] == 0) << i;
  EXPECT_EQ(result.report.changed.front().distinct_after, 5U);
}

TEST_F(Share, AZeroCentroidDoesNotPrune) {
  ModelBuilder builder;
  builder.add_gemm("fc", {2, 2}, std::vector<float>{-1, 1, 10, 12});
  const OnnxModel net = builder.open();
  const Result result = run(kSharePass, net, {{"bits", "1"}});
  EXPECT_THAT(values_after(net, result, "fc.weight"), ElementsAre(1, 1, 11, 11));
}

TEST_F(Share, BitsByKindOfLayer) {
  const Result both = run(kSharePass, model(), {{"conv-bits", "3"}, {"fc-bits", "1"}});
  EXPECT_EQ(both.report.changed[1].distinct_after, 8U);
  EXPECT_EQ(both.report.changed[2].distinct_after, 2U);
  const Result conv = run(kSharePass, model(), {{"conv-bits", "3"}});
  EXPECT_THAT(changed_names(conv.report), ElementsAre("conv1.weight", "conv2.weight"));
  EXPECT_EQ(reason_for(conv.report, "fc.weight"), "no --fc-bits given");
  const Result mixed = run(kSharePass, model(), {{"bits", "2"}, {"fc-bits", "1"}});
  EXPECT_EQ(mixed.report.changed[0].distinct_after, 4U);
  EXPECT_EQ(mixed.report.changed[2].distinct_after, 2U);
}

TEST_F(Share, LeavesTensorsWithFewValuesAlone) {
  ModelBuilder builder;
  builder.add_gemm("few", {2, 3}, std::vector<float>{0, 1, 2, 2, 1, 0})
      .add_gemm("zero", {2, 2}, std::vector<float>{0, 0, 0, 0})
      .add_gemm("fc", {4, 4}, bell_values(16, 1));
  const OnnxModel net = builder.open();
  const Result result = run(kSharePass, net, {{"bits", "1"}});
  EXPECT_THAT(changed_names(result.report), ElementsAre("fc.weight"));
  EXPECT_EQ(reason_for(result.report, "few.weight"), "has only 2 distinct nonzero values");
  EXPECT_EQ(reason_for(result.report, "zero.weight"), "has only 0 distinct nonzero values");
}

TEST_F(Share, FixedPointValuesAreIntegersTimesAStep) {
  const Result result = run(kSharePass, model(), {{"bits", "4"}, {"fixed-point", "6"}});
  for (const TensorReport& tensor : result.report.changed) {
    const std::vector<float> values = values_after(model(), result, tensor.name);
    double largest = 0;
    for (const float value : values) largest = std::max(largest, std::fabs(double{value}));
    // The finest step that keeps the largest value within 6 bits.
    const double step = std::exp2(std::floor(std::log2(largest)) - 4);
    for (const float value : values) EXPECT_EQ(std::remainder(value, step), 0) << tensor.name;
  }
  EXPECT_THAT(result.report.notes.front(), HasSubstr("conv1.weight: 6-bit fixed point in steps"));
}

TEST_F(Share, FixedPointTellsHowManyWeightsBecameZero) {
  ModelBuilder builder;
  builder.add_gemm("fc", {2, 2}, std::vector<float>{1, 0.001F, 0.002F, -0.75F});
  const OnnxModel net = builder.open();
  const Result result = run(kSharePass, net, {{"bits", "4"}, {"fixed-point", "4"}});
  EXPECT_THAT(values_after(net, result, "fc.weight"), ElementsAre(1, 0, 0, -0.75F));
  EXPECT_THAT(result.report.notes,
              ElementsAre("fc.weight: 4-bit fixed point in steps of 2^-2, 2 weights rounded to "
                          "zero"));
}

TEST_F(Share, NeedsBits) {
  EXPECT_EQ(error_of(kSharePass, model(), {}),
            "say how many shared values there may be: --bits, --conv-bits or --fc-bits (or "
            "--biases)");
}

TEST_F(Share, SeedChoosesTheDraw) {
  const auto draw = [&](const char* seed) {
    return run(kSharePass, model(), {{"bits", "3"}, {"init", "random"}, {"seed", seed}});
  };
  EXPECT_EQ(draw("5").edits, draw("5").edits);
  EXPECT_NE(draw("5").edits, draw("6").edits);
  EXPECT_EQ(draw("5").report.seed, 5U);
}

class EveryType : public testing::TestWithParam<DataType> {};

TEST_P(EveryType, PruneAndShareWork) {
  ModelBuilder builder;
  builder.add_conv("conv", {8, 4, 3, 3}, bell_values(288, 2), GetParam());
  const OnnxModel model = builder.open();
  const Result pruned = run(kPrunePass, model, {{"rate", "0.75"}});
  EXPECT_EQ(zeros_after(model, pruned, "conv.weight"), 216U);
  for (const Flags& flags : {Flags{{"bits", "3"}}, Flags{{"bits", "3"}, {"fixed-point", "8"}}}) {
    const Result shared = run(kSharePass, model, flags);
    const TensorReport& report = shared.report.changed.front();
    EXPECT_LE(report.distinct_after, 8U);
    EXPECT_LT(report.rmse, 0.02);
    EXPECT_EQ(payload_after(model, shared, "conv.weight").size(),
              288 * data_type_bits(GetParam()) / 8);
  }
}

INSTANTIATE_TEST_SUITE_P(Storage, EveryType,
                         testing::Values(DataType::kFloat, DataType::kFloat16, DataType::kBfloat16,
                                         DataType::kDouble),
                         [](const auto& test) { return data_type_name(test.param); });

TEST(Passes, DoNotDependOnThreads) {
  ModelBuilder builder;
  for (std::uint64_t i = 0; i < 12; ++i) {
    builder.add_gemm("fc" + std::to_string(i), {30, 30}, bell_values(900, i));
  }
  const OnnxModel model = builder.open();
  const std::vector<std::pair<const Pass*, Flags>> runs = {
      {&kPrunePass, {{"rate", "0.6"}}},
      {&kPrunePass, {{"rate", "0.6"}, {"scope", "global"}}},
      {&kSharePass, {{"bits", "4"}}},
      {&kSharePass, {{"bits", "4"}, {"init", "random"}}}};
  for (const auto& [pass, flags] : runs) {
    const Result one = run(*pass, model, flags, 1);
    for (const unsigned threads : {2U, 7U}) {
      const Result many = run(*pass, model, flags, threads);
      EXPECT_EQ(many.edits, one.edits);
      EXPECT_EQ(changed_names(many.report), changed_names(one.report));
      EXPECT_EQ(many.report.notes, one.report.notes);
    }
  }
}

}  // namespace
}  // namespace qc
