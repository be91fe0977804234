#include "pipeline/shrink/layer_rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/float_types.h"
#include "passes/kernels/lockstep.h"
#include "passes/kernels/short_mantissas.h"
#include "passes/layer_factors.h"

namespace qc {
namespace {

// Of a layer, for an estimate.
constexpr std::size_t kEstimatedWeights = 65536;
constexpr std::size_t kEstimatedRows = 64;
constexpr double kLockstepDamping = 0.02;  // of the fit to the reference

std::vector<float> fitted(const WeightLayer& layer, const Moments& moments,
                          const std::vector<float>& weights) {
  const bool centred = layer.bias.has_value();
  const std::size_t size = layer.form.rows * layer.form.columns;
  std::vector<float> result;
  for (std::size_t g = 0; g < layer.form.groups; ++g) {
    const std::vector<double> h = second_moments(moments, g, centred);
    const std::vector<double> c = cross_moments(moments, g, centred);
    const std::vector<float> own = lockstep_weights({&weights[g * size], size}, layer.form.rows,
                                                    layer.form.columns, h, c, kLockstepDamping);
    result.insert(result.end(), own.begin(), own.end());
  }
  return result;
}

// Numbers of so many mantissa bits are float16, too, which is how they are coded then.
constexpr int kMostMantissaBits = 10;

double loss_of(std::span<const float> values, std::span<const float> rounded,
               std::span<const double> importance) {
  double loss = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = static_cast<double>(values[i]) - rounded[i];
    loss += importance[i] / 2 * error * error;
  }
  return loss;
}

// A codebook would cost the few numbers of a bias more than it saves: they are rounded to multiples
// of one power of two, which leaves floats short enough to be coded well.
RateRounding round_to_grid(std::span<const float> values, std::span<const double> importance,
                           DataType type, double lambda) {
  RateRounding rounding;
  rounding.values.assign(values.begin(), values.end());
  double sum = 0;
  double logs = 0;
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += importance[i];
    logs += std::log(std::max(importance[i], std::numeric_limits<double>::min()));
    largest = std::max(largest, std::fabs(static_cast<double>(values[i])));
  }
  if (sum <= 0 || largest <= 0) return rounding;
  const auto count = static_cast<double>(values.size());
  const double curvature = std::sqrt(sum / count * std::exp(logs / count));
  const double asked = std::floor(std::log2(uniform_step(lambda, curvature)));
  const double finest = std::ceil(std::log2(largest)) - kMostMantissaBits - 1;
  const double step = std::exp2(std::max(asked, finest));
  double energy = 0;
  for (float& value : rounding.values) {
    value = static_cast<float>(stored_value(type, std::nearbyint(value / step) * step)) + 0.0F;
    energy += static_cast<double>(value) * value;
  }
  rounding.loss = loss_of(values, rounding.values, importance);
  // Of a normal distribution, log2 of the deviation in steps and two bits.
  rounding.bits = count * (2 + std::log2(1 + std::sqrt(energy / count) / step));
  return rounding;
}

// Scales and variances may differ by orders of magnitude, and none may become zero: they keep as
// many bits of mantissa as are worth their price.
RateRounding round_mantissas(std::span<const float> values, std::span<const double> importance,
                             DataType type, double lambda) {
  RateRounding rounding;
  const auto count = static_cast<double>(values.size());
  for (int bits = 1; bits <= kMostMantissaBits; ++bits) {
    rounding.values.clear();
    for (const float value : values) {
      rounding.values.push_back(
          static_cast<float>(stored_value(type, round_mantissa(value, bits))));
    }
    rounding.loss = loss_of(values, rounding.values, importance);
    rounding.bits = count * (bits + 5);
    // One bit more would take away three quarters.
    if (0.75 * rounding.loss <= lambda * count) break;
  }
  return rounding;
}

// Rounds all rows of a layer or some, {groups, rows, columns}, with their importance {groups,
// rows}.
RateRounding round_rows(const OnnxModel& model, const WeightLayer& layer,
                        const LayerStatistics& statistics, std::span<const float> weights,
                        std::span<const double> importance, double lambda, unsigned threads) {
  const MatrixForm& form = layer.form;
  std::vector<InverseFactor> made;
  if (statistics.factors == nullptr) {
    made = layer_factors(layer, statistics.moments, rounding_order(form), threads);
  }
  return round_to_rate({.groups = form.groups,
                        .rows = importance.size() / form.groups,
                        .columns = form.columns,
                        .weights = weights,
                        .factors = statistics.factors != nullptr ? *statistics.factors : made,
                        .importance = importance,
                        .type = model.tensors()[layer.tensor].type},
                       lambda, threads);
}

}  // namespace

RoundedTensors round_layer(const OnnxModel& model, const WeightLayer& layer,
                           const LayerStatistics& statistics, double lambda, unsigned threads) {
  const MatrixForm& form = layer.form;
  const Moments* moments = statistics.moments;
  std::vector<float> values = values_of(model, layer.tensor);
  const std::vector<float> weights = form.gather(values);
  const bool follows = moments != nullptr && !moments->cross.empty();
  const std::vector<float> target = follows ? fitted(layer, *moments, weights) : weights;
  const RateRounding rounding =
      round_rows(model, layer, statistics, target, statistics.importance, lambda, threads);
  RoundedTensors rounded{{}, rounding.bits, rounding.loss};
  form.scatter(rounding.values, values);
  rounded.edits[layer.tensor] = payload_of(model, layer.tensor, values);
  if (!layer.bias) return rounded;
  std::vector<float> bias = values_of(model, *layer.bias);
  if (moments != nullptr && !moments->is_table) {
    const std::vector<double> before =
        mean_outputs(form, weights, follows ? moments->reference_mean : moments->mean);
    const std::vector<double> after = mean_outputs(form, rounding.values, moments->mean);
    for (std::size_t i = 0; i < bias.size(); ++i) {
      bias[i] = static_cast<float>(bias[i] + before[i] - after[i]);
    }
  }
  const RateRounding of_bias =
      round_to_grid(bias, statistics.importance, model.tensors()[*layer.bias].type, lambda);
  rounded.edits[*layer.bias] = payload_of(model, *layer.bias, of_bias.values);
  rounded.bits += of_bias.bits;
  return rounded;
}

double estimate_layer_bits(const OnnxModel& model, const WeightLayer& layer,
                           const LayerStatistics& statistics, double lambda, unsigned threads) {
  const MatrixForm& form = layer.form;
  const std::vector<float> weights = form.gather(values_of(model, layer.tensor));
  const std::size_t enough = kEstimatedWeights / (form.groups * form.columns);
  const std::size_t rows = std::min(form.rows, std::max(enough, kEstimatedRows));
  std::vector<float> some;
  std::vector<double> importance;
  for (std::size_t g = 0; g < form.groups; ++g) {
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t row = g * form.rows + r * form.rows / rows;
      const auto begin = weights.begin() + static_cast<std::ptrdiff_t>(row * form.columns);
      some.insert(some.end(), begin, begin + static_cast<std::ptrdiff_t>(form.columns));
      importance.push_back(statistics.importance[row]);
    }
  }
  const RateRounding rounding =
      round_rows(model, layer, statistics, some, importance, lambda, threads);
  const double part = static_cast<double>(rows) / static_cast<double>(form.rows);
  double bits = (rounding.bits - rounding.codebook_bits) / part + rounding.codebook_bits;
  if (layer.bias) {
    bits += round_to_grid(values_of(model, *layer.bias), statistics.importance,
                          model.tensors()[*layer.bias].type, lambda)
                .bits;
  }
  return bits;
}

RoundedTensors round_single(const OnnxModel& model, std::size_t tensor,
                            std::span<const double> importance, double lambda) {
  const std::vector<float> values = values_of(model, tensor);
  const TensorInfo& info = model.tensors()[tensor];
  const auto round = info.role == Role::kNorm ? round_mantissas : round_to_grid;
  const RateRounding rounding = round(values, importance, info.type, lambda);
  return {{{tensor, payload_of(model, tensor, rounding.values)}}, rounding.bits, rounding.loss};
}

}  // namespace qc
