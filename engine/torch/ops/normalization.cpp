// Normalisation and dropout.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"
#include "engine/torch/shift.h"

namespace qc::torch_engine {
namespace {

// How much of a batch's statistics goes into the running ones.
constexpr double kNormMomentum = 0.1;

// training_mode in the graph itself: the statistics of the batch, and running ones as outputs.
Values batch_norm_of_batch(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  std::vector<std::int64_t> axes = all_axes(x.dim());
  axes.erase(axes.begin() + 1);
  const at::Tensor mean = at::mean(x, axes);
  const at::Tensor variance = at::var(x, axes, /*unbiased=*/false);
  const float momentum = op.float_or("momentum", 0.9F);
  const at::Tensor y = at::batch_norm(x, op.in(1), op.in(2), {}, {}, /*training=*/true, 0,
                                      op.float_or("epsilon", 1e-5F), /*cudnn_enabled=*/true);
  return {y, op.in(3) * momentum + mean * (1 - momentum),
          op.in(4) * momentum + variance * (1 - momentum)};
}

Values batch_normalization(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  if (x.dim() < 2) op.refuse("of fewer than two dimensions");
  if (op.opset < 9 && op.int_or("spatial", 1) == 0) op.refuse("spatial=0");
  if (op.opset >= 14 && op.int_or("training_mode", 0) != 0) {
    if (op.training()) op.refuse("training_mode is set in the graph");
    return batch_norm_of_batch(op);
  }
  // Before opset 14 further outputs asked for training.
  if (op.node.outputs.size() > 1) op.refuse("in training mode");
  // With running statistics, batch_norm updates them in place.
  const at::ScalarType type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto wide = [&](std::size_t i) { return op.in(i).to(type); };
  const float epsilon = op.float_or("epsilon", 1e-5F);
  if (op.in(3).requires_grad() || op.in(4).requires_grad()) {
    // libtorch has no gradients by running statistics.
    const auto along = [&](const at::Tensor& each) {
      return each.reshape(shape_along(x.dim(), 1, each.numel()));
    };
    const at::Tensor scale = wide(1) / at::sqrt(wide(4) + epsilon);
    return {((wide(0) - along(wide(3))) * along(scale) + along(wide(2))).to(x.scalar_type())};
  }
  const at::Tensor y =
      op.norm() == NormTraining::kShift
          ? shift_batch_norm(wide(0), wide(1), wide(2), wide(3), wide(4), kNormMomentum, epsilon)
          : at::batch_norm(wide(0), wide(1), wide(2), wide(3), wide(4),
                           op.norm() == NormTraining::kLearn, kNormMomentum, epsilon,
                           /*cudnn_enabled=*/true);
  return {y.to(x.scalar_type())};
}

Values instance_normalization(const OpContext& op) {
  if (op.in(0).dim() < 3) op.refuse("of fewer than three dimensions");
  return {at::instance_norm(float_in(op, 0), op.in(1), op.in(2), {}, {}, /*use_input_stats=*/true,
                            0, op.float_or("epsilon", 1e-5F), /*cudnn_enabled=*/true)};
}

struct Normalized {
  at::Tensor values;
  at::Tensor mean;
  at::Tensor inverse_deviation;
};

// Each run of the dimensions from `axis` on to mean 0 and variance 1.
Normalized normalized(const at::Tensor& x, std::int64_t axis, double epsilon) {
  const auto shape = x.sizes().slice(static_cast<std::size_t>(axis));
  const auto [y, mean, inverse] = at::native_layer_norm(x, shape, {}, {}, epsilon);
  return {y, mean, inverse};
}

// Narrow floats are normalised as float32: stash_type, whose one value in use is float.
at::Tensor stashed(const OpContext& op, const at::Tensor& x) {
  if (op.int_or("stash_type", 1) != 1) op.refuse("stash_type");
  return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
}

Values layer_normalization(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const std::int64_t axis = op.axis(op.int_or("axis", -1), x.dim());
  require_same_type(op, x, op.in(1));
  const Normalized result = normalized(stashed(op, x), axis, op.float_or("epsilon", 1e-5F));
  at::Tensor y = result.values.to(x.scalar_type()) * op.in(1);
  if (op.has(2)) y = y + op.in(2);
  if (y.sizes() != x.sizes()) op.refuse("its scale has more dimensions than its input");
  return {y, result.mean, result.inverse_deviation};
}

// The sum of an input, another one and a bias, which ONNX Runtime normalises at once.
at::Tensor skip_sum(const OpContext& op, std::size_t bias) {
  const at::Tensor& x = float_in(op, 0);
  require_same_type(op, x, op.in(1));
  at::Tensor sum = x + op.in(1);
  if (op.has(bias)) sum = sum + op.in(bias);
  if (sum.sizes() != x.sizes()) op.refuse("what it adds has more dimensions than its input");
  return sum;
}

// LayerNormalization of a sum, which is the fourth output.
Values skip_layer_normalization(const OpContext& op) {
  const at::Tensor x = skip_sum(op, 4);
  const Normalized result = normalized(stashed(op, x), x.dim() - 1, op.float_or("epsilon", 1e-12F));
  at::Tensor y = result.values.to(x.scalar_type()) * op.in(2);
  if (op.has(3)) y = y + op.in(3);
  return {y, result.mean, result.inverse_deviation, x};
}

// Each run of the dimensions from `axis` on divided by the root of its mean square.
Normalized scaled_by_square(const at::Tensor& x, std::int64_t axis, double epsilon) {
  std::vector<std::int64_t> axes;
  for (std::int64_t i = axis; i < x.dim(); ++i) axes.push_back(i);
  const at::Tensor inverse = at::rsqrt(at::mean(at::square(x), axes, /*keepdim=*/true) + epsilon);
  return {x * inverse, {}, inverse};
}

Values simplified_layer_normalization(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const std::int64_t axis = op.axis(op.int_or("axis", -1), x.dim());
  require_same_type(op, x, op.in(1));
  const Normalized result = scaled_by_square(stashed(op, x), axis, op.float_or("epsilon", 1e-5F));
  const at::Tensor y = result.values.to(x.scalar_type()) * op.in(1);
  if (y.sizes() != x.sizes()) op.refuse("its scale has more dimensions than its input");
  return {y, result.inverse_deviation};
}

Values skip_simplified_layer_normalization(const OpContext& op) {
  const at::Tensor x = skip_sum(op, 3);
  const Normalized result =
      scaled_by_square(stashed(op, x), x.dim() - 1, op.float_or("epsilon", 1e-12F));
  return {result.values.to(x.scalar_type()) * op.in(2), {}, result.inverse_deviation, x};
}

// Rows of a table {entries, size}.
at::Tensor looked_up(const OpContext& op, std::size_t table, const at::Tensor& indices) {
  const at::Tensor& rows = float_in(op, table);
  if (rows.dim() != 2) op.refuse("a table of other than two dimensions");
  if (indices.numel() > 0 && indices.lt(0).any().item().toBool()) {
    op.refuse("an index is out of range");
  }
  return at::embedding(rows, wrapped_indices(op, indices, rows.size(0), rows));
}

// The embeddings of words, positions and segments, added up (third output) and normalised; second
// output: how many words of each text the mask lets through.
Values embed_layer_normalization(const OpContext& op) {
  const at::Tensor& ids = op.in(0);
  if (ids.dim() != 2) op.refuse("of other than two dimensions");
  const at::Tensor positions =
      op.has(8) ? op.in(8) : at::arange(ids.size(1), ids.options()).unsqueeze(0);
  at::Tensor sum = looked_up(op, 2, ids) + looked_up(op, 3, positions);
  if (op.has(1) != op.has(4)) op.refuse("segments without a table");
  if (op.has(1)) sum = sum + looked_up(op, 4, op.in(1));
  const Normalized result = normalized(sum, 2, op.float_or("epsilon", 1e-12F));
  const at::Tensor counts = op.has(7) ? at::sum(op.in(7).eq(1), {1}).to(at::kInt)
                                      : at::zeros({ids.size(0)}, ids.options().dtype(at::kInt));
  return {result.values * op.in(5) + op.in(6), counts, sum};
}

// Scale and bias are one for each group up to opset 20, for each channel since.
Values group_normalization(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const std::int64_t groups = op.int_or("num_groups", 0);
  if (x.dim() < 3 || groups < 1 || x.size(1) % groups != 0) op.refuse("its groups do not fit");
  const std::int64_t count = op.opset >= 21 ? x.size(1) : groups;
  if (op.in(1).numel() != count || op.in(2).numel() != count) op.refuse("its scale does not fit");
  const Normalized result =
      normalized(stashed(op, x).reshape({x.size(0), groups, -1}), 2, op.float_or("epsilon", 1e-5F));
  const at::Tensor y = result.values.to(x.scalar_type()).reshape({x.size(0), count, -1});
  return {(y * op.in(1).reshape({count, 1}) + op.in(2).reshape({count, 1})).reshape(x.sizes())};
}

Values lp_normalization(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const std::int64_t axis = op.axis(op.int_or("axis", -1), x.dim());
  const std::int64_t p = op.int_or("p", 2);
  if (p != 1 && p != 2) op.refuse("p is neither 1 nor 2");
  const at::Tensor norm = at::norm(x, p, {axis}, /*keepdim=*/true);
  if (norm.eq(0).any().item().toBool()) op.refuse("of zeros");
  return {x / norm};
}

// x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta
Values lrn(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const std::int64_t size = op.int_or("size", 0);
  constexpr std::int64_t kMostChannels = 1 << 20;
  if (x.dim() < 3 || size < 1 || size > kMostChannels) op.refuse("its size does not fit");
  const std::int64_t before = (size - 1) / 2;
  std::vector<std::int64_t> pads(static_cast<std::size_t>(2 * (x.dim() - 2)), 0);
  pads.push_back(before);
  pads.push_back(size - 1 - before);
  const at::Tensor squares = at::constant_pad_nd(at::square(x), pads);
  const at::Tensor sums = at::sum(squares.unfold(1, size, 1), {-1});
  const double alpha = op.float_or("alpha", 1e-4F);
  const at::Tensor base = sums * (alpha / static_cast<double>(size)) + op.float_or("bias", 1);
  return {x / at::pow(base, op.float_or("beta", 0.75F))};
}

Values mean_variance_normalization(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const std::vector<std::int64_t> given =
      op.has_attribute("axes") ? op.ints("axes") : std::vector<std::int64_t>{0, 2, 3};
  if (given.empty()) op.refuse("without axes");
  const std::vector<std::int64_t> axes = unique_axes(op, given, x.dim());
  constexpr double kEpsilon = 1e-9;
  const at::Tensor centred = x - at::mean(x, axes, /*keepdim=*/true);
  const at::Tensor variance = at::mean(at::square(centred), axes, /*keepdim=*/true);
  return {centred / (at::sqrt(variance) + kEpsilon)};
}

Values dropout(const OpContext& op) {
  const double ratio = op.opset >= 12 ? (op.has(1) ? op.scalar_in(1) : 0.5)
                                      : static_cast<double>(op.float_or("ratio", 0.5F));
  const bool asked = op.opset >= 12 && op.has(2) && op.scalar_in(2) != 0;
  if (asked && ratio != 0 && !op.training()) op.refuse("training_mode is set in the graph");
  const at::Tensor& x = op.in(0);
  const at::Tensor mask = at::ones_like(x, at::kBool);
  return {op.training() ? at::dropout(x, ratio, true) : x,
          op.opset < 10 ? mask.to(x.scalar_type()) : mask};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"BatchNormalization", 1, batch_normalization},
    {"InstanceNormalization", 1, instance_normalization},
    // ONNX has it since opset 17, ONNX Runtime with the same meaning in any.
    {"LayerNormalization", 1, layer_normalization},
    {"SimplifiedLayerNormalization", 1, simplified_layer_normalization},
    {"SkipSimplifiedLayerNormalization", 1, skip_simplified_layer_normalization, 1,
     "com.microsoft"},
    {"EmbedLayerNormalization", 1, embed_layer_normalization, 1, "com.microsoft"},
    {"SkipLayerNormalization", 1, skip_layer_normalization, 1, "com.microsoft"},
    {"GroupNormalization", 18, group_normalization},
    {"LpNormalization", 1, lp_normalization},
    {"LRN", 1, lrn},
    {"MeanVarianceNormalization", 9, mean_variance_normalization},
    {"Dropout", 1, dropout},
});

}  // namespace

std::span<const Operator> normalization_operators() { return kOperators; }

}  // namespace qc::torch_engine
