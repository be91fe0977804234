// Low-bit networks: what the quantisers in a graph compute, and how training sees through them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <vector>

#include "clusters.h"
#include "core/float_types.h"
#include "engine_fixture.h"
#include "passes/activations.h"
#include "passes/kernels/dorefa.h"
#include "pipeline/constraints.h"
#include "unit/model_builder.h"
#include "unit/model_values.h"

namespace qc {
namespace {

using test::Clusters;
using test::index_of;
using test::kClasses;
using test::values_of;

constexpr std::int64_t kInputs = Clusters::kInputs;

std::vector<float> identity(std::int64_t size) {
  std::vector<float> values(static_cast<std::size_t>(size * size));
  for (std::int64_t i = 0; i < size; ++i) values[static_cast<std::size_t>(i * (size + 1))] = 1;
  return values;
}

class LowBitEngine : public test::EngineTest {
 protected:
  static std::vector<float> run(const OnnxModel& model, const std::vector<float>& inputs,
                                const std::vector<std::int64_t>& shape) {
    HostTensor input{DataType::kFloat, shape, test::encode(DataType::kFloat, inputs)};
    const auto outputs = load(model)->run({&input, 1});
    return load_floats(DataType::kFloat, outputs.front().bytes);
  }

  /// What a quantiser in front of the second of two layers makes of values, both layers handing
  /// them on. Biases are taken off.
  static std::vector<float> quantised(const std::vector<float>& values, const ActivationForm& form,
                                      std::int64_t opset = 13) {
    const auto size = static_cast<std::int64_t>(values.size());
    test::ModelBuilder builder;
    builder.add_floats("first", {size, size}, identity(size)).add_node("MatMul", {"first"});
    builder.add_floats("second", {size, size}, identity(size)).add_node("MatMul", {"second"});
    builder.set_opset(opset);
    const OnnxModel model = builder.open();
    std::vector<std::string> notes;
    return run(quantize_activations(model, {index_of(model, "second")}, form, notes), values,
               {1, size});
  }

  static TrainJob make_job(const OnnxModel& model, const Dataset& data) {
    TrainJob job;
    job.options.epochs = 1;
    job.options.batch = data.size();
    job.options.learning_rate = 0.05;
    job.options.seed = 5;
    job.tensors = test::float_tensors(model);
    job.train = &data;
    return job;
  }

  static double top1(const OnnxModel& model, const Dataset& data) {
    return load(model)->evaluate(data, 64, {}).top1;
  }
};

const std::vector<float> kValues = {-3,    -1,        -0.5F,   -1e-30F, -0.0F, 0.0F,
                                    1e-9F, 0.166667F, 0.4999F, 0.5001F, 1,     2.5F};

TEST_F(LowBitEngine, SignsAreOneFromZeroUp) {
  const std::vector<float> signs = quantised(kValues, {.kind = ActivationKind::kSign});
  for (std::size_t i = 0; i < kValues.size(); ++i) {
    EXPECT_EQ(signs[i], kValues[i] >= 0 ? 1 : -1) << kValues[i];
  }
  EXPECT_EQ(quantised(kValues, {.kind = ActivationKind::kSign}, 9), signs) << "with older Clip";
  EXPECT_EQ(quantised(kValues, {.kind = ActivationKind::kSign}, 7), signs) << "without Sign";
}

TEST_F(LowBitEngine, UnitsAreThoseOfTheKernel) {
  for (const int bits : {1, 2, 3, 8}) {
    for (const std::int64_t opset : {7, 13}) {
      const ActivationForm form{.kind = ActivationKind::kUnit, .bits = bits};
      const std::vector<float> codes = quantised(kValues, form, opset);
      for (std::size_t i = 0; i < kValues.size(); ++i) {
        EXPECT_FLOAT_EQ(codes[i], dorefa_activation(kValues[i], bits))
            << kValues[i] << " with " << bits << " bits";
      }
    }
  }
}

TEST_F(LowBitEngine, SymmetricStepsGoFromMinusOneToOne) {
  for (const int bits : {2, 3}) {
    const int steps = (1 << bits) - 1;
    const std::vector<float> codes =
        quantised(kValues, {.kind = ActivationKind::kSymmetric, .bits = bits});
    for (std::size_t i = 0; i < kValues.size(); ++i) {
      double nearest = std::numeric_limits<double>::infinity();
      for (int step = 0; step <= steps; ++step) {
        const double level = 2.0 * step / steps - 1;
        nearest = std::min(nearest, std::fabs(level - static_cast<double>(kValues[i])));
      }
      const double clipped = std::clamp(static_cast<double>(kValues[i]), -1.0, 1.0);
      EXPECT_LE(std::fabs(static_cast<double>(codes[i]) - clipped), nearest + 1e-6) << kValues[i];
      const double code = (static_cast<double>(codes[i]) + 1) / 2 * steps;
      EXPECT_NEAR(code, std::round(code), 1e-5);
    }
  }
}

// Equation 11 of XNOR-Net by hand: conv(sign(x), w) * K + bias, K the box-filtered mean of |x|.
TEST_F(LowBitEngine, XnorScalesByTheMeanMagnitudesOfTheInput) {
  constexpr std::int64_t kSize = 5;
  constexpr std::int64_t kChannels = 2;
  constexpr std::int64_t kOut = 3;
  const std::vector<float> weights = test::bell_values(kOut * kChannels * 9, 4, 1);
  test::ModelBuilder builder;
  const std::vector<float> pass_on = {1, 0, 0, 1};
  builder.add_floats("first", {kChannels, kChannels, 1, 1}, pass_on).add_node("Conv", {"first"});
  builder.add_conv("second", {kOut, kChannels, 3, 3}, weights);
  builder.set_ints("pads", {1, 1, 1, 1}).set_ints("strides", {2, 2});
  const OnnxModel model = builder.open();
  std::vector<std::string> notes;
  const OnnxModel xnor =
      quantize_activations(model, {index_of(model, "second.weight")},
                           {.kind = ActivationKind::kSign, .scale_map = true}, notes);
  const std::vector<float> input = test::bell_values(kChannels * kSize * kSize, 8, 1);
  const std::vector<float> bias = values_of(model, "second.bias");
  const std::vector<float> outputs = run(xnor, input, {1, kChannels, kSize, kSize});
  constexpr std::int64_t kOutSize = 3;
  ASSERT_EQ(outputs.size(), static_cast<std::size_t>(kOut * kOutSize * kOutSize));
  const auto at = [&](std::int64_t c, std::int64_t y, std::int64_t x) -> double {
    if (y < 0 || x < 0 || y >= kSize || x >= kSize) return 0;
    return static_cast<double>(input[static_cast<std::size_t>((c * kSize + y) * kSize + x)]);
  };
  const auto inside = [](std::int64_t i) { return i >= 0 && i < kSize; };
  for (std::int64_t o = 0; o < kOut; ++o) {
    for (std::int64_t y = 0; y < kOutSize; ++y) {
      for (std::int64_t x = 0; x < kOutSize; ++x) {
        double sum = 0;
        double scale = 0;
        for (std::int64_t c = 0; c < kChannels; ++c) {
          for (std::int64_t i = 0; i < 9; ++i) {
            const std::int64_t row = 2 * y - 1 + i / 3;
            const std::int64_t column = 2 * x - 1 + i % 3;
            if (!inside(row) || !inside(column)) continue;
            const double sign = at(c, row, column) >= 0 ? 1 : -1;
            sum += sign * static_cast<double>(
                              weights[static_cast<std::size_t>((o * kChannels + c) * 9 + i)]);
            scale += std::fabs(at(c, row, column)) / kChannels / 9;
          }
        }
        const auto index = static_cast<std::size_t>((o * kOutSize + y) * kOutSize + x);
        EXPECT_NEAR(outputs[index],
                    sum * scale + static_cast<double>(bias[static_cast<std::size_t>(o)]), 1e-4);
      }
    }
  }
}

std::vector<WeightForm> every_form() {
  return {{.kind = FormKind::kTernary},
          {.kind = FormKind::kTernary, .scope = ScaleScope::kChannel, .threshold = 0.7},
          {.kind = FormKind::kFiveLevels},
          {.kind = FormKind::kBinary, .scope = ScaleScope::kNone},
          {.kind = FormKind::kBinary, .scope = ScaleScope::kChannel},
          {.kind = FormKind::kBinary, .scope = ScaleScope::kLayer, .stochastic = true},
          {.kind = FormKind::kDorefa, .bits = 1},
          {.kind = FormKind::kDorefa, .bits = 3}};
}

OnnxModel two_layers(float deviation = 0.4F) {
  test::ModelBuilder builder;
  builder.add_gemm("fc1", {kInputs, 16}, test::bell_values(kInputs * 16, 1, deviation));
  builder.add_batch_norm("norm", 16).add_node("Relu", {});
  builder.add_gemm("fc2", {16, kClasses}, test::bell_values(16 * kClasses, 2, deviation));
  return builder.open();
}

TEST_F(LowBitEngine, TrainedWeightsHaveTheirForm) {
  const Clusters data(300);
  const Clusters held_out(90);
  const OnnxModel model = two_layers();
  for (const WeightForm& form : every_form()) {
    SCOPED_TRACE(form_text(form));
    TrainJob job = make_job(model, data);
    job.validation = &held_out;
    job.options.epochs = 12;
    job.options.batch = 16;
    job.options.norm = NormTraining::kLearn;
    job.options.momentum = 0.9;
    job.constraints = form_constraints(
        model, {{index_of(model, "fc1.weight"), form}, {index_of(model, "fc2.weight"), form}});
    PayloadEdits untrained;
    enforce(model, job.constraints, untrained);
    const OnnxModel converted = model.edited(untrained);
    const OnnxModel result = trained(model, job);
    for (const Constraint& constraint : job.constraints) {
      const std::string& name = model.tensors()[constraint.tensor].name;
      EXPECT_TRUE(has_form(form, values_of(result, name), constraint.channels, DataType::kFloat))
          << name;
      EXPECT_NE(values_of(result, name), values_of(converted, name)) << "nothing was learnt";
    }
    EXPECT_GT(top1(result, held_out), 0.85);
    TrainJob again = job;
    const OnnxModel second = trained(model, again);
    EXPECT_EQ(values_of(second, "fc1.weight"), values_of(result, "fc1.weight"));
  }
}

TEST_F(LowBitEngine, TernaryTrainingLeavesPrunedWeightsAtZero) {
  const Clusters data(100);
  test::ModelBuilder builder;
  std::vector<float> weights = test::bell_values(kInputs * kClasses, 1, 0.4F);
  for (std::size_t i = 0; i < weights.size(); i += 2) weights[i] = 0;
  builder.add_gemm("fc", {kInputs, kClasses}, weights);
  const OnnxModel model = builder.open();
  TrainJob job = make_job(model, data);
  job.options.epochs = 20;
  job.options.batch = 10;
  job.constraints =
      form_constraints(model, {{index_of(model, "fc.weight"), {.kind = FormKind::kTernary}}});
  const std::vector<float> after = values_of(trained(model, job), "fc.weight");
  for (std::size_t i = 0; i < weights.size(); i += 2) EXPECT_EQ(after[i], 0) << i;
}

// One step of plain gradient descent through sign(fc1 x): a row of fc1 moves only for samples that
// put its sum within [-1, 1], the window of the hard tanh (BNN, equation 4).
TEST_F(LowBitEngine, SignsPassGradientsWithinTheWindow) {
  const Clusters data(12);
  test::ModelBuilder builder;
  builder.add_gemm("fc1", {kInputs, 4}, test::bell_values(kInputs * 4, 1, 0.2F));
  builder.add_gemm("fc2", {4, kClasses}, test::bell_values(4 * kClasses, 2, 0.5F));
  const OnnxModel plain = builder.open();
  std::vector<std::string> notes;
  const OnnxModel model = quantize_activations(plain, {index_of(plain, "fc2.weight")},
                                               {.kind = ActivationKind::kSign}, notes);
  constexpr double kRate = 0.25;
  TrainJob job = make_job(model, data);
  job.options.learning_rate = kRate;
  const std::vector<float> w1 = values_of(model, "fc1.weight");
  const std::vector<float> b1 = values_of(model, "fc1.bias");
  const std::vector<float> w2 = values_of(model, "fc2.weight");
  const std::vector<float> b2 = values_of(model, "fc2.bias");
  std::vector<double> gradient(w1.size());
  int outside = 0;
  for (std::size_t n = 0; n < data.size(); ++n) {
    std::array<float, kInputs> x{};
    const auto label = static_cast<std::size_t>(data.load(n, x));
    std::array<double, 4> sums{};
    std::array<double, kClasses> scores{};
    for (std::size_t j = 0; j < 4; ++j) {
      sums[j] = static_cast<double>(b1[j]);
      for (std::size_t i = 0; i < x.size(); ++i) {
        sums[j] += static_cast<double>(x[i]) * static_cast<double>(w1[i * 4 + j]);
      }
    }
    double total = 0;
    for (std::size_t k = 0; k < scores.size(); ++k) {
      scores[k] = static_cast<double>(b2[k]);
      for (std::size_t j = 0; j < 4; ++j) {
        scores[k] += (sums[j] >= 0 ? 1 : -1) * static_cast<double>(w2[j * kClasses + k]);
      }
      total += std::exp(scores[k]);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      if (std::fabs(sums[j]) > 1) {
        ++outside;
        continue;
      }
      double by_sum = 0;
      for (std::size_t k = 0; k < scores.size(); ++k) {
        by_sum += (std::exp(scores[k]) / total - (k == label ? 1 : 0)) *
                  static_cast<double>(w2[j * kClasses + k]);
      }
      for (std::size_t i = 0; i < x.size(); ++i) {
        gradient[i * 4 + j] +=
            by_sum * static_cast<double>(x[i]) / static_cast<double>(data.size());
      }
    }
  }
  EXPECT_GT(outside, 0);
  const std::vector<float> after = values_of(trained(model, job), "fc1.weight");
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_NEAR((static_cast<double>(w1[i]) - static_cast<double>(after[i])) / kRate, gradient[i],
                1e-4)
        << i;
  }
}

// Validation comes before the first epoch and evaluates without autograd.
TEST_F(LowBitEngine, ConstantsOfAnEvaluationServeTraining) {
  const Clusters data(60);
  const OnnxModel plain = two_layers();
  std::vector<std::string> notes;
  const OnnxModel model = quantize_activations(plain, {index_of(plain, "fc2.weight")},
                                               {.kind = ActivationKind::kUnit, .bits = 2}, notes);
  TrainJob job = make_job(model, data);
  job.validation = &data;
  job.options.epochs = 5;
  EXPECT_NE(values_of(trained(model, job), "fc1.weight"), values_of(model, "fc1.weight"));
}

// With gradients of one bit every gradient by the layer's sums is -m or m, so one step moves the
// bias by a whole multiple of the same amount for each sample.
TEST_F(LowBitEngine, DorefaGradientsAreOfFewBits) {
  const Clusters data(1);
  test::ModelBuilder builder;
  builder.add_gemm("fc", {kInputs, kClasses}, test::bell_values(kInputs * kClasses, 1, 0.4F));
  const OnnxModel model = builder.open();
  TrainJob job = make_job(model, data);
  job.options.learning_rate = 1;
  job.constraints = form_constraints(
      model, {{index_of(model, "fc.weight"), {.kind = FormKind::kDorefa, .bits = 2}}});
  const auto bias_steps = [&] {
    const std::vector<float> before = values_of(model, "fc.bias");
    const std::vector<float> after = values_of(trained(model, job), "fc.bias");
    std::set<long> magnitudes;
    for (std::size_t i = 0; i < before.size(); ++i) {
      magnitudes.insert(std::lround(1e5 * std::fabs(static_cast<double>(after[i] - before[i]))));
    }
    return magnitudes.size();
  };
  EXPECT_EQ(bias_steps(), 3U);
  job.options.gradient_bits = 1;
  EXPECT_EQ(bias_steps(), 1U);
}

}  // namespace
}  // namespace qc
