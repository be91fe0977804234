// Convolutions and products of matrices.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "emit/c/operators.h"
#include "emit/c/operators/window.h"

namespace qc::c {
namespace {

std::size_t to_size(std::int64_t number) { return static_cast<std::size_t>(number); }

// The bias of a layer, which must be known.
std::vector<float> bias_of(const NodePlan& node, std::size_t input, std::size_t channels) {
  if (!node.has_input(input)) return {};
  std::vector<float> bias = node.floats(input);
  if (bias.size() != channels) node.refuse("the bias does not fit the weights");
  return bias;
}

struct ConvSizes {
  std::int64_t batch;
  std::int64_t groups;
  std::int64_t channels;  // of the input, in a group
  std::int64_t rows;      // channels of the output, in a group
};

void require_floats(const NodePlan& node) {
  if (node.type(0) != DataType::kFloat) node.refuse("its input is not of floats");
}

void plan_depthwise(NodePlan& node, const ConvSizes& sizes, const Window& window, ValueId y) {
  const std::vector<float> weights = node.floats(1);
  const std::vector<float> bias = bias_of(node, 2, to_size(sizes.groups * sizes.rows));
  Step& step = node.call("qk_depthwise");
  node.array(step, "weights", weights);
  node.array(step, "bias", bias);
  node.read(step, node.input(0));
  node.size(step, sizes.batch);
  node.size(step, sizes.groups);
  node.size(step, sizes.rows);
  node.array(step, "window", window.numbers());
  node.write(step, y);
  step.operations = static_cast<std::uint64_t>(sizes.batch * sizes.groups * sizes.rows *
                                               window.out_size() * window.taps());
}

void plan_conv(NodePlan& node) {
  require_floats(node);
  const Shape& input = node.shape(0);
  const Shape& weights = node.shape(1);
  if (weights.size() != input.size() || weights.size() < 3) node.refuse("its weights do not fit");
  const Shape kernel(weights.begin() + 2, weights.end());
  if (node.has("kernel_shape") && node.list("kernel_shape") != kernel) {
    node.refuse("kernel_shape is not that of the weights");
  }
  const std::int64_t groups = node.integer("group", 1);
  if (groups < 1 || weights[0] < 1 || weights[0] % groups != 0 || weights[1] * groups != input[1]) {
    node.refuse("its groups do not fit");
  }
  const Window window = window_of(node, input, kernel);
  const ConvSizes sizes{input[0], groups, weights[1], weights[0] / groups};
  Shape shape{input[0], weights[0]};
  const Shape out = axes_of(window.out, kernel.size());
  shape.insert(shape.end(), out.begin(), out.end());
  const ValueId y = node.output(0, DataType::kFloat, shape);
  if (groups > 1 && weights[1] == 1) {
    plan_depthwise(node, sizes, window, y);
    return;
  }
  const std::int64_t columns = weights[1] * window.taps();
  Product product;
  product.groups = to_size(groups);
  product.rows = to_size(sizes.rows);
  product.columns = to_size(columns);
  product.weights = node.floats(1);
  product.bias = bias_of(node, 2, to_size(weights[0]));
  product.signs_only = node.signs_only(0);
  product.vectors = static_cast<std::uint64_t>(input[0] * window.out_size());
  const bool direct = window.is_pointwise();
  if (!direct && node.may_go_by_tiles()) {
    product.tiles = tile_window(window, to_size(sizes.channels));
    product.tiles->bits = node.code_bits(0);
  }
  product.pixels = to_size(direct ? window.out_size() : node.block(window.out_size()));
  Step& step = node.call(direct ? "qk_product_planes" : "qk_conv");
  const std::size_t index = node.product(step, std::move(product));
  node.read(step, node.input(0));
  node.size(step, sizes.batch);
  node.size(step, sizes.groups);
  node.size(step, sizes.channels);
  node.size(step, sizes.rows);
  if (direct) {
    node.size(step, window.out_size());
    node.product_scratch(step, index, static_cast<std::uint64_t>(window.out_size()));
  } else {
    const std::int64_t block = node.block(window.out_size());
    node.array(step, "window", window.numbers());
    node.size(step, block);
    node.scratch(step, static_cast<std::uint64_t>(columns * block) * sizeof(float));
    node.product_scratch(step, index, static_cast<std::uint64_t>(block));
  }
  node.write(step, y);
}

// ONNX has the input's channels first: here every output channel and tap is a row.
std::vector<float> transposed_weights(const std::vector<float>& weights, const ConvSizes& sizes,
                                      std::int64_t taps) {
  const std::size_t rows = to_size(sizes.rows * taps);
  const std::size_t columns = to_size(sizes.channels);
  std::vector<float> result(weights.size());
  for (std::size_t group = 0; group < to_size(sizes.groups); ++group) {
    const std::size_t first = group * rows * columns;
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t r = 0; r < rows; ++r) {
        result[first + r * columns + c] = weights[first + c * rows + r];
      }
    }
  }
  return result;
}

void plan_conv_transpose(NodePlan& node) {
  require_floats(node);
  const Shape& input = node.shape(0);
  const Shape& weights = node.shape(1);
  if (weights.size() != input.size() || weights.size() < 3) node.refuse("its weights do not fit");
  const Shape kernel(weights.begin() + 2, weights.end());
  const std::int64_t groups = node.integer("group", 1);
  if (groups < 1 || weights[0] != input[1] || weights[0] % groups != 0) {
    node.refuse("its groups do not fit");
  }
  const Window window = transposed_window_of(node, input, kernel);
  const ConvSizes sizes{input[0], groups, weights[0] / groups, weights[1]};
  Shape shape{input[0], weights[1] * groups};
  const Shape out = axes_of(window.out, kernel.size());
  shape.insert(shape.end(), out.begin(), out.end());
  const ValueId y = node.output(0, DataType::kFloat, shape);
  const std::int64_t block = node.block(window.in_size());
  Product product;
  product.groups = to_size(groups);
  product.rows = to_size(sizes.rows * window.taps());
  product.columns = to_size(sizes.channels);
  product.weights = transposed_weights(node.floats(1), sizes, window.taps());
  product.bias = bias_of(node, 2, to_size(shape[1]));
  product.adds_bias = false;
  product.channel_rows = to_size(window.taps());
  product.signs_only = node.signs_only(0);
  product.vectors = static_cast<std::uint64_t>(input[0] * window.in_size());
  product.pixels = to_size(block);
  const auto rows = static_cast<std::uint64_t>(product.rows);
  Step& step = node.call("qk_conv_transpose");
  const std::size_t index = node.product(step, std::move(product));
  node.product_bias(step, index);
  node.read(step, node.input(0));
  node.size(step, sizes.batch);
  node.size(step, sizes.groups);
  node.size(step, sizes.channels);
  node.size(step, sizes.rows);
  node.array(step, "window", window.numbers());
  node.size(step, block);
  node.scratch(step, static_cast<std::uint64_t>(sizes.channels * block) * sizeof(float));
  node.scratch(step, rows * static_cast<std::uint64_t>(block) * sizeof(float));
  node.product_scratch(step, index, static_cast<std::uint64_t>(block));
  node.write(step, y);
}

std::vector<float> transposed(const std::vector<float>& values, std::size_t rows,
                              std::size_t columns) {
  std::vector<float> result(values.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
  }
  return result;
}

// Rows of the input, each multiplied with a matrix.
void call_rows(NodePlan& node, std::size_t input, Product product, std::int64_t batch, ValueId y) {
  const auto rows = static_cast<std::int64_t>(product.rows);
  const auto columns = static_cast<std::int64_t>(product.columns);
  product.vectors = static_cast<std::uint64_t>(batch);
  product.signs_only = node.signs_only(input);
  Step& step = node.call("qk_product_rows");
  const std::size_t index = node.product(step, std::move(product));
  node.read(step, node.input(input));
  node.size(step, batch);
  node.size(step, columns);
  node.size(step, rows);
  node.product_scratch(step, index, 1);
  node.write(step, y);
}

// What is added in a Gemm: strides over rows and columns of the output.
struct Addend {
  std::int64_t row = 0;
  std::int64_t column = 0;
};

Addend addend_of(const NodePlan& node, std::int64_t rows, std::int64_t columns) {
  Shape shape = node.shape(2);
  if (shape.size() > 2) node.refuse("what it adds does not fit");
  shape.insert(shape.begin(), 2 - shape.size(), 1);
  if ((shape[0] != 1 && shape[0] != rows) || (shape[1] != 1 && shape[1] != columns)) {
    node.refuse("what it adds does not fit");
  }
  return {shape[0] == 1 ? 0 : shape[1], shape[1] == 1 ? 0 : 1};
}

void plan_gemm(NodePlan& node) {
  require_floats(node);
  const Shape& a = node.shape(0);
  const Shape& b = node.shape(1);
  if (a.size() != 2 || b.size() != 2) node.refuse("its inputs are no matrices");
  const bool a_turned = node.integer("transA", 0) != 0;
  const bool b_turned = node.integer("transB", 0) != 0;
  const std::int64_t rows = a[a_turned ? 1 : 0];
  const std::int64_t inner = a[a_turned ? 0 : 1];
  const std::int64_t columns = b[b_turned ? 0 : 1];
  if (b[b_turned ? 1 : 0] != inner) node.refuse("its inputs do not fit");
  const float alpha = node.number("alpha", 1.0F);
  const float beta = node.number("beta", 1.0F);
  const bool adds = node.has_input(2) && beta != 0.0F;
  const Addend addend = adds ? addend_of(node, rows, columns) : Addend();
  const ValueId y = node.output(0, DataType::kFloat, {rows, columns});
  const bool is_bias = !adds || (node.constant(2) != nullptr && (addend.row == 0 || rows == 1));
  if (node.constant(1) != nullptr && is_bias && (!a_turned || rows == 1 || inner == 1)) {
    Product product;
    product.rows = to_size(columns);
    product.columns = to_size(inner);
    product.weights =
        b_turned ? node.floats(1) : transposed(node.floats(1), to_size(inner), to_size(columns));
    if (alpha != 1.0F) {
      for (float& weight : product.weights) weight *= alpha;
    }
    if (adds) {
      const std::vector<float> values = node.floats(2);
      for (std::int64_t c = 0; c < columns; ++c) {
        product.bias.push_back(beta * values.at(to_size(c * addend.column)));
      }
    }
    call_rows(node, 0, std::move(product), rows, y);
    return;
  }
  Step& step = node.call("qk_gemm");
  node.read(step, node.input(0));
  node.size(step, a_turned ? 1 : inner);
  node.size(step, a_turned ? rows : 1);
  node.read(step, node.input(1));
  node.size(step, b_turned ? 1 : columns);
  node.size(step, b_turned ? inner : 1);
  node.size(step, rows);
  node.size(step, inner);
  node.size(step, columns);
  node.number(step, alpha);
  node.number(step, beta);
  if (adds) {
    node.read(step, node.input(2));
  } else {
    node.null(step);
  }
  node.size(step, addend.row);
  node.size(step, addend.column);
  node.write(step, y);
  step.operations = static_cast<std::uint64_t>(rows * inner * columns);
}

// Matrices of a batch, by their places in that of an operand, which is broadcast.
std::vector<std::int32_t> places(const Shape& batch, const Shape& own) {
  std::vector<std::int32_t> result;
  const std::uint64_t count = count_of(batch);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t rest = i;
    std::int64_t place = 0;
    std::int64_t stride = 1;
    for (std::size_t axis = 0; axis < own.size(); ++axis) {
      const auto size = static_cast<std::uint64_t>(batch[batch.size() - 1 - axis]);
      const std::int64_t own_size = own[own.size() - 1 - axis];
      if (own_size != 1) place += static_cast<std::int64_t>(rest % size) * stride;
      stride *= own_size;
      rest /= size;
    }
    result.push_back(static_cast<std::int32_t>(place));
  }
  return result;
}

void plan_matmul(NodePlan& node) {
  require_floats(node);
  Shape a = node.shape(0);
  Shape b = node.shape(1);
  if (a.empty() || b.empty()) node.refuse("an input is a scalar");
  const bool a_is_row = a.size() == 1;
  const bool b_is_column = b.size() == 1;
  if (a_is_row) a.insert(a.begin(), 1);
  if (b_is_column) b.push_back(1);
  const std::int64_t rows = a[a.size() - 2];
  const std::int64_t inner = a.back();
  const std::int64_t columns = b.back();
  if (b[b.size() - 2] != inner) node.refuse("its inputs do not fit");
  const Shape a_batch(a.begin(), a.end() - 2);
  const Shape b_batch(b.begin(), b.end() - 2);
  Shape batch(std::max(a_batch.size(), b_batch.size()), 1);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    std::int64_t& size = batch[batch.size() - 1 - i];
    for (const Shape* own : {&a_batch, &b_batch}) {
      if (i >= own->size()) continue;
      const std::int64_t other = (*own)[own->size() - 1 - i];
      if (other != 1 && size != 1 && other != size) node.refuse("its inputs do not fit");
      if (other != 1) size = other;
    }
  }
  Shape shape = batch;
  if (!a_is_row) shape.push_back(rows);
  if (!b_is_column) shape.push_back(columns);
  const std::size_t rank = shape.size();
  const ValueId y = node.output(0, DataType::kFloat, std::move(shape));
  Product product;
  product.channel_axis = rank == 0 ? 0 : rank - 1;
  if (node.constant(1) != nullptr && count_of(b_batch) == 1) {
    product.rows = to_size(columns);
    product.columns = to_size(inner);
    product.weights = transposed(node.floats(1), to_size(inner), to_size(columns));
    call_rows(node, 0, std::move(product), static_cast<std::int64_t>(count_of(batch)) * rows, y);
    return;
  }
  if (node.constant(0) != nullptr && count_of(a_batch) == 1 && !b_is_column) {
    product.rows = to_size(rows);
    product.columns = to_size(inner);
    product.channel_axis = a_is_row ? rank : rank - 2;  // a row alone has no axis of its own
    product.weights = node.floats(0);
    product.signs_only = node.signs_only(1);
    product.vectors = count_of(batch) * static_cast<std::uint64_t>(columns);
    product.pixels = to_size(columns);
    Step& step = node.call("qk_product_planes");
    const std::size_t index = node.product(step, std::move(product));
    node.read(step, node.input(1));
    node.size(step, static_cast<std::int64_t>(count_of(batch)));
    node.size(step, 1);
    node.size(step, inner);
    node.size(step, rows);
    node.size(step, columns);
    node.product_scratch(step, index, static_cast<std::uint64_t>(columns));
    node.write(step, y);
    return;
  }
  Step& step = node.call("qk_matmul_batch");
  node.read(step, node.input(0));
  node.array(step, "left_places", places(batch, a_batch));
  node.read(step, node.input(1));
  node.array(step, "right_places", places(batch, b_batch));
  node.size(step, static_cast<std::int64_t>(count_of(batch)));
  node.size(step, rows);
  node.size(step, inner);
  node.size(step, columns);
  node.write(step, y);
  step.operations = count_of(batch) * static_cast<std::uint64_t>(rows * inner * columns);
}

constexpr std::array kRows = {
    OperatorRow{"Conv", "", 1, plan_conv},
    OperatorRow{"ConvTranspose", "", 1, plan_conv_transpose},
    OperatorRow{"Gemm", "", 1, plan_gemm},
    OperatorRow{"MatMul", "", 1, plan_matmul},
};

}  // namespace

std::span<const OperatorRow> layer_operators() { return kRows; }

}  // namespace qc::c
