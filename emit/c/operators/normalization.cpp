// Normalisation.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "emit/c/operators/reduced_axes.h"
#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

void require_vector(const NodePlan& node, std::size_t input, std::int64_t size) {
  require_floats(node, input);
  if (node.shape(input) != Shape{size}) node.refuse(fmt::format("input {} does not fit", input));
}

// The lanes of the channels, on axis 1; a vector has its elements as channels.
Lanes channel_lanes(const NodePlan& node) {
  require_floats(node, 0);
  const Shape& shape = node.shape(0);
  if (shape.empty()) node.refuse("of a scalar");
  return lanes_of(shape, shape.size() == 1 ? 0 : 1);
}

void plan_batch_normalization(NodePlan& node) {
  const Lanes lanes = channel_lanes(node);
  if (node.integer("training_mode", 0) != 0 ||
      (node.opset() < 7 && node.integer("is_test", 0) == 0 && node.outputs() > 1)) {
    node.refuse("it is for training");
  }
  if (node.integer("spatial", 1) != 1) node.refuse("spatial is not 1");
  for (std::size_t i = 1; i < 5; ++i) require_vector(node, i, lanes.axis);
  for (std::size_t i = 1; i < node.outputs(); ++i) {
    if (node.has_output(i)) node.refuse("it is for training");
  }
  const float epsilon = node.number("epsilon", 1e-5F);
  bool is_known = true;
  for (std::size_t i = 1; i < 5; ++i) is_known &= node.constant(i) != nullptr;
  const ValueId x = node.input(0);
  if (!is_known) {
    const ValueId y = node.output(0, DataType::kFloat, node.shape(0));
    Step& step = node.call("qk_batch_norm");
    for (std::size_t i = 0; i < 5; ++i) node.read(step, node.input(i));
    node.write(step, y);
    add_lanes(node, step, lanes);
    node.number(step, epsilon);
    allow_in_place(node, step, 0);
    return;
  }
  std::vector<float> scale = node.floats(1);
  std::vector<float> bias = node.floats(2);
  const std::vector<float> mean = node.floats(3);
  const std::vector<float> variance = node.floats(4);
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double factor = scale[c] / std::sqrt(double{variance[c]} + double{epsilon});
    scale[c] = static_cast<float>(factor);
    bias[c] = static_cast<float>(bias[c] - factor * mean[c]);
  }
  const ValueId y = node.output(0, DataType::kFloat, node.shape(0));
  Step& step = node.call("qk_scale_channels");
  node.read(step, x);
  node.array(step, "scale", scale);
  node.array(step, "bias", bias);
  node.write(step, y);
  add_lanes(node, step, lanes);
  allow_in_place(node, step, 0);
  step.operations = count_of(node.shape(0));
}

/// The arguments of qk_normalize; inputs and outputs by index, 0 for none.
struct Normalized {
  std::size_t scale = 0;
  std::size_t bias = 0;
  std::size_t mean = 0;
  std::size_t deviation = 0;
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t repeat = 1;
  std::int64_t period = 1;
  float epsilon = 0;
  bool is_centred = true;
  Shape means = {};  ///< shape of the outputs `mean` and `deviation`
};

void read_or_null(NodePlan& node, Step& step, std::size_t input) {
  if (input != 0 && node.has_input(input)) {
    node.read(step, node.input(input));
  } else {
    node.null(step);
  }
}

void call_normalize(NodePlan& node, const Normalized& of) {
  const ValueId x = node.input(0);
  const ValueId y = node.output(0, DataType::kFloat, node.shape(0));
  std::vector<ValueId> statistics;
  for (const std::size_t i : {of.mean, of.deviation}) {
    if (i != 0 && node.has_output(i)) {
      statistics.push_back(node.output(i, DataType::kFloat, of.means));
    }
  }
  Step& step = node.call("qk_normalize");
  node.read(step, x);
  read_or_null(node, step, of.scale);
  read_or_null(node, step, of.bias);
  node.write(step, y);
  std::size_t next = 0;
  for (const std::size_t i : {of.mean, of.deviation}) {
    if (i != 0 && node.has_output(i)) {
      node.write(step, statistics[next++]);
    } else {
      node.null(step);
    }
  }
  for (const std::int64_t size : {of.rows, of.columns, of.repeat, of.period}) node.size(step, size);
  node.number(step, of.epsilon);
  node.size(step, of.is_centred ? 1 : 0);
  allow_in_place(node, step, 0);
  step.operations = 4 * count_of(node.shape(0));
}

void plan_instance_normalization(NodePlan& node) {
  const Lanes lanes = channel_lanes(node);
  if (node.shape(0).size() < 3) node.refuse("of fewer than three axes");
  require_vector(node, 1, lanes.axis);
  require_vector(node, 2, lanes.axis);
  call_normalize(node, {.scale = 1,
                        .bias = 2,
                        .rows = lanes.outer * lanes.axis,
                        .columns = lanes.inner,
                        .repeat = lanes.inner,
                        .period = lanes.axis,
                        .epsilon = node.number("epsilon", 1e-5F)});
}

void plan_group_normalization(NodePlan& node) {
  const Lanes lanes = channel_lanes(node);
  const std::int64_t groups = node.integer("num_groups", 0);
  if (groups < 1 || lanes.axis % groups != 0) node.refuse("its groups do not fit");
  // Scale and bias were those of groups before the twenty-first opset, which is unlike all else.
  const bool by_group = node.opset() < 21;
  const std::int64_t columns = lanes.axis / groups * lanes.inner;
  const std::int64_t period = by_group ? groups : lanes.axis;
  require_vector(node, 1, period);
  require_vector(node, 2, period);
  call_normalize(node, {.scale = 1,
                        .bias = 2,
                        .rows = lanes.outer * groups,
                        .columns = columns,
                        .repeat = by_group ? columns : lanes.inner,
                        .period = period,
                        .epsilon = node.number("epsilon", 1e-5F)});
}

// Scale and bias must have the shape of what is normalised, but for leading axes of 1.
void require_row(const NodePlan& node, std::size_t input, const Shape& row) {
  if (!node.has_input(input)) return;
  require_floats(node, input);
  Shape shape = node.shape(input);
  while (shape.size() > row.size() && shape.front() == 1) shape.erase(shape.begin());
  if (shape != row) node.refuse(fmt::format("input {} does not fit", input));
}

// Also SimplifiedLayerNormalization, which subtracts no mean.
void plan_layer_normalization(NodePlan& node) {
  require_floats(node, 0);
  const Shape shape = node.shape(0);
  const bool is_centred = node.node().op == "LayerNormalization";
  const std::size_t axis = node.axis(node.integer("axis", -1), shape.size());
  const auto middle = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const Shape row(middle, shape.end());
  require_row(node, 1, row);
  require_row(node, 2, row);
  Shape means(shape.begin(), middle);
  means.resize(shape.size(), 1);
  const std::int64_t columns = product_of(row);
  call_normalize(node, {.scale = 1,
                        .bias = is_centred ? 2U : 0U,
                        .mean = is_centred ? 1U : 0U,
                        .deviation = is_centred ? 2U : 1U,
                        .rows = product_of(shape) / columns,
                        .columns = columns,
                        .repeat = 1,
                        .period = columns,
                        .epsilon = node.number("epsilon", 1e-5F),
                        .is_centred = is_centred,
                        .means = means});
}

// com.microsoft: inputs are x, skip, scale, (bias,) shift; outputs y, -, -, the sum.
void plan_skip_layer_normalization(NodePlan& node) {
  require_floats(node, 0);
  require_floats(node, 1);
  const Shape shape = node.shape(0);
  const bool is_centred = node.node().op == "SkipLayerNormalization";
  const std::size_t shift = is_centred ? 4 : 3;
  const Shape row = {shape.empty() ? 1 : shape.back()};
  Shape skip = node.shape(1);
  while (skip.size() > 1 && skip.size() >= shape.size() && skip.front() == 1 && skip != shape) {
    skip.erase(skip.begin());
  }
  if (skip.size() > shape.size() || !std::equal(skip.rbegin(), skip.rend(), shape.rbegin())) {
    node.refuse("its inputs do not fit");
  }
  require_row(node, 2, row);
  if (is_centred) require_row(node, 3, row);
  require_row(node, shift, row);
  if (node.has_output(1) || node.has_output(2)) node.refuse("its statistics are outputs");
  const std::int64_t skip_count = product_of(skip);
  const ValueId y = node.output(0, DataType::kFloat, shape);
  const bool gives_sums = node.has_output(3);
  const ValueId sums = gives_sums ? node.output(3, DataType::kFloat, shape) : 0;
  Step& step = node.call("qk_skip_normalize");
  node.read(step, node.input(0));
  node.read(step, node.input(1));
  read_or_null(node, step, shift);
  read_or_null(node, step, 2);
  read_or_null(node, step, is_centred ? 3 : 0);
  node.write(step, y);
  if (gives_sums) {
    node.write(step, sums);
  } else {
    node.null(step);
  }
  node.size(step, product_of(shape) / row[0]);
  node.size(step, row[0]);
  node.size(step, skip_count);
  node.number(step, node.number("epsilon", 1e-12F));
  node.size(step, is_centred ? 1 : 0);
}

void plan_lp_normalization(NodePlan& node) {
  require_floats(node, 0);
  const Shape shape = node.shape(0);
  const std::int64_t p = node.integer("p", 2);
  if (p != 1 && p != 2) node.refuse(fmt::format("p is {}", p));
  const Lanes lanes = lanes_of(shape, node.axis(node.integer("axis", -1), shape.size()));
  Step& step = call_in_place(node, "qk_lp_normalize");
  add_lanes(node, step, lanes);
  node.size(step, p);
}

void plan_lrn(NodePlan& node) {
  const Lanes lanes = channel_lanes(node);
  const std::int64_t size = node.integer("size", 0);
  if (size < 1 || size > (1 << 24) || node.shape(0).size() < 2)
    node.refuse("its size does not fit");
  const ValueId y = node.output(0, DataType::kFloat, node.shape(0));
  Step& step = node.call("qk_lrn");
  node.read(step, node.input(0));
  node.write(step, y);
  add_lanes(node, step, lanes);
  node.size(step, (size - 1) / 2);
  node.size(step, size / 2);
  node.number(step, node.number("alpha", 1e-4F) / static_cast<float>(size));
  node.number(step, node.number("beta", 0.75F));
  node.number(step, node.number("bias", 1.0F));
  step.operations = static_cast<std::uint64_t>(size) * count_of(node.shape(0));
}

void plan_mean_variance_normalization(NodePlan& node) {
  require_floats(node, 0);
  const Shape shape = node.shape(0);
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : node.list("axes", {0, 2, 3})) {
    axes.push_back(node.axis(axis, shape.size()));
  }
  if (axes.empty()) node.refuse("of no axes");
  const ReducedAxes reduced(shape, axes, true);
  Step& step = call_in_place(node, "qk_standardize");
  node.number(step, 1e-9F);
  add_walk(node, step, reduced.kept, "kept");
  add_walk(node, step, reduced.reduced, "reduced");
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"BatchNormalization", "", 1, plan_batch_normalization},
    {"InstanceNormalization", "", 6, plan_instance_normalization},
    {"GroupNormalization", "", 18, plan_group_normalization},
    // ONNX Runtime knows these two without a version.
    {"LayerNormalization", "", 1, plan_layer_normalization},
    {"SimplifiedLayerNormalization", "", 1, plan_layer_normalization},
    {"SkipLayerNormalization", "com.microsoft", 1, plan_skip_layer_normalization},
    {"SkipSimplifiedLayerNormalization", "com.microsoft", 1, plan_skip_layer_normalization},
    {"LpNormalization", "", 1, plan_lp_normalization},
    {"LRN", "", 1, plan_lrn},
    {"MeanVarianceNormalization", "", 9, plan_mean_variance_normalization},
});

}  // namespace

std::span<const OperatorRow> normalization_operators() { return kOperators; }

}  // namespace qc::c
