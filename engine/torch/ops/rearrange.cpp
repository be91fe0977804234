// Operators that move, repeat, pad or select elements.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

// More padding than this is taken for a mistake or an attack.
constexpr std::int64_t kMostPadding = 1 << 24;

struct Padding {
  std::vector<std::int64_t> begin;  // one for each dimension of the input
  std::vector<std::int64_t> end;
};

Padding read_padding(const OpContext& op, std::int64_t rank) {
  std::vector<std::int64_t> pads;
  if (op.opset >= 11) {
    pads = op.ints_in(1);
  } else {
    pads = op.ints(op.opset == 1 ? "paddings" : "pads");
  }
  std::vector<std::int64_t> axes = all_axes(rank);
  if (op.opset >= 18 && op.has(3)) axes = op.ints_in(3);
  if (pads.size() != 2 * axes.size()) op.refuse("its pads are not two for each axis");
  static_cast<void>(unique_axes(op, axes, rank));
  Padding padding{std::vector<std::int64_t>(static_cast<std::size_t>(rank)),
                  std::vector<std::int64_t>(static_cast<std::size_t>(rank))};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(op.axis(axes[i], rank));
    padding.begin[axis] = pads[i];
    padding.end[axis] = pads[i + axes.size()];
    if (std::max(std::abs(pads[i]), std::abs(pads[i + axes.size()])) > kMostPadding) {
      op.refuse("pads of millions");
    }
  }
  return padding;
}

at::Tensor pad_constant(const OpContext& op, const at::Tensor& x, const Padding& padding) {
  at::Scalar value = op.opset < 11 ? at::Scalar(op.float_or("value", 0)) : at::Scalar(0);
  if (op.opset >= 11 && op.has(2) && op.in(2).numel() > 0) {
    require_same_type(op, x, op.in(2));
    if (op.in(2).numel() != 1) op.refuse("its value is not one number");
    value = op.in(2).item();
  }
  std::vector<std::int64_t> pads;
  for (std::size_t axis = padding.begin.size(); axis-- > 0;) {
    pads.push_back(padding.begin[axis]);
    pads.push_back(padding.end[axis]);
  }
  return at::constant_pad_nd(x, pads, value);
}

// Where the elements of a padded axis come from.
std::vector<std::int64_t> padded_places(const OpContext& op, const std::string& mode,
                                        std::int64_t n, std::int64_t begin, std::int64_t end) {
  if (begin < 0 || end < 0) op.refuse("negative pads with mode " + mode);
  if (n == 0) op.refuse("an empty axis with mode " + mode);
  if (mode == "reflect" && std::max(begin, end) > n - 1) op.refuse("more to reflect than is there");
  std::vector<std::int64_t> places;
  for (std::int64_t i = -begin; i < n + end; ++i) {
    if (mode == "edge") {
      places.push_back(std::clamp<std::int64_t>(i, 0, n - 1));
    } else if (mode == "reflect") {
      places.push_back(i < 0 ? -i : (i < n ? i : 2 * (n - 1) - i));
    } else {
      places.push_back((i % n + n) % n);
    }
  }
  return places;
}

Values pad(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::string mode = op.string_or("mode", "constant");
  const Padding padding = read_padding(op, x.dim());
  if (mode == "constant") return {pad_constant(op, x, padding)};
  const bool known = mode == "edge" || mode == "reflect" || (mode == "wrap" && op.opset >= 19);
  if (!known) op.refuse("mode " + mode);
  at::Tensor y = x;
  for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
    const std::int64_t begin = padding.begin[static_cast<std::size_t>(axis)];
    const std::int64_t end = padding.end[static_cast<std::size_t>(axis)];
    if (begin == 0 && end == 0) continue;
    const auto places = padded_places(op, mode, x.size(axis), begin, end);
    y = y.index_select(axis, at::tensor(places, at::kLong).to(x.device()));
  }
  return {y};
}

std::int64_t block_size(const OpContext& op) {
  const std::int64_t size = op.int_or("blocksize", 0);
  if (size < 1 || size > kMostPadding || op.in(0).dim() != 4) op.refuse("its blocks do not fit");
  return size;
}

Values depth_to_space(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t b = block_size(op);
  const std::string mode = op.string_or("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") op.refuse("mode " + mode);
  const std::int64_t depth = x.size(1) / (b * b);
  const at::Tensor blocks =
      mode == "DCR"
          ? x.reshape({x.size(0), b, b, depth, x.size(2), x.size(3)}).permute({0, 3, 4, 1, 5, 2})
          : x.reshape({x.size(0), depth, b, b, x.size(2), x.size(3)}).permute({0, 1, 4, 2, 5, 3});
  return {blocks.reshape({x.size(0), depth, x.size(2) * b, x.size(3) * b})};
}

Values space_to_depth(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t b = block_size(op);
  return {x.reshape({x.size(0), x.size(1), x.size(2) / b, b, x.size(3) / b, b})
              .permute({0, 3, 5, 1, 2, 4})
              .reshape({x.size(0), x.size(1) * b * b, x.size(2) / b, x.size(3) / b})};
}

// The first sequence_lens[b] steps of each sequence b are reversed.
Values reverse_sequence(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t time = op.axis(op.int_or("time_axis", 0), x.dim());
  const std::int64_t batch = op.axis(op.int_or("batch_axis", 1), x.dim());
  if (time == batch) op.refuse("time_axis is batch_axis");
  const at::Tensor lengths = op.in(1).to(x.device(), at::kLong);
  if (lengths.dim() != 1 || lengths.size(0) != x.size(batch) ||
      at::logical_or(lengths.lt(0), lengths.gt(x.size(time))).any().item().toBool()) {
    op.refuse("its lengths do not fit");
  }
  const at::Tensor steps = at::arange(x.size(time), lengths.options()).unsqueeze(1);
  at::Tensor places = at::where(steps.lt(lengths), lengths - 1 - steps, steps);  // {time, batch}
  if (batch < time) places = places.t();
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[static_cast<std::size_t>(time)] = x.size(time);
  shape[static_cast<std::size_t>(batch)] = x.size(batch);
  return {at::gather(x, time, places.reshape(shape).expand(x.sizes()))};
}

Values trilu(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  if (x.dim() < 2) op.refuse("of fewer than two dimensions");
  const std::int64_t k = op.has(1) ? static_cast<std::int64_t>(op.scalar_in(1)) : 0;
  const auto options = at::device(x.device()).dtype(at::kLong);
  const at::Tensor rows = at::arange(x.size(-2), options).unsqueeze(1);
  const at::Tensor columns = at::arange(x.size(-1), options).unsqueeze(0);
  const at::Tensor distance = columns - rows;
  const at::Tensor kept = op.int_or("upper", 1) != 0 ? distance.ge(k) : distance.le(k);
  return {at::where(kept, x, at::zeros({}, x.options()))};
}

// {rank, number}: the places of what is not zero, in row-major order.
Values non_zero(const OpContext& op) {
  if (op.in(0).dim() == 0) op.refuse("of a scalar");
  return {at::nonzero(op.in(0)).t().contiguous()};
}

Values compress(const OpContext& op) {
  const bool flat = !op.has_attribute("axis");
  const at::Tensor x = flat ? op.in(0).flatten() : op.in(0);
  const std::int64_t axis = flat ? 0 : op.axis(op.int_or("axis", 0), x.dim());
  if (op.in(1).dim() != 1 || op.in(1).scalar_type() != at::kBool) op.refuse("its condition");
  const at::Tensor places = at::nonzero(op.in(1)).flatten().to(x.device());
  return {x.index_select(axis, places)};
}

// Distinct slices along an axis; or elements, without one. Unsorted: in the order of appearance.
Values unique(const OpContext& op) {
  const bool flat = !op.has_attribute("axis");
  const at::Tensor x = flat ? op.in(0).flatten() : op.in(0);
  const std::int64_t axis = flat ? 0 : op.axis(op.int_or("axis", 0), x.dim());
  if (x.numel() == 0) op.refuse("of nothing");
  if (is_float(x) && at::isnan(x).any().item().toBool()) op.refuse("of NaN");
  auto [values, inverse, counts] =
      at::unique_dim(x, axis, /*sorted=*/true, /*return_inverse=*/true, /*return_counts=*/true);
  const at::Tensor grouped = at::argsort(inverse, /*stable=*/true, 0, /*descending=*/false);
  at::Tensor first = grouped.index_select(0, at::cumsum(counts, 0) - counts);
  if (op.int_or("sorted", 1) == 0) {
    const at::Tensor order = at::argsort(first);
    values = values.index_select(axis, order);
    counts = counts.index_select(0, order);
    inverse = at::argsort(order).index_select(0, inverse);
    first = first.index_select(0, order);
  }
  return {values, first, inverse, counts};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Pad", 1, pad},
    {"DepthToSpace", 1, depth_to_space},
    {"SpaceToDepth", 1, space_to_depth},
    {"ReverseSequence", 10, reverse_sequence},
    {"Trilu", 14, trilu},
    {"NonZero", 9, non_zero},
    {"Compress", 9, compress},
    {"Unique", 11, unique},
});

}  // namespace

std::span<const Operator> rearrange_operators() { return kOperators; }

}  // namespace qc::torch_engine
