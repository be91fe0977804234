#include "pipeline/shrink/layer_rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/float_types.h"
#include "passes/kernels/lockstep.h"
#include "passes/kernels/short_mantissas.h"
#include "system/parallel.h"

namespace qc {
namespace {

constexpr double kDamping = 0.01;          // of the factors, in means of the diagonal
constexpr double kLockstepDamping = 0.02;  // of the fit to the reference
constexpr std::size_t kSmallMatrix = 32;   // below, columns are rounded in their own order

Bytes payload_of(const OnnxModel& model, std::size_t tensor, std::span<const float> values) {
  const TensorInfo& info = model.tensors()[tensor];
  Bytes bytes(static_cast<std::size_t>(info.size));
  store_floats(info.type, values, bytes);
  return bytes;
}

// E[a b^T] - E[a] E[b]^T of a group, where `centred`.
std::vector<double> group_moments(const std::vector<double>& products,
                                  const std::vector<double>& left, const std::vector<double>& right,
                                  std::size_t group, std::size_t columns, bool centred) {
  const std::size_t size = columns * columns;
  const auto begin = products.begin() + static_cast<std::ptrdiff_t>(group * size);
  std::vector<double> result(begin, begin + static_cast<std::ptrdiff_t>(size));
  if (!centred) return result;
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      result[i * columns + j] -= left[group * columns + i] * right[group * columns + j];
    }
  }
  return result;
}

// How far moments of few columns are taken for those of independent inputs: what they say of
// correlations is mostly chance, and compensating by chance is worse than doing nothing (after
// Ledoit and Wolf 2004, with a share that depends on the numbers alone).
double shrinkage(const Moments& moments) {
  const auto columns = static_cast<double>(moments.columns);
  return columns / (columns + 4 * static_cast<double>(moments.count));
}

std::vector<double> second_moments(const Moments& moments, std::size_t group, bool centred) {
  const std::size_t columns = moments.columns;
  std::vector<double> h =
      group_moments(moments.second, moments.mean, moments.mean, group, columns, centred);
  const double kept = 1 - shrinkage(moments);
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      if (i != j) h[i * columns + j] *= kept;
    }
  }
  return h;
}

// The output channels' means of products with the mean columns.
std::vector<double> mean_outputs(const MatrixForm& form, std::span<const float> weights,
                                 std::span<const double> mean) {
  std::vector<double> outputs(form.groups * form.rows);
  for (std::size_t row = 0; row < outputs.size(); ++row) {
    const double* columns = &mean[row / form.rows * form.columns];
    for (std::size_t i = 0; i < form.columns; ++i) {
      outputs[row] += weights[row * form.columns + i] * columns[i];
    }
  }
  return outputs;
}

std::vector<float> fitted(const ShrinkLayer& layer, const Moments& moments,
                          const std::vector<float>& weights) {
  const bool centred = layer.bias.has_value();
  const std::size_t size = layer.form.rows * layer.form.columns;
  std::vector<float> result;
  for (std::size_t g = 0; g < layer.form.groups; ++g) {
    const std::vector<double> h = second_moments(moments, g, centred);
    std::vector<double> c = group_moments(moments.cross, moments.reference_mean, moments.mean, g,
                                          moments.columns, centred);
    const double kept = 1 - shrinkage(moments);
    for (std::size_t i = 0; i < c.size(); ++i) {
      if (i % (moments.columns + 1) != 0) c[i] *= kept;
    }
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

}  // namespace

std::vector<InverseFactor> layer_factors(const ShrinkLayer& layer, const Moments* moments,
                                         unsigned threads) {
  const MatrixForm& form = layer.form;
  std::vector<InverseFactor> factors(form.groups);
  if (moments == nullptr) {
    const std::vector<double> ones(form.columns, 1.0);
    factors.assign(form.groups, factor_inverse_diagonal(ones, 0));
    return factors;
  }
  const ColumnOrder order =
      form.columns < kSmallMatrix ? ColumnOrder::kNatural : ColumnOrder::kBySize;
  parallel_for(form.groups, threads, [&](std::size_t g) {
    if (moments->is_table) {
      // Entries that no sample reads may be read by others.
      std::vector<double> counts(moments->second);
      for (double& count : counts) count += 1 / static_cast<double>(moments->count + form.columns);
      factors[g] = factor_inverse_diagonal(counts, 0);
    } else {
      factors[g] = factor_inverse(second_moments(*moments, g, layer.bias.has_value()), form.columns,
                                  order, kDamping);
    }
  });
  return factors;
}

RoundedTensors round_layer(const OnnxModel& model, const ShrinkLayer& layer,
                           const LayerStatistics& statistics, double lambda, unsigned threads) {
  const MatrixForm& form = layer.form;
  const Moments* moments = statistics.moments;
  const DataType type = model.tensors()[layer.tensor].type;
  std::vector<float> values = values_of(model, layer.tensor);
  const std::vector<float> weights = form.gather(values);
  const bool follows = moments != nullptr && !moments->cross.empty();
  const std::vector<float> target = follows ? fitted(layer, *moments, weights) : weights;
  std::vector<InverseFactor> made;
  if (statistics.factors == nullptr) made = layer_factors(layer, moments, threads);
  const RateRounding rounding =
      round_to_rate({.groups = form.groups,
                     .rows = form.rows,
                     .columns = form.columns,
                     .weights = target,
                     .factors = statistics.factors != nullptr ? *statistics.factors : made,
                     .importance = statistics.importance,
                     .type = type},
                    lambda, threads);
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

RoundedTensors round_single(const OnnxModel& model, std::size_t tensor,
                            std::span<const double> importance, double lambda) {
  const std::vector<float> values = values_of(model, tensor);
  const TensorInfo& info = model.tensors()[tensor];
  const auto round = info.role == Role::kNorm ? round_mantissas : round_to_grid;
  const RateRounding rounding = round(values, importance, info.type, lambda);
  return {{{tensor, payload_of(model, tensor, rounding.values)}}, rounding.bits, rounding.loss};
}

}  // namespace qc
