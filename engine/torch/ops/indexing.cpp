// Operators that read or write elements at given places.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

Values gather(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(op.int_or("axis", 0), x.dim());
  const at::Tensor index = wrapped_indices(op, op.in(1), x.size(axis), x);
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, index.sizes().begin(), index.sizes().end());
  return {x.index_select(axis, index.flatten()).reshape(shape)};
}

Values gather_elements(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(op.int_or("axis", 0), x.dim());
  return {at::gather(x, axis, wrapped_indices(op, op.in(1), x.size(axis), x))};
}

std::int64_t product(at::IntArrayRef dims) {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

// Tuples of indices into the dimensions of `shape`, as one number each.
at::Tensor linear_index(const OpContext& op, const at::Tensor& tuples, at::IntArrayRef shape,
                        const at::Tensor& like) {
  at::Tensor index = at::zeros(tuples.sizes().slice(0, static_cast<std::size_t>(tuples.dim() - 1)),
                               at::device(like.device()).dtype(at::kLong));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const at::Tensor place = tuples.select(-1, static_cast<std::int64_t>(i));
    index = index * shape[i] + wrapped_indices(op, place, shape[i], like);
  }
  return index;
}

Values gather_nd(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const at::Tensor& indices = op.in(1);
  const std::int64_t batch_dims = op.int_or("batch_dims", 0);
  if (batch_dims < 0 || indices.dim() < batch_dims + 1 || indices.size(-1) > x.dim() - batch_dims) {
    op.refuse("its indices do not fit its input");
  }
  const auto first = static_cast<std::size_t>(batch_dims);
  const auto width = static_cast<std::size_t>(indices.size(-1));
  const auto batch_shape = x.sizes().slice(0, first);
  if (indices.sizes().slice(0, first) != batch_shape) op.refuse("its batches differ in shape");
  const auto places = x.sizes().slice(first, width);
  const auto inner = x.sizes().slice(first + width);
  const std::int64_t batches = product(batch_shape);
  const auto tuples_shape = indices.sizes().slice(first, indices.sizes().size() - first - 1);
  const at::Tensor tuples = indices.reshape({batches, product(tuples_shape), indices.size(-1)});
  const at::Tensor offsets =
      at::arange(batches, at::device(x.device()).dtype(at::kLong)).unsqueeze(1) * product(places);
  const at::Tensor index = linear_index(op, tuples, places, x) + offsets;
  std::vector<std::int64_t> shape = batch_shape.vec();
  shape.insert(shape.end(), tuples_shape.begin(), tuples_shape.end());
  shape.insert(shape.end(), inner.begin(), inner.end());
  const at::Tensor rows = x.reshape({batches * product(places), product(inner)});
  return {rows.index_select(0, index.flatten()).reshape(shape)};
}

// libtorch 1.13 warns that scatter_reduce may yet change.
class Silence final : public c10::WarningHandler {
 public:
  void process(const c10::SourceLocation&, const std::string&, bool) override {}
};

// How a scatter combines what is there with what comes.
at::Tensor scatter(const OpContext& op, const at::Tensor& x, std::int64_t axis,
                   const at::Tensor& index, const at::Tensor& updates) {
  Silence silence;
  const c10::Warning::WarningHandlerGuard guard(&silence);
  require_same_type(op, x, updates);
  const std::string reduction = op.string_or("reduction", "none");
  if (reduction == "none") return at::scatter(x, axis, index, updates);
  if (reduction == "add") return at::scatter_add(x, axis, index, updates);
  if (reduction == "mul") return at::scatter_reduce(x, axis, index, updates, "prod");
  if (op.opset >= 18 && reduction == "max") {
    return at::scatter_reduce(x, axis, index, updates, "amax");
  }
  if (op.opset >= 18 && reduction == "min") {
    return at::scatter_reduce(x, axis, index, updates, "amin");
  }
  op.refuse("reduction=" + reduction);
}

Values scatter_elements(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(op.int_or("axis", 0), x.dim());
  const at::Tensor index = wrapped_indices(op, op.in(1), x.size(axis), x);
  if (index.sizes() != op.in(2).sizes()) op.refuse("its indices and updates differ in shape");
  return {scatter(op, x, axis, index, op.in(2))};
}

Values scatter_nd(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const at::Tensor& indices = op.in(1);
  if (indices.dim() < 1 || indices.size(-1) > x.dim()) op.refuse("its indices do not fit");
  const auto width = static_cast<std::size_t>(indices.size(-1));
  const auto places = x.sizes().slice(0, width);
  const auto inner = x.sizes().slice(width);
  std::vector<std::int64_t> updates_shape = indices.sizes().vec();
  updates_shape.pop_back();
  updates_shape.insert(updates_shape.end(), inner.begin(), inner.end());
  if (op.in(2).sizes() != at::IntArrayRef(updates_shape)) op.refuse("its updates do not fit");
  const at::Tensor updates = op.in(2).reshape({-1, product(inner)});
  const at::Tensor index = linear_index(op, indices, places, x).reshape({-1, 1});
  const at::Tensor rows = x.reshape({product(places), product(inner)});
  return {scatter(op, rows, 0, index.expand_as(updates), updates).reshape(x.sizes())};
}

struct SliceRange {
  std::int64_t start;
  std::int64_t end;
  std::int64_t step;
};

// Negative numbers count from the end; what lies outside is cut off.
SliceRange clamped(SliceRange range, std::int64_t n) {
  if (range.start < 0) range.start += n;
  if (range.end < 0) range.end += n;
  const std::int64_t lowest = range.step > 0 ? 0 : -1;
  const std::int64_t highest = range.step > 0 ? n : n - 1;
  range.start =
      std::clamp(range.start, range.step > 0 ? 0 : std::min<std::int64_t>(0, highest), highest);
  range.end = std::clamp(range.end, lowest, highest);
  return range;
}

at::Tensor sliced(const at::Tensor& x, std::int64_t axis, const SliceRange& given) {
  const std::int64_t n = x.size(axis);
  if (n == 0) return x;
  const SliceRange range = clamped(given, n);
  if (range.step > 0) return at::slice(x, axis, range.start, range.end, range.step);
  std::vector<std::int64_t> index;
  // A step beyond the axis takes one element, as one of its length does.
  const std::int64_t step = std::max(range.step, -n);
  for (std::int64_t i = range.start; i > range.end; i += step) index.push_back(i);
  return x.index_select(axis, at::tensor(index, at::kLong).to(x.device()));
}

// Everything was an attribute before opset 10.
Values slice(const OpContext& op) {
  const bool as_inputs = op.opset >= 10;
  const std::vector<std::int64_t> starts = as_inputs ? op.ints_in(1) : op.ints("starts");
  const std::vector<std::int64_t> ends = as_inputs ? op.ints_in(2) : op.ints("ends");
  std::vector<std::int64_t> axes = all_axes(static_cast<std::int64_t>(starts.size()));
  if (as_inputs && op.has(3)) axes = op.ints_in(3);
  if (!as_inputs && op.has_attribute("axes")) axes = op.ints("axes");
  std::vector<std::int64_t> steps(starts.size(), 1);
  if (as_inputs && op.has(4)) steps = op.ints_in(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    op.refuse("its starts, ends, axes and steps differ in number");
  }
  at::Tensor y = op.in(0);
  static_cast<void>(unique_axes(op, axes, y.dim()));
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (steps[i] == 0) op.refuse("a step of zero");
    y = sliced(y, op.axis(axes[i], y.dim()), {starts[i], ends[i], steps[i]});
  }
  return {y};
}

// Chosen places along the last axis; of a vector, as the only row of a matrix.
Values array_feature_extractor(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  if (x.dim() < 1) op.refuse("of no dimensions");
  const at::Tensor index = wrapped_indices(op, op.in(1), x.size(-1), x).flatten();
  const at::Tensor y = at::index_select(x, -1, index);
  return {x.dim() == 1 ? y.unsqueeze(0) : y};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Gather", 1, gather},
    {"GatherElements", 11, gather_elements},
    {"GatherND", 11, gather_nd},
    {"Scatter", 9, scatter_elements, 10},
    {"ScatterElements", 11, scatter_elements},
    {"ScatterND", 11, scatter_nd},
    {"Slice", 1, slice},
    {"ArrayFeatureExtractor", 1, array_feature_extractor, 5, "ai.onnx.ml"},
});

}  // namespace

std::span<const Operator> indexing_operators() { return kOperators; }

}  // namespace qc::torch_engine
