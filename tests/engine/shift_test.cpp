// Shift-based batch normalisation and AdaMax ("Binarized Neural Networks", arXiv 1602.02830,
// algorithms 3 and 4), beside the algorithms written out.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "clusters.h"
#include "engine_fixture.h"
#include "passes/kernels/power_of_two.h"
#include "unit/model_builder.h"
#include "unit/model_values.h"

namespace qc {
namespace {

using test::Clusters;
using test::kClasses;
using test::values_of;

constexpr std::size_t kInputs = Clusters::kInputs;
constexpr double kEpsilon = 1e-5F;  // of ONNX, where a node does not say

bool is_power_of_two(double value) {
  int exponent = 0;
  return std::fabs(std::frexp(value, &exponent)) == 0.5;
}

double power_of_two(double value) { return nearest_power_of_two(static_cast<float>(value)); }

std::vector<double> doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

class Shift : public test::EngineTest {
 protected:
  /// One full batch of plain gradient descent.
  static TrainJob one_batch(const OnnxModel& model, const Dataset& data) {
    TrainJob job;
    job.options.epochs = 1;
    job.options.batch = data.size();
    job.options.learning_rate = 1;
    job.tensors = test::float_tensors(model);
    job.train = &data;
    return job;
  }
};

OnnxModel normalised_layers() {
  test::ModelBuilder builder;
  builder.add_gemm("fc1", {kInputs, 16}, test::bell_values(kInputs * 16, 1, 0.4F));
  builder.add_batch_norm("norm", 16).add_node("Relu", {});
  builder.add_gemm("fc2", {16, kClasses}, test::bell_values(16 * kClasses, 2, 0.4F));
  return builder.open();
}

TEST_F(Shift, TrainedNormalisationsShift) {
  const Clusters data(300);
  const Clusters held_out(90);
  const OnnxModel model = normalised_layers();
  TrainJob job = one_batch(model, data);
  job.validation = &held_out;
  job.options.epochs = 8;
  job.options.batch = 16;
  job.options.norm = NormTraining::kShift;
  job.options.optimizer = Optimizer::kShiftAdaMax;
  job.options.learning_rate = 0x1p-7;
  const TrainResult result = train(model, job);
  const OnnxModel trained = model.edited(result.values);
  ASSERT_GT(result.best_epoch, 0);
  for (const float scale : values_of(trained, "norm.scale")) EXPECT_TRUE(is_power_of_two(scale));
  for (const float variance : values_of(trained, "norm.var")) {
    EXPECT_GE(variance, 0);
    const double inverse = 1 / std::sqrt(static_cast<double>(variance) + kEpsilon);
    EXPECT_NEAR(inverse / power_of_two(inverse), 1, 1e-6);
  }
  // What was validated is what comes out.
  const Metrics again = load(trained)->evaluate(held_out, 64, {});
  const auto best = static_cast<std::size_t>(result.best_epoch - 1);
  ASSERT_TRUE(result.epochs[best].validation);
  EXPECT_EQ(again.top1, result.epochs[best].validation->top1);
  EXPECT_NEAR(again.loss, result.epochs[best].validation->loss, 1e-6);
  EXPECT_GT(again.top1, 0.9);
}

// Algorithm 3 in double precision, and the loss and running mean that come of it.
TEST_F(Shift, NormalisesABatchByPowersOfTwo) {
  const Clusters data(24, {kClasses});
  test::ModelBuilder builder;
  builder.add_batch_norm("norm", kClasses);
  const OnnxModel plain = builder.open();
  const std::vector<float> scale = {0.8F, -1.6F, 3};
  const std::vector<float> bias = {0.1F, -0.2F, 0.3F};
  const OnnxModel model =
      plain.edited({{test::index_of(plain, "norm.scale"), test::encode(DataType::kFloat, scale)},
                    {test::index_of(plain, "norm.shift"), test::encode(DataType::kFloat, bias)}});
  TrainJob job = one_batch(model, data);
  job.options.norm = NormTraining::kShift;
  const TrainResult result = train(model, job);

  const auto count = static_cast<double>(data.size());
  std::vector<std::array<float, kClasses>> samples(data.size());
  std::vector<std::size_t> labels;
  for (std::size_t n = 0; n < data.size(); ++n) {
    labels.push_back(static_cast<std::size_t>(data.load(n, samples[n])));
  }
  std::vector<std::array<double, kClasses>> scores(data.size());
  for (std::size_t c = 0; c < kClasses; ++c) {
    double mean = 0;
    for (const auto& sample : samples) mean += sample[c] / count;
    double variance = 0;
    for (const auto& sample : samples) {
      variance += (sample[c] - mean) * power_of_two(sample[c] - mean) / count;
    }
    const double inverse = power_of_two(1 / std::sqrt(variance + kEpsilon));
    for (std::size_t n = 0; n < data.size(); ++n) {
      scores[n][c] = (samples[n][c] - mean) * inverse * power_of_two(scale[c]) + bias[c];
    }
    const OnnxModel trained = model.edited(result.values);
    EXPECT_NEAR(values_of(trained, "norm.mean")[c], 0.9 + 0.1 * mean, 1e-6);
  }
  double loss = 0;
  for (std::size_t n = 0; n < data.size(); ++n) {
    double sum = 0;
    for (const double score : scores[n]) sum += std::exp(score);
    loss += (std::log(sum) - scores[n][labels[n]]) / count;
  }
  EXPECT_NEAR(result.epochs.front().train_loss, loss, 1e-5);
}

// Two steps of algorithm 4; plain gradient descent from the same weights tells the gradients.
TEST_F(Shift, AdaMaxStepsByPowersOfTwo) {
  const Clusters data(30);
  test::ModelBuilder builder;
  builder.add_gemm("fc", {kInputs, kClasses}, test::bell_values(kInputs * kClasses, 1, 0.4F));
  const OnnxModel model = builder.open();
  constexpr double kRate = 0.01;
  const auto gradient_at = [&](const OnnxModel& at) {
    const OnnxModel moved = at.edited(train(at, one_batch(at, data)).values);
    std::vector<double> gradient = doubles(values_of(at, "fc.weight"));
    const std::vector<double> after = doubles(values_of(moved, "fc.weight"));
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] -= after[i];
    return gradient;
  };
  const auto after_steps = [&](int steps) {
    TrainJob job = one_batch(model, data);
    job.options.epochs = steps;
    job.options.optimizer = Optimizer::kShiftAdaMax;
    job.options.learning_rate = kRate;
    return model.edited(train(model, job).values);
  };
  const OnnxModel once = after_steps(1);
  const std::vector<double> start = doubles(values_of(model, "fc.weight"));
  const std::vector<double> first = doubles(values_of(once, "fc.weight"));
  const std::vector<double> second = doubles(values_of(after_steps(2), "fc.weight"));
  const std::vector<double> g1 = gradient_at(model);
  const std::vector<double> g2 = gradient_at(once);
  // Gradients are known to a rounding of the weights: some are too close to where the power jumps.
  const auto clear = [](double value) {
    return power_of_two(value * 0.999) == power_of_two(value * 1.001) && value < 1e5;
  };
  int checked = 0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    const double v1 = std::fabs(g1[i]);
    const double v2 = std::max((1 - 0x1p-10) * v1, std::fabs(g2[i]));
    if (!clear(1 / v1) || !clear(1 / v2)) continue;
    const double m1 = g1[i] / 8;
    const double m2 = m1 * 7 / 8 + g2[i] / 8;
    const double step1 = power_of_two(kRate * 8) * m1 * power_of_two(1 / v1);
    const double step2 = power_of_two(kRate / (1 - 49.0 / 64)) * m2 * power_of_two(1 / v2);
    EXPECT_NEAR(start[i] - first[i], step1, 1e-5) << i;
    EXPECT_NEAR(first[i] - second[i], step2, 1e-5) << i;
    ++checked;
  }
  EXPECT_GT(checked, 25);
}

}  // namespace
}  // namespace qc
