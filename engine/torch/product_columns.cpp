#include "engine/torch/product_columns.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "engine/torch/window.h"

namespace qc::torch_engine {
namespace {

// Of the windows of one sample that count, at most.
constexpr std::int64_t kMostPositions = std::int64_t{1} << 16;

// {batch, channels, positions..., taps...} from an input that is padded already.
at::Tensor unfolded(const at::Tensor& padded, const Window& window) {
  at::Tensor view = padded;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    view = view.unfold(axis, window.extent(i), window.strides[i]);
    view = at::slice(view, -1, 0, c10::nullopt, window.dilations[i]);
  }
  return view;
}

// Every so many positions along each axis that no more are left than kMostPositions: neighbours are
// much alike, and all windows of a large picture would fill memory.
at::Tensor thinned(const at::Tensor& windows) {
  const std::int64_t rank = (windows.dim() - 2) / 2;
  at::Tensor some = windows;
  for (std::int64_t step = 1;; ++step) {
    std::int64_t positions = 1;
    for (std::int64_t axis = 2; axis < 2 + rank; ++axis) {
      some = at::slice(some, axis, 0, c10::nullopt, step);
      positions *= some.size(axis);
    }
    if (positions <= kMostPositions) return some;
    some = windows;
  }
}

// {groups, channels / groups * taps, batch * positions}
at::Tensor as_columns(const at::Tensor& windows, std::int64_t groups) {
  const std::int64_t rank = (windows.dim() - 2) / 2;
  const std::int64_t channels = windows.size(1);
  std::vector<std::int64_t> order = {1};
  for (std::int64_t i = 0; i < rank; ++i) order.push_back(2 + rank + i);
  order.push_back(0);
  for (std::int64_t i = 0; i < rank; ++i) order.push_back(2 + i);
  std::int64_t taps = 1;
  for (std::int64_t i = 0; i < rank; ++i) taps *= windows.size(2 + rank + i);
  return windows.permute(order).reshape({groups, channels / groups * taps, -1});
}

at::Tensor convolution_columns(const OpContext& op, const MatrixForm& form) {
  const at::Tensor x = op.in(0).to(at::kFloat);
  const Window window = read_window(op, x.sizes().slice(2).vec(), op.in(1).sizes().slice(2).vec());
  return as_columns(thinned(unfolded(at::constant_pad_nd(x, window.torch_pads()), window)),
                    static_cast<std::int64_t>(form.groups));
}

// A transposed convolution is a convolution of the input with zeros between its elements, whose
// taps are in reverse order. What auto_pad or output_shape cut off its result is not taken into
// account.
at::Tensor transposed_convolution_columns(const OpContext& op, const MatrixForm& form) {
  const at::Tensor x = op.in(0).to(at::kFloat);
  const std::size_t rank = static_cast<std::size_t>(x.dim()) - 2;
  Window window = read_plain_window(op, rank, op.in(1).sizes().slice(2).vec());
  std::vector<std::int64_t> spread = x.sizes().vec();
  for (std::size_t i = 0; i < rank; ++i) {
    spread[i + 2] = (spread[i + 2] - 1) * window.strides[i] + 1;
  }
  const at::Tensor wide = at::zeros(spread, x.options());
  at::Tensor every = wide;
  std::vector<std::int64_t> taps;
  const std::vector<std::int64_t> added = op.ints("output_padding");
  for (std::size_t i = 0; i < rank; ++i) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    every = at::slice(every, axis, 0, c10::nullopt, window.strides[i]);
    window.strides[i] = 1;
    window.pads_begin[i] = window.extent(i) - 1 - window.pads_begin[i];
    window.pads_end[i] =
        window.extent(i) - 1 - window.pads_end[i] + (i < added.size() ? added[i] : 0);
    taps.push_back(axis + static_cast<std::int64_t>(rank));
  }
  every.copy_(x);
  const at::Tensor windows = unfolded(at::constant_pad_nd(wide, window.torch_pads()), window);
  return as_columns(windows.flip(taps), static_cast<std::int64_t>(form.groups));
}

// Rows of a matrix {..., columns}, of which each is a column of the product.
at::Tensor rows_as_columns(const at::Tensor& matrix) {
  return matrix.reshape({-1, matrix.size(-1)}).t().unsqueeze(0);
}

at::Tensor gemm_columns(const OpContext& op, std::size_t input) {
  const at::Tensor& other = op.in(input == 0 ? 1 : 0);
  const bool transposed = op.int_or(input == 0 ? "transB" : "transA", 0) != 0;
  const at::Tensor matrix = transposed ? other.t() : other;
  return input == 0 ? matrix.unsqueeze(0) : rows_as_columns(matrix);
}

// `other` is the factor that is not the weight.
at::Tensor matmul_columns(const OpContext& op, std::size_t input, const MatrixForm& form,
                          at::Tensor other) {
  if (other.dim() == 1) other = other.unsqueeze(input == 0 ? 1 : 0);
  // Columns last but one, and the matrices of a batch each with their own.
  if (input == 1) other = other.transpose(-1, -2);
  const auto groups = static_cast<std::int64_t>(form.groups);
  if (groups == 1) return other.transpose(0, -2).reshape({1, other.size(-2), -1});
  // Dimensions of the batch that the weights do not have belong to the columns.
  const at::Tensor& weights = op.in(input);
  const std::int64_t own = weights.dim() - 2;
  const std::int64_t more = std::max<std::int64_t>(other.dim() - 2 - own, 0);
  std::vector<std::int64_t> batch = other.sizes().slice(0, more).vec();
  for (std::int64_t i = 0; i < own; ++i) batch.push_back(weights.size(i));
  batch.push_back(other.size(-2));
  batch.push_back(other.size(-1));
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i <= own; ++i) order.push_back(more + i);
  for (std::int64_t i = 0; i < more; ++i) order.push_back(i);
  order.push_back(more + own + 1);
  return other.expand(batch).permute(order).reshape({groups, other.size(-2), -1});
}

at::Tensor fused_matmul_columns(const OpContext& op, std::size_t input, const MatrixForm& form) {
  at::Tensor other = op.in(input == 0 ? 1 : 0);
  if (op.int_or(input == 0 ? "transBatchB" : "transBatchA", 0) != 0) other = other.movedim(0, -2);
  const bool transposed = op.int_or(input == 0 ? "transB" : "transA", 0) != 0;
  if (transposed && other.dim() > 1) other = other.transpose(-1, -2);
  return matmul_columns(op, input, form, other);
}

// {steps, batch, ...} of what a recurrent network is given.
at::Tensor steps_first(const OpContext& op, const at::Tensor& x) {
  return op.opset >= 14 && op.int_or("layout", 0) != 0 ? x.transpose(0, 1) : x;
}

// The states {steps, directions, batch, hidden} before every step, from those after.
at::Tensor states_before(const OpContext& op, const at::Tensor& outputs) {
  const bool batch_first = op.opset >= 14 && op.int_or("layout", 0) != 0;
  const at::Tensor after = batch_first ? outputs.permute({1, 2, 0, 3}) : outputs;
  at::Tensor initial = at::zeros({after.size(1), after.size(2), after.size(3)}, after.options());
  if (op.has(5)) initial = batch_first ? op.in(5).transpose(0, 1) : op.in(5);
  std::vector<at::Tensor> directions;
  for (std::int64_t d = 0; d < after.size(1); ++d) {
    const at::Tensor own = after.select(1, d);
    const at::Tensor first = initial.select(0, d).unsqueeze(0);
    const bool reversed = d == 1 || op.string_or("direction", "forward") == "reverse";
    const std::int64_t steps = own.size(0);
    directions.push_back(reversed ? at::cat({own.narrow(0, 1, steps - 1), first}, 0)
                                  : at::cat({first, own.narrow(0, 0, steps - 1)}, 0));
  }
  return at::stack(directions, 1);
}

at::Tensor recurrent_columns(const OpContext& op, std::size_t input, const MatrixForm& form) {
  if (input == 1) {
    const at::Tensor one = rows_as_columns(steps_first(op, op.in(0)));
    return one.expand({static_cast<std::int64_t>(form.groups), -1, -1});
  }
  const Operator* row = find_operator(op.node.domain, op.node.op, op.opset);
  const Values outputs = row->run(op);
  const at::Tensor before = states_before(op, outputs.front().tensor);
  return before.permute({1, 3, 0, 2})
      .reshape({before.size(1), before.size(3), before.size(0) * before.size(2)});
}

// How often each entry is read.
at::Tensor table_counts(const OpContext& op, const MatrixForm& form) {
  const auto entries = static_cast<std::int64_t>(form.columns);
  const at::Tensor indices = op.in(1).to(at::kLong).flatten();
  const at::Tensor wrapped = at::where(indices.lt(0), indices + entries, indices);
  return at::bincount(wrapped, {}, entries).to(at::kFloat).unsqueeze(0);
}

at::Tensor columns_of(const OpContext& op, std::size_t input, const MatrixForm& form) {
  const std::string_view name = op.node.op;
  if (form.is_table) return table_counts(op, form);
  if (name == "ConvTranspose") return transposed_convolution_columns(op, form);
  if (name == "Conv" || name == "FusedConv") return convolution_columns(op, form);
  if (name == "Gemm" || name == "FusedGemm") return gemm_columns(op, input);
  if (name == "MatMul") return matmul_columns(op, input, form, op.in(input == 0 ? 1 : 0));
  if (name == "FusedMatMul") return fused_matmul_columns(op, input, form);
  if (name == "Attention") return rows_as_columns(op.in(0));
  return recurrent_columns(op, input, form);
}

}  // namespace

at::Tensor product_columns(const OpContext& op, std::size_t input, const MatrixForm& form) {
  const at::Tensor columns = columns_of(op, input, form).to(at::kFloat);
  const auto groups = static_cast<std::int64_t>(form.groups);
  const auto size = static_cast<std::int64_t>(form.columns);
  if (columns.size(0) != groups || columns.size(1) != size) {
    op.refuse("its operand does not have the columns of the weight");
  }
  return columns;
}

}  // namespace qc::torch_engine
