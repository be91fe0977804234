// The passes that look at samples, on small models whose samples are made-up moments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "model_builder.h"
#include "model_values.h"
#include "moment_matrices.h"
#include "passes/calibration.h"
#include "passes/kernels/magnitude.h"
#include "passes/pass.h"
#include "passes/weight_layers.h"

namespace qc {
namespace {

using test::bell_values;
using test::index_of;
using test::Matrix;
using test::ModelBuilder;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Flags = std::vector<std::pair<std::string, std::string>>;
using Floats = std::vector<float>;

// Moments of columns around a mean that is not zero.
Moments moments_of(std::size_t groups, std::size_t columns, std::uint64_t seed) {
  Moments moments;
  moments.count = 100 * columns;
  moments.groups = groups;
  moments.columns = columns;
  for (std::size_t g = 0; g < groups; ++g) {
    Matrix own = test::second_moments(columns, 4 * columns, seed + g);
    for (std::size_t i = 0; i < columns; ++i) {
      moments.mean.push_back(0.5 + 0.1 * static_cast<double>(i % 7));
    }
    const double* mean = &moments.mean[g * columns];
    for (std::size_t i = 0; i < columns; ++i) {
      for (std::size_t j = 0; j < columns; ++j) own[i * columns + j] += mean[i] * mean[j];
    }
    moments.second.insert(moments.second.end(), own.begin(), own.end());
  }
  return moments;
}

// Has the moments of tensors by name, and keeps what it was given.
class FakeSource : public CalibrationSource {
 public:
  void visit(const OnnxModel& model, std::span<const std::size_t> tensors,
             const std::function<PayloadEdits(std::size_t, const Moments&)>& visit) override {
    ++calls;
    seen.emplace(model);
    for (const std::size_t tensor : tensors) {
      asked.push_back(model.tensors()[tensor].name);
      const auto found = moments.find(asked.back());
      if (found == moments.end()) continue;
      for (auto& [edited, payload] : visit(tensor, found->second)) edits[edited] = payload;
    }
  }

  std::map<std::size_t, std::vector<float>> gradient_squares(
      const OnnxModel& /*model*/, std::span<const std::size_t> /*tensors*/) override {
    return {};
  }

  std::map<std::string, Moments> moments;
  int calls = 0;
  std::optional<OnnxModel> seen;
  std::vector<std::string> asked;
  PayloadEdits edits;
};

Params params_of(const Pass& pass, const Flags& flags) {
  Params params(pass.params);
  for (const auto& [name, value] : flags) params.set(name, value);
  return params;
}

PassResult run(const Pass& pass, const OnnxModel& model, const Flags& flags,
               CalibrationSource* source, unsigned threads = 1) {
  return apply_pass(pass, model, params_of(pass, flags),
                    {.threads = threads, .calibration = source});
}

std::string error_of(const Pass& pass, const OnnxModel& model, const Flags& flags,
                     CalibrationSource* source, ErrorCode code = ErrorCode::kUsage) {
  try {
    run(pass, model, flags, source);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

std::size_t zeros_in(const Floats& values) {
  return static_cast<std::size_t>(std::ranges::count(values, 0.0F));
}

std::size_t nonzero_values(const Floats& values) {
  const std::set<float> distinct(values.begin(), values.end());
  return distinct.size() - distinct.count(0.0F);
}

std::vector<std::string> names_of(const PassReport& report) {
  std::vector<std::string> names;
  for (const TensorReport& tensor : report.changed) names.push_back(tensor.name);
  return names;
}

// A depthwise convolution of 8 channels, one over all of them, and a dense layer.
class Calibrated : public testing::Test {
 protected:
  Calibrated() {
    Floats dense = bell_values(24 * 40, 3);
    for (std::size_t i = 0; i < dense.size(); i += 5) dense[i] = 0;
    ModelBuilder builder;
    builder.add_conv("deep", {8, 1, 3, 3}, bell_values(72, 1));
    onnx::AttributeProto& group =
        *builder.proto().mutable_graph()->mutable_node(0)->add_attribute();
    group.set_name("group");
    group.set_type(onnx::AttributeProto::INT);
    group.set_i(8);
    builder.add_conv("conv", {24, 8, 3, 3}, bell_values(1728, 2)).add_gemm("fc", {24, 40}, dense);
    model_.emplace(builder.open());
    source.moments = {{"deep.weight", moments_of(8, 9, 10)},
                      {"conv.weight", moments_of(1, 72, 20)},
                      {"fc.weight", moments_of(1, 24, 30)}};
  }

  const OnnxModel& model() const { return *model_; }

  Floats before(const std::string& name) const { return test::values_of(model(), name); }

  static Floats after(const PassResult& result, const OnnxModel& model, const std::string& name) {
    return test::values_of(result.model(model), name);
  }
  Floats after(const PassResult& result, const std::string& name) const {
    return after(result, model(), name);
  }

  // What the dense layer's outputs lose around their means: its weights are {inputs, outputs}.
  double dense_loss(const Floats& weights) const {
    const Moments& moments = source.moments.at("fc.weight");
    const Floats plain = before("fc.weight");
    double loss = 0;
    for (std::size_t o = 0; o < 40; ++o) {
      for (std::size_t i = 0; i < 24; ++i) {
        for (std::size_t j = 0; j < 24; ++j) {
          const double h = moments.second[i * 24 + j] - moments.mean[i] * moments.mean[j];
          loss += (weights[i * 40 + o] - plain[i * 40 + o]) * h *
                  (weights[j * 40 + o] - plain[j * 40 + o]);
        }
      }
    }
    return loss;
  }

  // The mean outputs of the dense layer.
  std::vector<double> dense_means(const Floats& weights, const Floats& bias) const {
    std::vector<double> means(bias.begin(), bias.end());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      means[i % 40] += weights[i] * source.moments.at("fc.weight").mean[i / 40];
    }
    return means;
  }

  void expect_same_means(const PassResult& result) const {
    const auto wanted = dense_means(before("fc.weight"), before("fc.bias"));
    const auto found = dense_means(after(result, "fc.weight"), after(result, "fc.bias"));
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-5);
  }

  FakeSource source;

 private:
  std::optional<OnnxModel> model_;
};

using ObsPrune = Calibrated;
using SampledShare = Calibrated;

TEST_F(ObsPrune, EveryLayerGetsExactlyItsRate) {
  const PassResult result = run(
      kPrunePass, model(), {{"method", "obs"}, {"rate", "0.61"}, {"layer", "conv.*=0.3"}}, &source);
  EXPECT_EQ(zeros_in(after(result, "deep.weight")), zeros_at_rate(0.61, 72));
  EXPECT_EQ(zeros_in(after(result, "conv.weight")), zeros_at_rate(0.3, 1728));
  EXPECT_EQ(zeros_in(after(result, "fc.weight")), zeros_at_rate(0.61, 960));
  EXPECT_THAT(names_of(result.report), ElementsAre("deep.weight", "deep.bias", "conv.weight",
                                                   "conv.bias", "fc.weight", "fc.bias"));
  EXPECT_THAT(result.report.notes, IsEmpty());
  EXPECT_THAT(result.report.skipped, IsEmpty());
  // Later layers were calibrated with what became of the earlier ones.
  EXPECT_EQ(source.edits, result.edits);
  EXPECT_EQ(source.calls, 1);
}

TEST_F(ObsPrune, LosesLessThanMagnitude) {
  const PassResult obs = run(kPrunePass, model(), {{"method", "obs"}, {"rate", "0.6"}}, &source);
  const PassResult plain = run(kPrunePass, model(), {{"rate", "0.6"}}, nullptr);
  EXPECT_LT(dense_loss(after(obs, "fc.weight")), 0.7 * dense_loss(after(plain, "fc.weight")));
  expect_same_means(obs);
}

TEST_F(ObsPrune, ZerosThatAreThereStay) {
  const PassResult result = run(kPrunePass, model(), {{"method", "obs"}, {"rate", "0.5"}}, &source);
  const Floats plain = before("fc.weight");
  const Floats pruned = after(result, "fc.weight");
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_TRUE(plain[i] != 0 || pruned[i] == 0);
  }
  const PassResult none =
      run(kPrunePass, model(), {{"method", "obs"}, {"rate", "0.1"}, {"include", "fc.*"}}, &source);
  EXPECT_THAT(none.edits, IsEmpty()) << "more than a tenth are zero already";
}

TEST_F(ObsPrune, RefusesWhatCountsOtherwise) {
  const auto refused = [&](const Flags& more) {
    Flags flags = {{"method", "obs"}};
    flags.insert(flags.end(), more.begin(), more.end());
    const Params params = params_of(kPrunePass, flags);
    EXPECT_THROW(kPrunePass.check(params), Error);
    return error_of(kPrunePass, model(), flags, &source);
  };
  EXPECT_EQ(refused({{"threshold", "0.1"}}),
            "--method obs takes --rate or --layer, not --threshold");
  EXPECT_EQ(refused({{"std-factor", "1"}}),
            "--method obs takes --rate or --layer, not --std-factor");
  EXPECT_EQ(refused({{"rate", "0.5"}, {"scope", "global"}}),
            "--method obs takes the rate of every layer, not --scope global");
  EXPECT_EQ(source.calls, 0);
}

TEST_F(Calibrated, SamplesAreAskedFor) {
  EXPECT_EQ(error_of(kPrunePass, model(), {{"method", "obs"}, {"rate", "0.5"}}, nullptr),
            "--method obs needs samples: --data DIR, or --calibration FILE with what some showed");
  for (const std::string method : {"weighted", "rate"}) {
    EXPECT_EQ(error_of(kSharePass, model(), {{"method", method}, {"bits", "4"}}, nullptr),
              "--method " + method +
                  " needs samples: --data DIR, or --calibration FILE with what some showed");
    EXPECT_TRUE(kSharePass.calibrates(params_of(kSharePass, {{"method", method}})));
  }
  EXPECT_TRUE(kPrunePass.calibrates(params_of(kPrunePass, {{"method", "obs"}})));
  EXPECT_FALSE(kPrunePass.calibrates(params_of(kPrunePass, {})));
  EXPECT_FALSE(kSharePass.calibrates(params_of(kSharePass, {})));
}

TEST_F(Calibrated, SamplesThatGiveNoNumbersAreRefused) {
  source.moments["fc.weight"].second[0] = NAN;
  EXPECT_EQ(error_of(kPrunePass, model(), {{"method", "obs"}, {"rate", "0.5"}}, &source,
                     ErrorCode::kUnsupported),
            "the calibration samples give NaN or Inf in the network");
}

TEST_F(ObsPrune, WhatNoSampleReachesIsPrunedByMagnitude) {
  source.moments.erase("deep.weight");
  source.moments["conv.weight"].count = 0;
  const PassResult result = run(kPrunePass, model(), {{"method", "obs"}, {"rate", "0.6"}}, &source);
  EXPECT_THAT(result.report.notes,
              ElementsAre("no sample shows what these are multiplied with, so they were pruned by "
                          "magnitude: deep.weight, conv.weight"));
  const PassResult plain = run(kPrunePass, model(), {{"rate", "0.6"}}, nullptr);
  EXPECT_EQ(after(result, "conv.weight"), after(plain, "conv.weight"));
  EXPECT_NE(after(result, "fc.weight"), after(plain, "fc.weight"));
  EXPECT_EQ(after(result, "deep.bias"), before("deep.bias"));
}

// A table is no matrix, and what follows it sees what is left of it.
TEST(CalibratedModels, TablesArePrunedByMagnitudeFirst) {
  ModelBuilder builder;
  builder.add_floats("table", {30, 8}, bell_values(240, 4));
  builder.proto()
      .mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->set_elem_type(onnx::TensorProto::INT64);
  onnx::NodeProto& gather = *builder.proto().mutable_graph()->add_node();
  gather.set_op_type("Gather");
  gather.add_input("table");
  gather.add_input("x");
  gather.add_output("rows");
  builder.add_floats("w", {8, 5}, bell_values(40, 5));
  onnx::NodeProto& product = *builder.proto().mutable_graph()->add_node();
  product.set_op_type("MatMul");
  product.add_input("rows");
  product.add_input("w");
  product.add_output("y");
  const OnnxModel model = builder.open();
  FakeSource source;
  source.moments["w"] = moments_of(1, 8, 40);
  const PassResult result = run(kPrunePass, model, {{"method", "obs"}, {"rate", "0.5"}}, &source);
  EXPECT_THAT(source.asked, ElementsAre("w"));
  EXPECT_EQ(zeros_in(test::values_of(*source.seen, "table")), 120U);
  EXPECT_EQ(zeros_in(test::values_of(result.model(model), "w")), 20U);
  EXPECT_THAT(result.report.notes, ElementsAre(HasSubstr("pruned by magnitude: table")));
}

TEST_F(ObsPrune, StepsKeepTheMethod) {
  const Params params =
      params_of(kPrunePass, {{"method", "obs"}, {"rate", "0.8"}, {"exclude", "deep.*"}});
  const Params half = kPrunePass.growth.part_way(model(), params, 0.5);
  EXPECT_EQ(half.choice("method"), "obs");
  PayloadEdits edits;
  kPrunePass.run(model(), half, {.threads = 1, .calibration = &source}, edits);
  EXPECT_EQ(zeros_in(test::values_of(model().edited(edits), "fc.weight")),
            zeros_at_rate(0.5, 960));  // halfway between the fifth that is there and the goal
}

TEST_F(Calibrated, ExcludedBiasesStay) {
  const PassResult result = run(
      kPrunePass, model(), {{"method", "obs"}, {"rate", "0.6"}, {"exclude", "fc.bias"}}, &source);
  EXPECT_EQ(after(result, "fc.bias"), before("fc.bias"));
  EXPECT_THAT(names_of(result.report), Contains("conv.bias"));
}

TEST_F(Calibrated, ThreadsDoNotMatter) {
  const std::vector<std::pair<const Pass*, Flags>> runs = {
      {&kPrunePass, {{"method", "obs"}, {"rate", "0.6"}}},
      {&kSharePass, {{"method", "weighted"}, {"bits", "3"}}},
      {&kSharePass, {{"method", "rate"}, {"bits", "3"}}}};
  for (const auto& [pass, flags] : runs) {
    EXPECT_EQ(run(*pass, model(), flags, &source, 1).edits,
              run(*pass, model(), flags, &source, 2).edits);
  }
}

TEST_F(SampledShare, WeightedValuesSuitTheInputs) {
  Moments& moments = source.moments["fc.weight"];
  for (std::size_t i = 0; i < 24; ++i) moments.second[i * 25] += i < 3 ? 300 : 0;
  const PassResult result =
      run(kSharePass, model(), {{"method", "weighted"}, {"bits", "3"}}, &source);
  const PassResult plain = run(kSharePass, model(), {{"bits", "3"}}, nullptr);
  for (const std::string name : {"deep.weight", "conv.weight", "fc.weight"}) {
    EXPECT_LE(nonzero_values(after(result, name)), 8U);
    const Floats values = before(name);
    const Floats shared = after(result, name);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(shared[i] == 0, values[i] == 0);
  }
  EXPECT_LT(dense_loss(after(result, "fc.weight")), 0.9 * dense_loss(after(plain, "fc.weight")));
  expect_same_means(result);
  EXPECT_EQ(source.edits, result.edits);
  EXPECT_THAT(result.report.skipped, IsEmpty());
}

TEST_F(SampledShare, RateLosesLessWithAsManyValues) {
  for (const std::size_t bits : {1U, 3U, 5U}) {
    const Flags amount = {{"bits", std::to_string(bits)}};
    Flags flags = amount;
    flags.emplace_back("method", "rate");
    const PassResult result = run(kSharePass, model(), flags, &source);
    const PassResult plain = run(kSharePass, model(), amount, nullptr);
    for (const std::string name : {"deep.weight", "conv.weight", "fc.weight"}) {
      EXPECT_LE(nonzero_values(after(result, name)), std::size_t{1} << bits) << name;
    }
    EXPECT_LT(dense_loss(after(result, "fc.weight")), dense_loss(after(plain, "fc.weight")));
    expect_same_means(result);
    const Floats values = before("fc.weight");
    const Floats shared = after(result, "fc.weight");
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_TRUE(values[i] != 0 || shared[i] == 0);
    }
  }
}

TEST_F(SampledShare, WhatNoSampleReachesIsSharedByKMeans) {
  source.moments.erase("conv.weight");
  const PassResult plain = run(kSharePass, model(), {{"bits", "3"}}, nullptr);
  for (const std::string method : {"weighted", "rate"}) {
    const PassResult result =
        run(kSharePass, model(), {{"method", method}, {"bits", "3"}}, &source);
    EXPECT_EQ(after(result, "conv.weight"), after(plain, "conv.weight"));
    EXPECT_THAT(
        result.report.notes,
        ElementsAre("no sample shows what these are multiplied with, so they were shared by "
                    "plain k-means: conv.weight"));
  }
}

TEST_F(SampledShare, RefusesFlagsThatHaveNoUse) {
  const auto refused = [&](const Flags& flags) {
    EXPECT_THROW(kSharePass.check(params_of(kSharePass, flags)), Error);
    return error_of(kSharePass, model(), flags, &source);
  };
  EXPECT_EQ(refused({{"method", "weighted"}, {"bits", "3"}, {"init", "linear"}}),
            "--init does not go with --method weighted");
  EXPECT_EQ(refused({{"method", "rate"}, {"bits", "3"}, {"init", "random"}}),
            "--init does not go with --method rate");
  EXPECT_EQ(refused({{"method", "rate"}, {"bits", "3"}, {"fixed-point", "8"}}),
            "--fixed-point does not go with --method rate");
  EXPECT_EQ(refused({{"method", "rate"}, {"biases", "3"}}),
            "--method rate needs --bits, --conv-bits or --fc-bits");
  const PassResult fixed = run(
      kSharePass, model(), {{"method", "weighted"}, {"bits", "3"}, {"fixed-point", "8"}}, &source);
  EXPECT_EQ(fixed.report.notes.size(), 3U);
}

TEST_F(SampledShare, BiasesAreRoundedAfterTheyTookUpTheChange) {
  const PassResult exact =
      run(kSharePass, model(), {{"method", "weighted"}, {"bits", "2"}}, &source);
  const PassResult rounded =
      run(kSharePass, model(), {{"method", "weighted"}, {"bits", "2"}, {"biases", "6"}}, &source);
  const Floats wanted = after(exact, "fc.bias");
  const Floats found = after(rounded, "fc.bias");
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(found[i], wanted[i], std::fabs(wanted[i]) / 128);
  }
  EXPECT_NE(found, wanted);
  EXPECT_EQ(rounded.report.changed.size(), 6U);
}

TEST_F(SampledShare, FewValuesAreLeftAlone) {
  ModelBuilder builder;
  builder.add_gemm("few", {2, 3}, Floats{0, 1, 2, 2, 1, 0})
      .add_gemm("fc", {3, 40}, bell_values(120, 1));
  const OnnxModel small = builder.open();
  FakeSource samples;
  samples.moments = {{"few.weight", moments_of(1, 2, 1)}, {"fc.weight", moments_of(1, 3, 2)}};
  for (const std::string method : {"weighted", "rate"}) {
    const PassResult result = run(kSharePass, small, {{"method", method}, {"bits", "1"}}, &samples);
    EXPECT_THAT(names_of(result.report), ElementsAre("fc.weight", "fc.bias"));
    EXPECT_EQ(after(result, small, "few.weight"), (Floats{0, 1, 2, 2, 1, 0}));
  }
}

class CalibratedTypes : public testing::TestWithParam<DataType> {};

TEST_P(CalibratedTypes, AreStoredAsTheyWere) {
  ModelBuilder builder;
  builder.add_gemm("fc", {24, 40}, bell_values(960, 3), GetParam());
  const OnnxModel model = builder.open();
  FakeSource source;
  source.moments["fc.weight"] = moments_of(1, 24, 30);
  const auto weights = [&](const Pass& pass, const Flags& flags) {
    return test::values_of(run(pass, model, flags, &source).model(model), "fc.weight");
  };
  EXPECT_EQ(zeros_in(weights(kPrunePass, {{"method", "obs"}, {"rate", "0.7"}})), 672U);
  EXPECT_LE(nonzero_values(weights(kSharePass, {{"method", "rate"}, {"bits", "3"}})), 8U);
  EXPECT_LE(nonzero_values(weights(kSharePass, {{"method", "weighted"}, {"bits", "3"}})), 8U);
}

INSTANTIATE_TEST_SUITE_P(Storage, CalibratedTypes,
                         testing::Values(DataType::kFloat, DataType::kFloat16, DataType::kBfloat16,
                                         DataType::kDouble),
                         [](const auto& test) { return data_type_name(test.param); });

// What is added to the outputs, whatever the operator.
TEST(WeightLayers, KnowTheirBiases) {
  ModelBuilder builder;
  builder.add_floats("w", {4, 3}, bell_values(12, 1))
      .add_floats("b", {3}, bell_values(3, 2))
      .add_node("FusedGemm", {"w", "b"});
  builder.proto().mutable_graph()->mutable_node(0)->set_domain("com.microsoft");
  builder.add_gemm("fc", {3, 5}, bell_values(15, 3))
      .add_floats("v", {5, 2}, bell_values(10, 4))
      .add_node("MatMul", {"v"})
      .add_floats("sum", {2}, bell_values(2, 5))
      .add_node("Add", {"sum"})
      .add_gemm("scaled", {2, 6}, bell_values(12, 6));
  onnx::AttributeProto& alpha = *builder.proto().mutable_graph()->mutable_node(4)->add_attribute();
  alpha.set_name("alpha");
  alpha.set_type(onnx::AttributeProto::FLOAT);
  alpha.set_f(0.5F);
  const OnnxModel model = builder.open();
  const auto biases = [&](const std::set<std::size_t>& kept) {
    std::vector<std::string> names;
    for (const WeightLayer& layer : find_layers(model, kept)) {
      names.push_back(model.tensors()[layer.tensor].name + ":" +
                      (layer.bias ? model.tensors()[*layer.bias].name : ""));
    }
    return names;
  };
  // A bias that is scaled otherwise than the product cannot take up what that loses as it is.
  EXPECT_THAT(biases({}), ElementsAre("w:b", "fc.weight:fc.bias", "v:sum", "scaled.weight:"));
  EXPECT_THAT(biases({index_of(model, "b"), index_of(model, "fc.weight")}),
              ElementsAre("w:", "v:sum", "scaled.weight:"));
}

}  // namespace
}  // namespace qc
