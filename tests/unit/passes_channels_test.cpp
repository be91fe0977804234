// prune --structured channels: which channels go, and what becomes of the layers around them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "core/random.h"
#include "formats/onnx/value_shapes.h"
#include "graph/channels/channel_groups.h"
#include "model_builder.h"
#include "model_values.h"
#include "moment_matrices.h"
#include "passes/calibration.h"
#include "passes/kernels/inverse_factor.h"
#include "passes/kernels/removal_cost.h"
#include "passes/pass.h"

namespace qc {
namespace {

using test::bell_values;
using test::index_of;
using test::ModelBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

using Flags = std::vector<std::pair<std::string, std::string>>;
using Floats = std::vector<float>;
using Sizes = std::vector<std::int64_t>;

Params params_of(const Flags& flags) {
  Params params(kPrunePass.params);
  params.set("structured", "channels");
  for (const auto& [name, value] : flags) params.set(name, value);
  return params;
}

PassResult run(const OnnxModel& model, const Flags& flags, CalibrationSource* source = nullptr) {
  return apply_pass(kPrunePass, model, params_of(flags), {.threads = 1, .calibration = source});
}

OnnxModel pruned(const OnnxModel& model, const Flags& flags, CalibrationSource* source = nullptr) {
  return run(model, flags, source).model(model);
}

std::string error_of(const OnnxModel& model, const Flags& flags,
                     ErrorCode code = ErrorCode::kUsage) {
  try {
    run(model, flags);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

Sizes dims_of(const OnnxModel& model, const std::string& name) {
  return model.tensors()[index_of(model, name)].dims;
}

void set_shape(onnx::ValueInfoProto& value, const Sizes& dims) {
  auto& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->clear_dim();
  for (const std::int64_t dim : dims) type.mutable_shape()->add_dim()->set_dim_value(dim);
}

// The filters of a layer {channels, columns} are constants: filter i has the value of its place.
Floats filters(const Floats& of_channels, std::size_t columns) {
  Floats values;
  for (const float value : of_channels) values.insert(values.end(), columns, value);
  return values;
}

// conv {4, 2, 1, 1} with a normalisation, and deep {3, 4, 1, 1} behind it.
class TwoLayers : public testing::Test {
 protected:
  TwoLayers() {
    builder_.add_conv("conv", {4, 2, 1, 1}, filters({3, 1, -4, 2}, 2));
    builder_.add_batch_norm("norm", 4);
    builder_.add_node("Relu", {});
    builder_.add_conv("deep", {3, 4, 1, 1}, bell_values(12, 1));
    set_shape(*builder_.proto().mutable_graph()->mutable_input(0), {1, 2, 5, 5});
  }

  void set_floats(const std::string& name, const Floats& values) {
    for (auto& tensor : *builder_.proto().mutable_graph()->mutable_initializer()) {
      if (tensor.name() != name) continue;
      tensor.set_raw_data(std::string(as_text(test::encode(DataType::kFloat, values))));
    }
  }

  ModelBuilder builder_;
};

TEST_F(TwoLayers, TheSmallestFiltersGoWithAllThatBelongsToThem) {
  const OnnxModel model = builder_.open();
  const OnnxModel small = pruned(model, {{"rate", "0.5"}});
  EXPECT_THAT(test::values_of(small, "conv.weight"), ElementsAre(3, 3, -4, -4));
  for (const char* name : {"conv.bias", "norm.scale", "norm.shift", "norm.mean", "norm.var"}) {
    const Floats before = test::values_of(model, name);
    EXPECT_THAT(test::values_of(small, name), ElementsAre(before[0], before[2])) << name;
  }
  EXPECT_EQ(dims_of(small, "deep.weight"), (Sizes{3, 2, 1, 1}));
  const Floats before = test::values_of(model, "deep.weight");
  EXPECT_THAT(test::values_of(small, "deep.weight"),
              ElementsAre(before[0], before[2], before[4], before[6], before[8], before[10]));
}

TEST_F(TwoLayers, ReportsGroupsParametersAndMultiplications) {
  const OnnxModel model = builder_.open();
  const PassReport report = run(model, {{"rate", "0.5"}}).report;
  ASSERT_TRUE(report.channels);
  ASSERT_EQ(report.channels->groups.size(), 1U);
  const ChannelReport& group = report.channels->groups.front();
  EXPECT_THAT(group.weights, ElementsAre("conv.weight"));
  EXPECT_EQ(group.before, 4U);
  EXPECT_EQ(group.after, 2U);
  EXPECT_EQ(group.tied, 6U);  // bias, four of the normalisation, deep.weight
  EXPECT_EQ(report.channels->weights_before, 8U + 4 + 16 + 12 + 3);
  EXPECT_EQ(report.channels->weights_after, 4U + 2 + 8 + 6 + 3);
  EXPECT_EQ(report.channels->multiplications_before, 25U * (8 + 12));
  EXPECT_EQ(report.channels->multiplications_after, 25U * (4 + 6));
  ASSERT_EQ(report.skipped.size(), 1U);
  EXPECT_EQ(report.skipped.front().name, "deep.weight");
  EXPECT_EQ(report.skipped.front().reason, "an output of the network");
}

TEST_F(TwoLayers, CriteriaLookAtWhatTheyAreNamedAfter) {
  set_floats("conv.weight", {3, 3, 5, 0, 2, 2, 2.5, 2.5});  // l1: 6 5 4 5; l2: 4.2 5 2.8 3.5
  set_floats("norm.scale", {0.1F, 0.4F, -0.9F, 0.3F});
  const OnnxModel model = builder_.open();
  const auto left = [&](const std::string& criterion) {
    return test::values_of(pruned(model, {{"rate", "0.25"}, {"criterion", criterion}}),
                           "conv.weight");
  };
  EXPECT_THAT(left("l1"), ElementsAre(3, 3, 5, 0, 2.5, 2.5));
  EXPECT_THAT(left("l2"), ElementsAre(3, 3, 5, 0, 2.5, 2.5));
  EXPECT_THAT(left("bn-scale"), ElementsAre(5, 0, 2, 2, 2.5, 2.5));
  EXPECT_THAT(test::values_of(pruned(model, {{"rate", "0.5"}, {"criterion", "l1"}}), "conv.weight"),
              ElementsAre(3, 3, 5, 0));  // of equal ones the last goes
  EXPECT_THAT(test::values_of(pruned(model, {{"rate", "0.5"}, {"criterion", "l2"}}), "conv.weight"),
              ElementsAre(3, 3, 5, 0));
}

TEST_F(TwoLayers, CountsAreRounded) {
  const OnnxModel model = builder_.open();
  const auto left = [&](const Flags& flags) {
    return dims_of(pruned(model, flags), "conv.weight").front();
  };
  EXPECT_EQ(left({{"rate", "0.49"}}), 3);
  EXPECT_EQ(left({{"rate", "0.99"}}), 1);
  EXPECT_EQ(left({{"rate", "0.99"}, {"round-to", "2"}}), 2);
  EXPECT_EQ(left({{"rate", "0.5"}, {"round-to", "8"}}), 4);
  EXPECT_EQ(left({{"layer", "conv*=0.75"}}), 1);
  EXPECT_EQ(left({{"rate", "0.75"}, {"channels", "conv.weight=3"}}), 3);
  EXPECT_EQ(left({{"rate", "0.5"}, {"scope", "global"}}), 2);
}

TEST_F(TwoLayers, WhatIsLeftOutKeepsItsChannels) {
  const OnnxModel model = builder_.open();
  EXPECT_THAT(error_of(model, {{"rate", "0.5"}, {"exclude", "conv*"}}, ErrorCode::kUnsupported),
              HasSubstr("no layer's output channels can be removed"));
  EXPECT_EQ(dims_of(pruned(model, {{"rate", "0.5"}, {"include", "conv*"}}), "conv.weight"),
            (Sizes{2, 2, 1, 1}));
}

TEST_F(TwoLayers, RefusesWhatDoesNotGoTogether) {
  const OnnxModel model = builder_.open();
  EXPECT_THAT(error_of(model, {}), HasSubstr("say how many channels are to go"));
  EXPECT_THAT(error_of(model, {{"threshold", "0.1"}}), HasSubstr("not --threshold"));
  EXPECT_THAT(error_of(model, {{"scope", "global"}, {"layer", "conv*=0.5"}}),
              HasSubstr("--scope global needs --rate"));
  EXPECT_THAT(error_of(model, {{"channels", "conv*"}}), HasSubstr("NAME=COUNT"));
  EXPECT_THAT(error_of(model, {{"channels", "conv*=0"}}), HasSubstr("channels conv*"));
  EXPECT_THAT(error_of(model, {{"rate", "0.5"}, {"criterion", "hessian"}}),
              HasSubstr("needs samples"));
  EXPECT_THAT(error_of(model, {{"rate", "0.5"}, {"method", "obs"}}), HasSubstr("needs samples"));
  Params params(kPrunePass.params);
  params.set("rate", "0.5");
  params.set("criterion", "l1");
  EXPECT_THROW(kPrunePass.check(params), Error);
}

TEST_F(TwoLayers, RepetitionsArriveWhereOneStepDoes) {
  const OnnxModel model = builder_.open();
  const Params wanted = params_of({{"rate", "0.75"}});
  OnnxModel now = model;
  for (const double fraction : {0.4, 0.7, 1.0}) {
    const Params part = kPrunePass.growth.part_way(model, wanted, fraction);
    now = apply_pass(kPrunePass, now, part, {.threads = 1}).model(now);
    EXPECT_EQ(dims_of(now, "conv.weight").front(), 4 - static_cast<int>(3 * fraction));
  }
  EXPECT_EQ(test::values_of(now, "conv.weight"),
            test::values_of(pruned(model, {{"rate", "0.75"}}), "conv.weight"));
}

TEST_F(TwoLayers, StatedShapesFollow) {
  auto& graph = *builder_.proto().mutable_graph();
  auto& value = *graph.add_value_info();
  value.set_name(graph.node(0).output(0));
  set_shape(value, {1, 4, 5, 5});
  // Before the fourth version of the format initializers were inputs, too.
  builder_.proto().set_ir_version(3);
  for (const auto& tensor : graph.initializer()) {
    auto& input = *graph.add_input();
    input.set_name(tensor.name());
    set_shape(input, {tensor.dims().begin(), tensor.dims().end()});
  }
  const OnnxModel small = pruned(builder_.open(), {{"rate", "0.5"}});
  EXPECT_EQ(small.graph()->main.values.front().dims, (Sizes{1, 2, 5, 5}));
  onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(std::string(as_text(small.files().front().bytes.joined()))));
  std::map<std::string, Sizes> stated;
  for (const auto& input : proto.graph().input()) {
    for (const auto& dim : input.type().tensor_type().shape().dim()) {
      stated[input.name()].push_back(dim.dim_value());
    }
  }
  for (const auto& tensor : proto.graph().initializer()) {
    EXPECT_EQ(stated.at(tensor.name()), (Sizes{tensor.dims().begin(), tensor.dims().end()}))
        << tensor.name();
  }
}

// Moments of given columns.
Moments moments_of(const std::vector<Floats>& columns) {
  const std::size_t count = columns.front().size();
  Moments moments;
  moments.count = count;
  moments.groups = 1;
  moments.columns = columns.size();
  for (const Floats& a : columns) {
    double sum = 0;
    for (const float value : a) sum += value;
    moments.mean.push_back(sum / static_cast<double>(count));
    for (const Floats& b : columns) {
      double product = 0;
      for (std::size_t i = 0; i < count; ++i) product += static_cast<double>(a[i]) * b[i];
      moments.second.push_back(product / static_cast<double>(count));
    }
  }
  return moments;
}

class Samples : public CalibrationSource {
 public:
  void visit(const OnnxModel& model, std::span<const std::size_t> tensors,
             const std::function<PayloadEdits(std::size_t, const Moments&)>& visit) override {
    for (const std::size_t tensor : tensors) {
      const auto found = moments.find(model.tensors()[tensor].name);
      if (found != moments.end()) visit(tensor, found->second);
    }
  }

  std::map<std::size_t, std::vector<float>> gradient_squares(
      const OnnxModel& model, std::span<const std::size_t> tensors) override {
    std::map<std::size_t, std::vector<float>> found;
    for (const std::size_t tensor : tensors) {
      const auto own = squares.find(model.tensors()[tensor].name);
      if (own != squares.end()) found[tensor] = own->second;
    }
    return found;
  }

  std::map<std::string, Moments> moments;
  std::map<std::string, Floats> squares;
};

TEST_F(TwoLayers, LayersBehindMakeUpForWhatIsCorrelated) {
  // The last input is the first one: with many samples it costs nothing.
  constexpr std::size_t kSamples = 20'000;
  Samples samples;
  std::vector<Floats> columns = {bell_values(kSamples, 1, 1), bell_values(kSamples, 2, 1),
                                 bell_values(kSamples, 3, 1)};
  columns.push_back(columns.front());
  samples.moments["deep.weight"] = moments_of(columns);
  const OnnxModel model = builder_.open();
  const OnnxModel small = pruned(model, {{"rate", "0.25"}, {"method", "obs"}}, &samples);
  const Floats before = test::values_of(model, "deep.weight");
  const Floats after = test::values_of(small, "deep.weight");
  ASSERT_EQ(after.size(), 9U);
  const bool first_went = test::values_of(small, "conv.weight").front() == 1;
  for (std::size_t row = 0; row < 3; ++row) {
    const float sum = before[row * 4] + before[row * 4 + 3];
    EXPECT_NEAR(after[row * 3 + (first_went ? 2 : 0)], sum, 0.02) << row;
    EXPECT_NEAR(after[row * 3 + (first_went ? 0 : 1)], before[row * 4 + 1], 0.02) << row;
  }
}

TEST_F(TwoLayers, TaylorCountsWhatGradientsSay) {
  Samples samples;
  samples.squares["conv.weight"] = {1, 1, 9, 9, 0.1F, 0.1F, 1, 1};  // of filters 3, 1, -4, 2
  const OnnxModel model = builder_.open();
  const OnnxModel small = pruned(model, {{"rate", "0.5"}, {"criterion", "taylor"}}, &samples);
  EXPECT_THAT(test::values_of(small, "conv.weight"), ElementsAre(3, 3, 1, 1));
}

TEST(RemovalCost, IsTheLeastThatIsLost) {
  constexpr std::size_t kColumns = 9;
  constexpr std::size_t kRows = 5;
  const test::Matrix h = test::second_moments(kColumns, 40, 3);
  const Floats weights = bell_values(kRows * kColumns, 4, 1);
  const std::vector<std::uint32_t> removed = {1, 4, 5};
  const InverseFactor factor = factor_inverse(h, kColumns, ColumnOrder::kNatural, 0);
  // Columns that stay are solved for by descent: the loss of the best of them.
  double expected = 0;
  for (std::size_t row = 0; row < kRows; ++row) {
    std::vector<double> error(kColumns, 0.0);
    for (const std::uint32_t column : removed) error[column] = weights[row * kColumns + column];
    const auto gradient = [&](std::size_t i) {
      double sum = 0;
      for (std::size_t j = 0; j < kColumns; ++j) sum += h[i * kColumns + j] * error[j];
      return sum;
    };
    for (int sweep = 0; sweep < 2000; ++sweep) {
      for (std::size_t i = 0; i < kColumns; ++i) {
        if (std::ranges::count(removed, i) > 0) continue;
        error[i] -= gradient(i) / h[i * kColumns + i];
      }
    }
    for (std::size_t i = 0; i < kColumns; ++i) expected += error[i] * gradient(i);
  }
  EXPECT_NEAR(removal_cost(factor, weights, kRows, removed), expected, 1e-4 * expected);
}

// Whatever sizes are said to be, nothing is read or tied outside them.
TEST(ChannelGroups, SurviveSizesThatContradictEachOther) {
  ModelBuilder builder;
  builder.add_conv("conv", {4, 2, 3, 3}, bell_values(72, 1));
  builder.add_batch_norm("norm", 4);
  builder.add_conv("deep", {6, 4, 1, 1}, bell_values(24, 2));
  builder.add_node("Flatten", {});
  builder.add_gemm("fc", {150, 5}, bell_values(750, 3));
  set_shape(*builder.proto().mutable_graph()->mutable_input(0), {1, 2, 7, 7});
  const OnnxModel model = builder.open();
  const ValueShapes shapes = infer_shapes(model, {});
  SplitMix64 random(5);
  std::size_t groups = 0;
  for (int round = 0; round < 300; ++round) {
    DimsByValue dims = shapes;
    for (const TensorInfo& tensor : model.tensors()) dims[tensor.name] = tensor.dims;
    for (auto& [name, sizes] : dims) {
      if (random.next() % 6 != 0) continue;
      if (random.next() % 3 == 0) sizes.resize(random.next() % 6, 3);
      for (std::int64_t& size : sizes) {
        if (random.next() % 2 == 0) size = static_cast<std::int64_t>(random.next() % 9) - 1;
      }
    }
    groups += find_channel_groups(*model.graph(), dims,
                                  [](const GraphTensor&) { return std::nullopt; }, {})
                  .groups.size();
  }
  EXPECT_GT(groups, 0U);
}

// Lists that are too short for what they describe.
TEST(ChannelGroups, NodesWithListsThatAreTooShortKeepTheirChannels) {
  for (const std::string op : {"Transpose", "Slice", "Pad", "Split"}) {
    ModelBuilder builder;
    builder.add_conv("conv", {4, 2, 1, 1}, bell_values(8, 1));
    builder.add_node(op, {});
    for (const char* name : {"perm", "starts", "pads", "split"}) builder.set_ints(name, {1});
    builder.set_ints("ends", {});
    builder.add_conv("deep", {3, 4, 1, 1}, bell_values(12, 1));
    const OnnxModel model = builder.open();
    DimsByValue dims = {{"x", {1, 2, 5, 5}}};
    for (const Node& node : model.graph()->main.nodes) dims[node.outputs.front()] = {1, 4, 5, 5};
    for (const TensorInfo& tensor : model.tensors()) dims[tensor.name] = tensor.dims;
    EXPECT_TRUE(find_channel_groups(*model.graph(), dims,
                                    [](const GraphTensor&) { return std::nullopt; }, {})
                    .groups.empty())
        << op;
  }
}

// A pattern that holds for all blocks of a layer.
TEST(Patterns, TwoOfFourInputsAreLeft) {
  ModelBuilder builder;
  const Floats before = bell_values(6 * 9 * 9, 1);
  builder.add_conv("conv", {6, 9, 3, 3}, before);
  builder.add_gemm("fc", {10, 8}, bell_values(80, 2));
  const OnnxModel model = builder.open();
  Params params(kPrunePass.params);
  params.set("structured", "2:4");
  const OnnxModel after = apply_pass(kPrunePass, model, params, {.threads = 1}).model(model);
  const Floats values = test::values_of(after, "conv.weight");
  for (std::size_t row = 0; row < 6; ++row) {
    for (std::size_t tap = 0; tap < 9; ++tap) {
      for (std::size_t block = 0; block < 2; ++block) {
        Floats kept;
        Floats lost;
        for (std::size_t i = 0; i < 4; ++i) {
          const std::size_t at = (row * 9 + block * 4 + i) * 9 + tap;
          (values[at] != 0 ? kept : lost).push_back(std::fabs(before[at]));
        }
        ASSERT_EQ(kept.size(), 2U);
        EXPECT_GE(std::ranges::min(kept), std::ranges::max(lost));
      }
      const std::size_t last = (row * 9 + 8) * 9 + tap;
      EXPECT_EQ(values[last], before[last]);
    }
  }
  params.set("rate", "0.5");
  EXPECT_THROW(apply_pass(kPrunePass, model, params, {.threads = 1}), Error);
  const Floats dense = test::values_of(after, "fc.weight");
  for (std::size_t row = 0; row < 8; ++row) {
    for (const std::size_t begin : {std::size_t{0}, std::size_t{4}}) {
      int zeros = 0;
      for (std::size_t i = 0; i < 4; ++i) zeros += dense[(begin + i) * 8 + row] == 0 ? 1 : 0;
      EXPECT_EQ(zeros, 2);
    }
  }
}

TEST(Patterns, FourByOneBlocksGoTogether) {
  ModelBuilder builder;
  builder.add_gemm("fc", {10, 14}, bell_values(140, 2));
  const OnnxModel model = builder.open();
  Params params(kPrunePass.params);
  params.set("structured", "4x1");
  params.set("rate", "0.5");
  const OnnxModel after = apply_pass(kPrunePass, model, params, {.threads = 1}).model(model);
  const Floats values = test::values_of(after, "fc.weight");
  int gone = 0;
  for (std::size_t column = 0; column < 10; ++column) {
    for (std::size_t begin = 0; begin < 14; begin += 4) {
      const std::size_t end = std::min<std::size_t>(begin + 4, 14);
      std::size_t zeros = 0;
      for (std::size_t row = begin; row < end; ++row) {
        zeros += values[column * 14 + row] == 0 ? 1 : 0;
      }
      EXPECT_TRUE(zeros == 0 || zeros == end - begin);
      gone += zeros > 0 ? 1 : 0;
    }
  }
  EXPECT_EQ(gone, 20);
  params.set("method", "obs");
  EXPECT_THROW(kPrunePass.check(params), Error);
}

}  // namespace
}  // namespace qc
