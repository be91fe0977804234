// Metrics of outputs against their definitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "model_builder.h"
#include "pipeline/bootstrap.h"
#include "pipeline/output_metrics.h"

namespace qc {
namespace {

HostTensor floats(std::vector<std::int64_t> dims, const std::vector<float>& values) {
  HostTensor tensor{DataType::kFloat, std::move(dims), Bytes(values.size() * sizeof(float))};
  std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

OutputMetrics of_one(const JudgedOutput& output, const HostTensor& a, const HostTensor& b) {
  return output_metrics(output, {compare_outputs(output, a, b)});
}

TEST(OutputMetrics, AreTheirDefinitions) {
  const OutputMetrics metrics =
      of_one({.name = "y"}, floats({4}, {3, 0, -4, 0}), floats({4}, {3, 1, -4, 0}));
  EXPECT_DOUBLE_EQ(metrics.snr_db, 10 * std::log10(25.0));
  EXPECT_DOUBLE_EQ(metrics.cosine, 25 / std::sqrt(25.0 * 26));
  EXPECT_EQ(metrics.max_error, 1);
  EXPECT_EQ(metrics.positions, 0);
}

TEST(OutputMetrics, EqualOutputsAreInfinitelyClose) {
  const HostTensor y = floats({2}, {1, 2});
  const OutputMetrics metrics = of_one({.name = "y"}, y, y);
  EXPECT_EQ(metrics.snr_db, std::numeric_limits<double>::infinity());
  EXPECT_DOUBLE_EQ(metrics.cosine, 1);
  const HostTensor zeros = floats({2}, {0, 0});
  EXPECT_EQ(of_one({.name = "y"}, zeros, zeros).cosine, 1);
  EXPECT_EQ(of_one({.name = "y"}, zeros, y).cosine, 0);
}

// Classes on an axis in the middle: {2, 3 classes, 2}.
TEST(OutputMetrics, AgreementIsByPosition) {
  const JudgedOutput output{.name = "y", .scores_axis = 1};
  const HostTensor a = floats({2, 3, 2}, {9, 0, 0, 9, 0, 0, /**/ 0, 0, 9, 0, 0, 9});
  const HostTensor b = floats({2, 3, 2}, {9, 9, 0, 0, 0, 0, /**/ 0, 0, 8, 0, 0, 7});
  const OutputMetrics metrics = of_one(output, a, b);
  EXPECT_EQ(metrics.positions, 4);
  EXPECT_DOUBLE_EQ(metrics.agreement, 0.75);
}

TEST(OutputMetrics, LabelsTellTheAccuracyOfBoth) {
  const JudgedOutput output{.name = "y", .scores_axis = -1};
  const auto compare = [&](std::vector<float> a, std::vector<float> b, std::int64_t label) {
    return compare_outputs(output, floats({1, 3}, a), floats({1, 3}, b), label);
  };
  const OutputMetrics metrics = output_metrics(
      output, {compare({0, 1, 0}, {0, 1, 0}, 1), compare({0, 1, 0}, {1, 0, 0}, 0),
               compare({0, 1, 0}, {1, 0, 0}, 1), compare({0, 1, 0}, {NAN, 0, 0}, 1)});
  EXPECT_EQ(metrics.labelled, 4);
  EXPECT_DOUBLE_EQ(metrics.accuracy, 0.5);
  EXPECT_DOUBLE_EQ(metrics.reference_accuracy, 0.75);
  // Of several positions nobody knows which one a label is for.
  const HostTensor two = floats({2, 2}, {1, 0, 0, 1});
  EXPECT_FALSE(compare_outputs(output, two, two, 0).labelled);
}

TEST(OutputMetrics, DivergenceOfScoresAndProbabilities) {
  const auto softmax = [](double x, double y) { return std::exp(x) / (std::exp(x) + std::exp(y)); };
  const double p = softmax(1, 0);
  const double q = softmax(0.5, 0);
  const double wanted = p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
  const JudgedOutput scores{.name = "y", .scores_axis = -1};
  EXPECT_NEAR(of_one(scores, floats({1, 2}, {1, 0}), floats({1, 2}, {0.5F, 0})).kl, wanted, 1e-6);
  const JudgedOutput probabilities{.name = "y", .scores_axis = -1, .probabilities = true};
  const auto pair = [](double first) {
    return floats({1, 2}, {static_cast<float>(first), static_cast<float>(1 - first)});
  };
  EXPECT_NEAR(of_one(probabilities, pair(p), pair(q)).kl, wanted, 1e-6);
}

TEST(OutputMetrics, NoNumbersAndOtherShapesAgreeNowhere) {
  const JudgedOutput output{.name = "y", .scores_axis = -1};
  const HostTensor y = floats({1, 2}, {1, 3});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const OutputMetrics broken = of_one(output, y, floats({1, 2}, {nan, 3}));
  EXPECT_EQ(broken.agreement, 0);
  EXPECT_DOUBLE_EQ(broken.snr_db, 10 * std::log10(10.0));
  const OutputMetrics other = of_one(output, y, floats({2, 1}, {1, 3}));
  EXPECT_EQ(other.agreement, 0);
  EXPECT_EQ(other.snr_db, 0);
}

TEST(OutputMetrics, IntegersAreNumbersAndStringsAgreeOrNot) {
  HostTensor a{DataType::kInt64, {2}, Bytes(16)};
  a.bytes[0] = 3;
  HostTensor b = a;
  b.bytes[8] = 1;
  EXPECT_DOUBLE_EQ(of_one({.name = "y"}, a, b).snr_db, 10 * std::log10(9.0));
  const HostTensor cat{DataType::kString, {1}, {}, {"cat"}};
  const HostTensor dog{DataType::kString, {1}, {}, {"dog"}};
  EXPECT_EQ(of_one({.name = "y"}, cat, cat).agreement, 1);
  EXPECT_EQ(of_one({.name = "y"}, cat, dog).agreement, 0);
}

std::vector<JudgedOutput> outputs_of(const std::vector<std::string>& nodes, std::int64_t opset) {
  test::ModelBuilder builder;
  builder.add_gemm("fc", {4, 3}, test::bell_values(12, 1));
  for (const std::string& op : nodes) builder.add_node(op, {});
  builder.set_opset(opset);
  return judged_outputs(*builder.open().graph());
}

TEST(JudgedOutputs, ScoresAreFoundInTheGraph) {
  EXPECT_FALSE(outputs_of({"Relu"}, 13).front().scores_axis);
  const JudgedOutput softmax = outputs_of({"Softmax"}, 13).front();
  EXPECT_EQ(softmax.scores_axis, -1);
  EXPECT_TRUE(softmax.probabilities);
  // Until opset 12 the classes began at axis 1.
  EXPECT_EQ(outputs_of({"Softmax"}, 12).front().scores_axis, 1);
  const JudgedOutput logarithms = outputs_of({"LogSoftmax", "Identity"}, 13).front();
  EXPECT_EQ(logarithms.scores_axis, -1);
  EXPECT_FALSE(logarithms.probabilities);
  EXPECT_FALSE(outputs_of({"Softmax", "Relu"}, 13).front().scores_axis);
}

TEST(OutputMetrics, ArgMaximaAreByPosition) {
  const HostTensor y = floats({2, 3, 2}, {9, 0, 0, 9, 0, 0, /**/ 0, 0, 9, 0, 0, 9});
  EXPECT_THAT(arg_maxima({.name = "y", .scores_axis = 1}, y), testing::ElementsAre(0, 1, 1, 2));
  EXPECT_THAT(arg_maxima({.name = "y"}, y), testing::IsEmpty());
  EXPECT_THAT(arg_maxima({.name = "y", .scores_axis = 3}, y), testing::IsEmpty());
  // Of a type that is not compared there are no values.
  const HostTensor other{DataType::kUint64, {1, 2}, Bytes(16)};
  EXPECT_THAT(arg_maxima({.name = "y", .scores_axis = 1}, other), testing::IsEmpty());
  EXPECT_EQ(of_one({.name = "y", .scores_axis = 1}, other, other).positions, 0);
}

// Wilson's interval holds the rates p of which n in n, or none, is within 1.96 deviations.
TEST(Bootstrap, UnanimityIsNoCertainty) {
  for (const std::size_t count : {1U, 4U, 100U}) {
    const auto n = static_cast<double>(count);
    const Interval all = unanimous_interval(count, true);
    EXPECT_EQ(all.high, 1);
    EXPECT_NEAR((1 - all.low) / std::sqrt(all.low * (1 - all.low) / n), 1.96, 1e-3);
    const Interval none = unanimous_interval(count, false);
    EXPECT_EQ(none.low, 0);
    EXPECT_DOUBLE_EQ(none.high, 1 - all.low);
  }
}

TEST(Bootstrap, IntervalsHoldTheMeanAndShrinkWithSamples) {
  const auto width = [](std::size_t count) {
    const std::vector<float> values = test::bell_values(count, 5, 1.0F);
    const Interval interval = bootstrap_interval(count, [&](std::span<const std::size_t> drawn) {
      double sum = 0;
      for (const std::size_t i : drawn) sum += values[i];
      return sum / static_cast<double>(drawn.size());
    });
    double mean = 0;
    for (const float value : values) mean += value / static_cast<double>(count);
    EXPECT_LT(interval.low, mean);
    EXPECT_GT(interval.high, mean);
    return interval.high - interval.low;
  };
  // Of a mean of n, 2 * 1.96 / sqrt(n).
  EXPECT_NEAR(width(400), 2 * 1.96 / 20, 0.03);
  EXPECT_NEAR(width(100), 2 * 1.96 / 10, 0.08);
}

}  // namespace
}  // namespace qc
