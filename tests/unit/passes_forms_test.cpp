// Low-bit forms of weights against brute force and cases computed by hand.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <vector>

#include "passes/kernels/dorefa.h"
#include "passes/kernels/power_of_two.h"
#include "passes/kernels/ternary.h"
#include "passes/kernels/weight_form.h"

namespace qc::test {
namespace {

using Floats = std::vector<float>;

double squared_error(const Floats& values, const LevelFit& fit) {
  double error = 0;
  for (const float value : values) {
    const double difference = static_cast<double>(value) - fit.scale * level_of(value, fit);
    error += difference * difference;
  }
  return error;
}

/// The smallest error of any assignment of the multiples 0 to `most`: for the best scale of an
/// assignment the error is sum w^2 - (sum |w| t)^2 / sum t^2.
double least_error(const Floats& values, int most) {
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  double best = squares;
  const std::function<void(std::size_t, double, double)> assign =
      [&](std::size_t i, double products, double norm) {
        if (i == values.size()) {
          if (norm > 0) best = std::min(best, squares - products * products / norm);
          return;
        }
        for (int t = 0; t <= most; ++t) {
          assign(i + 1, products + t * std::fabs(static_cast<double>(values[i])), norm + t * t);
        }
      };
  assign(0, 0, 0);
  return best;
}

/// Few enough for brute force; from a coarse grid, so that ties are common.
rc::Gen<Floats> few_values() {
  return rc::gen::resize(
      8, rc::gen::container<Floats>(rc::gen::map(rc::gen::inRange(-12, 13), [](int number) {
        return static_cast<float>(number) / 8;
      })));
}

RC_GTEST_PROP(Ternary, TheExactThresholdIsThatOfBruteForce, ()) {
  const Floats values = *few_values();
  const double error = squared_error(values, fit_ternary(values));
  RC_ASSERT(std::fabs(error - least_error(values, 1)) < 1e-9);
}

RC_GTEST_PROP(FiveLevels, TheExactThresholdsAreThoseOfBruteForce, ()) {
  const Floats values = *few_values();
  const double error = squared_error(values, fit_five_levels(values));
  RC_ASSERT(std::fabs(error - least_error(values, 2)) < 1e-9);
}

RC_GTEST_PROP(FiveLevels, AreNeverWorseThanThree, (Floats values)) {
  for (float& value : values) {
    if (!std::isfinite(value) || std::fabs(value) > 1e6F) value = 1;
  }
  const double three = squared_error(values, fit_ternary(values));
  RC_ASSERT(squared_error(values, fit_five_levels(values)) <= three * (1 + 1e-12));
}

RC_GTEST_PROP(Ternary, TheScaleIsTheBestForItsThreshold, ()) {
  const Floats values = *few_values();
  const double low = *rc::gen::inRange(0, 12) / 10.0;
  const double high = low + *rc::gen::inRange(0, 12) / 10.0;
  const LevelFit fit = fit_scale(values, low, high);
  for (const double nudge : {-1e-3, 1e-3}) {
    const LevelFit other{fit.scale + nudge, low, high};
    RC_ASSERT(squared_error(values, fit) <= squared_error(values, other));
  }
}

TEST(Ternary, ThresholdsAreMultiplesOfTheMeanMagnitude) {
  const Floats values = {-1, 2, 0, 3};
  EXPECT_DOUBLE_EQ(mean_threshold(values, 0.7), 0.7 * 6 / 4);
  EXPECT_EQ(mean_threshold({}, 0.7), 0);
  // Threshold 1.05: only 2 and 3 are above it.
  Floats weights(values.size());
  apply_form({.kind = FormKind::kTernary, .threshold = 0.7}, values, {}, {}, weights);
  EXPECT_EQ(weights, (Floats{0, 2.5, 0, 2.5}));
}

TEST(Ternary, ZerosStayZero) {
  for (const FormKind kind : {FormKind::kTernary, FormKind::kFiveLevels}) {
    const Floats zeros(5);
    Floats weights(5, 1);
    apply_form({.kind = kind}, zeros, {}, {}, weights);
    EXPECT_EQ(weights, zeros);
    apply_form({.kind = kind}, {}, {}, {}, {});
  }
}

TEST(Forms, ScalesAreSharedByChannels) {
  const Floats values = {1, -3, 10, -30, 5, 7, 50, 70};
  const ChannelMap channels{2, 2, 0};  // 1 -3 . . 5 7 . . and . . 10 -30 . . 50 70
  Floats weights(8);
  apply_form({.kind = FormKind::kBinary, .scope = ScaleScope::kChannel}, values, channels, {},
             weights);
  EXPECT_EQ(weights, (Floats{4, -4, 40, -40, 4, 4, 40, 40}));
  apply_form({.kind = FormKind::kBinary, .scope = ScaleScope::kLayer}, values, channels, {},
             weights);
  EXPECT_EQ(weights, (Floats{22, -22, 22, -22, 22, 22, 22, 22}));
  apply_form({.kind = FormKind::kBinary, .scope = ScaleScope::kNone}, values, channels, {},
             weights);
  EXPECT_EQ(weights, (Floats{1, -1, 1, -1, 1, 1, 1, 1}));
}

TEST(Binary, ZeroIsPositive) {
  Floats weights = {0.0F, -0.0F, -1e-30F};
  apply_form({.kind = FormKind::kBinary, .scope = ScaleScope::kNone}, weights, {}, {}, weights);
  EXPECT_EQ(weights, (Floats{1, 1, -1}));
}

TEST(Binary, StochasticSignsFollowTheHardSigmoid) {
  const WeightForm form{.kind = FormKind::kBinary, .scope = ScaleScope::kNone, .stochastic = true};
  constexpr std::size_t kDraws = 20000;
  for (const float latent : {-1.5F, -1.0F, -0.5F, 0.0F, 0.8F, 1.0F}) {
    const Floats values(kDraws, latent);
    Floats weights(kDraws);
    apply_form(form, values, {}, 7, weights);
    const auto positive = static_cast<double>(std::ranges::count(weights, 1.0F));
    const double chance = std::clamp((static_cast<double>(latent) + 1) / 2, 0.0, 1.0);
    // Five standard deviations; none where the outcome is certain.
    const double spread = std::sqrt(chance * (1 - chance) * kDraws);
    EXPECT_NEAR(positive, chance * kDraws, 5 * spread) << latent;
    Floats again(kDraws);
    apply_form(form, values, {}, 7, again);
    EXPECT_EQ(again, weights);
    apply_form(form, values, {}, std::nullopt, again);
    EXPECT_EQ(again, Floats(kDraws, latent >= 0 ? 1.0F : -1.0F)) << "without a seed";
  }
}

RC_GTEST_PROP(Dorefa, QuantisesToTheNearestStep, ()) {
  const int bits = *rc::gen::inRange(1, 9);
  const double value = *rc::gen::inRange(0, 100001) / 100000.0;
  const double steps = (1 << bits) - 1;
  double nearest = 0;
  for (int i = 0; i <= static_cast<int>(steps); ++i) {
    if (std::fabs(i / steps - value) < std::fabs(nearest - value)) nearest = i / steps;
  }
  RC_ASSERT(std::fabs(quantize_unit(value, bits) - value) <= std::fabs(nearest - value) + 1e-12);
  const double code = quantize_unit(value, bits) * steps;
  RC_ASSERT(std::fabs(code - std::round(code)) < 1e-9);
}

// Beside every power of two, by the distance of logarithms.
RC_GTEST_PROP(PowersOfTwo, AreTheNearestInTheLogarithm, (float value)) {
  RC_PRE(std::isfinite(value) && std::fabs(value) < 0x1p127F);
  if (value == 0) {
    RC_ASSERT(nearest_power_of_two(value) == 0.0F);
    return;
  }
  double best = 0;
  double distance = std::numeric_limits<double>::infinity();
  for (int exponent = -149; exponent <= 127; ++exponent) {
    const double away = std::fabs(std::log2(std::fabs(static_cast<double>(value))) - exponent);
    if (away < distance) {
      distance = away;
      best = std::ldexp(1.0, exponent);
    }
  }
  RC_ASSERT(static_cast<double>(nearest_power_of_two(value)) == std::copysign(best, value));
}

TEST(PowersOfTwo, ChangeAtTheSquareRootOfTwo) {
  EXPECT_EQ(nearest_power_of_two(1.41421F), 1);
  EXPECT_EQ(nearest_power_of_two(1.41422F), 2);
  EXPECT_EQ(nearest_power_of_two(-0.75F), -1);
  EXPECT_EQ(nearest_power_of_two(std::numeric_limits<float>::max()), 0x1p127F);
  const Floats latent = {0.3F, -0.0F, 5};
  Floats formed(3);
  apply_form({.kind = FormKind::kPowerOfTwo}, latent, {}, std::nullopt, formed);
  EXPECT_EQ(formed, (Floats{0.25F, 0, 4}));
}

TEST(Dorefa, HalfwayCasesGoToTheEvenStep) {
  EXPECT_EQ(quantize_unit(0.5, 1), 0);            // 0.5 -> 0
  EXPECT_EQ(quantize_unit(0.5, 2), 2.0 / 3);      // 1.5 -> 2
  EXPECT_EQ(quantize_unit(2.5 / 7, 3), 2.0 / 7);  // 2.5 -> 2
}

TEST(Dorefa, WeightsFollowEquationNine) {
  const Floats latent = {-2, -0.3F, 0, 0.4F, 2};
  Floats weights(5);
  apply_form({.kind = FormKind::kDorefa, .bits = 2}, latent, {}, {}, weights);
  for (std::size_t i = 0; i < latent.size(); ++i) {
    const double unit = std::tanh(latent[i]) / (2 * std::tanh(2.0)) + 0.5;
    const double wanted = 2 * std::nearbyint(3 * unit) / 3 - 1;
    EXPECT_FLOAT_EQ(weights[i], static_cast<float>(wanted)) << latent[i];
  }
  EXPECT_EQ(weights.front(), -1);
  EXPECT_EQ(weights.back(), 1);
  // One bit: the sign times the mean magnitude of the whole layer (equation 7).
  apply_form({.kind = FormKind::kDorefa, .bits = 1}, Floats{-1, 2, 3, -6}, {2, 2, 0}, {},
             std::span(weights).first(4));
  EXPECT_EQ(Floats(weights.begin(), weights.begin() + 4), (Floats{-3, 3, 3, -3}));
}

TEST(Dorefa, ActivationsAreClippedToTheUnit) {
  EXPECT_EQ(dorefa_activation(-3, 2), 0);
  EXPECT_EQ(dorefa_activation(7, 2), 1);
  EXPECT_FLOAT_EQ(dorefa_activation(0.4F, 2), 1.0F / 3);
  EXPECT_FLOAT_EQ(dorefa_activation(0.6F, 2), 2.0F / 3);
}

// Equation 12: at most half a step from the value plus its noise, on the grid, right in the mean.
TEST(Dorefa, GradientsAreQuantisedWithoutBias) {
  constexpr int kBits = 3;
  constexpr double kLargest = 0.5;
  SplitMix64 random(3);
  double sum = 0;
  constexpr int kDraws = 20000;
  std::set<float> seen;
  for (int i = 0; i < kDraws; ++i) {
    Floats gradient = {static_cast<float>(-kLargest), 0.11F};
    quantize_gradient(gradient, kBits, random);
    const double code = (static_cast<double>(gradient[1]) / (2 * kLargest) + 0.5) * 7;
    EXPECT_NEAR(code, std::round(code), 1e-5);
    EXPECT_LE(std::fabs(gradient[1] - 0.11), 2 * kLargest / 7 * 1.0001);
    seen.insert(gradient[1]);
    sum += gradient[1];
  }
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_NEAR(sum / kDraws, 0.11, 5 * (2 * kLargest / 7) / std::sqrt(kDraws));
  Floats zeros(4);
  quantize_gradient(zeros, kBits, random);
  EXPECT_EQ(zeros, Floats(4));
}

Floats gradient_through(const WeightForm& form, const Floats& latent, Floats gradient,
                        const ChannelMap& channels = {}) {
  straight_through(form, latent, channels, gradient);
  return gradient;
}

TEST(StraightThrough, TernaryPassesGradientsOn) {
  const Floats latent = {-3, 0.1F, 2};
  EXPECT_EQ(gradient_through({.kind = FormKind::kTernary}, latent, {1, 2, 3}), (Floats{1, 2, 3}));
  EXPECT_EQ(gradient_through({.kind = FormKind::kFiveLevels}, latent, {1, 2, 3}),
            (Floats{1, 2, 3}));
}

// BNN, equation 4: g 1{|w| <= 1}.
TEST(StraightThrough, BinaryCancelsGradientsBeyondOne) {
  const WeightForm form{.kind = FormKind::kBinary, .scope = ScaleScope::kNone};
  EXPECT_EQ(gradient_through(form, {-1.5F, -1, -0.2F, 1, 1.01F}, {1, 2, 3, 4, 5}),
            (Floats{0, 2, 3, 4, 0}));
}

// XNOR-Net, section 3.1: g (1/n + alpha 1{|w| <= 1}), here n = 4 and alpha = 0.75, then two
// channels.
TEST(StraightThrough, ScaledBinaryAddsTheGradientOfTheScale) {
  WeightForm form{.kind = FormKind::kBinary, .scope = ScaleScope::kLayer};
  const Floats latent = {0.5F, -0.5F, 1.5F, -0.5F};
  EXPECT_EQ(gradient_through(form, latent, {1, 1, 1, -2}), (Floats{1, 1, 0.25F, -2}));
  form.scope = ScaleScope::kChannel;
  EXPECT_EQ(gradient_through(form, latent, {1, 1, 1, -2}, {2, 2, 0}), (Floats{1, 1, 0.5F, -3}));
}

// DoReFa, equation 9, with the step of quantize_k passed straight through: a finite difference of
// what is left.
TEST(StraightThrough, DorefaFollowsTheHyperbolicTangent) {
  const WeightForm form{.kind = FormKind::kDorefa, .bits = 4};
  const Floats latent = {-0.9F, 0, 0.4F, 1.2F};
  const Floats gradient = gradient_through(form, latent, {1, 1, 1, 1});
  const double largest = std::tanh(1.2F);
  for (std::size_t i = 0; i < latent.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double slope =
        (std::tanh(latent[i] + kStep) - std::tanh(latent[i] - kStep)) / (2 * kStep) / largest;
    EXPECT_NEAR(gradient[i], slope, 1e-5) << latent[i];
  }
  EXPECT_EQ(gradient_through({.kind = FormKind::kDorefa, .bits = 1}, latent, {1, 2, 3, 4}),
            (Floats{1, 2, 3, 4}));
  EXPECT_EQ(gradient_through(form, {0, 0}, {1, 2}), (Floats{0, 0})) << "no weights to follow";
}

TEST(Forms, OnlyBinaryLatentsAreClipped) {
  Floats latent = {-3, 0.5F, 2};
  clip_latent({.kind = FormKind::kTernary}, latent);
  EXPECT_EQ(latent, (Floats{-3, 0.5F, 2}));
  clip_latent({.kind = FormKind::kBinary}, latent);
  EXPECT_EQ(latent, (Floats{-1, 0.5F, 1}));
}

TEST(Forms, AreConvertedInPlace) {
  const Floats latent = {0.3F, -0.7F, 0.1F, 0.9F, -0.2F, 0.05F};
  for (const FormKind kind :
       {FormKind::kTernary, FormKind::kFiveLevels, FormKind::kBinary, FormKind::kDorefa}) {
    const WeightForm form{.kind = kind, .scope = ScaleScope::kChannel, .bits = 3};
    Floats apart(latent.size());
    apply_form(form, latent, {3, 2, 0}, {}, apart);
    Floats in_place = latent;
    apply_form(form, in_place, {3, 2, 0}, {}, in_place);
    EXPECT_EQ(in_place, apart) << form_text(form);
  }
}

}  // namespace
}  // namespace qc::test
