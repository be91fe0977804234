// Operators that reduce or scan along axes.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

struct Reduction {
  at::Tensor x;
  std::vector<std::int64_t> axes;
  bool keep = true;
  bool identity = false;  // no axes are given and that means none
};

// Axes were an attribute before opset `moved`.
Reduction read_reduction(const OpContext& op, std::int64_t moved) {
  Reduction result{op.in(0), {}, op.int_or("keepdims", 1) != 0};
  const auto given = op.ints_moved("axes", moved, 1);
  if (given && !given->empty()) {
    result.axes = unique_axes(op, *given, result.x.dim());
    return result;
  }
  result.identity = op.int_or("noop_with_empty_axes", 0) != 0;
  result.axes = all_axes(result.x.dim());
  return result;
}

constexpr std::int64_t kAxesMoved = 18;
constexpr std::int64_t kSumAxesMoved = 13;

at::Tensor sum(const at::Tensor& x, const Reduction& reduction) {
  return at::sum(x, reduction.axes, reduction.keep, x.scalar_type());
}

Values reduce_sum(const OpContext& op) {
  const Reduction reduction = read_reduction(op, kSumAxesMoved);
  return {reduction.identity ? reduction.x : sum(reduction.x, reduction)};
}

Values reduce_mean(const OpContext& op) {
  float_in(op, 0);
  const Reduction reduction = read_reduction(op, kAxesMoved);
  if (reduction.identity) return {reduction.x};
  return {at::mean(reduction.x, reduction.axes, reduction.keep)};
}

Values reduce_prod(const OpContext& op) {
  const Reduction reduction = read_reduction(op, kAxesMoved);
  at::Tensor y = reduction.x;
  if (reduction.identity) return {y};
  for (auto axis = reduction.axes.rbegin(); axis != reduction.axes.rend(); ++axis) {
    y = at::prod(y, *axis, reduction.keep, y.scalar_type());
  }
  return {y};
}

template <at::Tensor (*Function)(const at::Tensor&, at::IntArrayRef, bool)>
Values reduce_extreme(const OpContext& op) {
  const Reduction reduction = read_reduction(op, kAxesMoved);
  if (reduction.identity) return {reduction.x};
  if (reduction.x.scalar_type() == at::kBool && op.opset < 20) op.refuse("of truth values");
  return {Function(reduction.x, reduction.axes, reduction.keep)};
}

// Those that do more than add: what noop_with_empty_axes means for them was long unclear.
Reduction read_composite(const OpContext& op) {
  Reduction reduction = read_reduction(op, kAxesMoved);
  if (reduction.identity) op.refuse("noop_with_empty_axes without axes");
  return reduction;
}

Values reduce_l1(const OpContext& op) {
  const Reduction reduction = read_composite(op);
  return {sum(at::abs(reduction.x), reduction)};
}

Values reduce_l2(const OpContext& op) {
  const Reduction reduction = read_composite(op);
  return {at::sqrt(sum(at::square(float_in(op, 0)), reduction))};
}

Values reduce_sum_square(const OpContext& op) {
  const Reduction reduction = read_composite(op);
  return {sum(at::mul(reduction.x, reduction.x), reduction)};
}

Values reduce_log_sum(const OpContext& op) {
  const Reduction reduction = read_composite(op);
  return {at::log(sum(float_in(op, 0), reduction))};
}

Values reduce_log_sum_exp(const OpContext& op) {
  const Reduction reduction = read_composite(op);
  return {at::logsumexp(float_in(op, 0), reduction.axes, reduction.keep)};
}

// Of equals the first counts, or with select_last_index the last.
template <at::Tensor (*Function)(const at::Tensor&, c10::optional<std::int64_t>, bool)>
Values arg_extreme(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(op.int_or("axis", 0), x.dim());
  const bool keep = op.int_or("keepdims", 1) != 0;
  if (op.int_or("select_last_index", 0) == 0) return {Function(x, axis, keep)};
  return {x.size(axis) - 1 - Function(at::flip(x, {axis}), axis, keep)};
}

Values cum_sum(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(static_cast<std::int64_t>(op.scalar_in(1)), x.dim());
  const bool reverse = op.int_or("reverse", 0) != 0;
  at::Tensor y = reverse ? at::flip(x, {axis}) : x;
  const std::int64_t n = y.size(axis);
  if (op.int_or("exclusive", 0) != 0 && n > 0) {
    y = at::cat({at::zeros_like(y.narrow(axis, 0, 1)), y.narrow(axis, 0, n - 1)}, axis);
  }
  y = at::cumsum(y, axis, x.scalar_type());
  return {reverse ? at::flip(y, {axis}) : y};
}

// Of equals the one with the lower index comes first: a stable sort.
Values top_k(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(op.int_or("axis", -1), x.dim());
  const std::int64_t k =
      op.opset < 10 ? op.int_or("k", 0) : static_cast<std::int64_t>(op.scalar_in(1));
  if (k < 0 || k > x.size(axis)) op.refuse("k is larger than the axis");
  const bool largest = op.int_or("largest", 1) != 0;
  const auto [values, indices] = at::sort(x, /*stable=*/true, axis, /*descending=*/largest);
  return {values.narrow(axis, 0, k), indices.narrow(axis, 0, k)};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"ReduceSum", 1, reduce_sum},
    {"ReduceMean", 1, reduce_mean},
    {"ReduceProd", 1, reduce_prod},
    {"ReduceMax", 1, reduce_extreme<at::amax>},
    {"ReduceMin", 1, reduce_extreme<at::amin>},
    {"ReduceL1", 1, reduce_l1},
    {"ReduceL2", 1, reduce_l2},
    {"ReduceSumSquare", 1, reduce_sum_square},
    {"ReduceLogSum", 1, reduce_log_sum},
    {"ReduceLogSumExp", 1, reduce_log_sum_exp},
    {"ArgMax", 1, arg_extreme<at::argmax>},
    {"ArgMin", 1, arg_extreme<at::argmin>},
    {"CumSum", 11, cum_sum},
    {"TopK", 1, top_k},
});

}  // namespace

std::span<const Operator> reduction_operators() { return kOperators; }

}  // namespace qc::torch_engine
