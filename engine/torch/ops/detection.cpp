// Operators on boxes and sampling grids.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

struct Box {
  float y1, x1, y2, x2;
};

Box read_box(const float* from, bool centred) {
  if (centred) {  // x centre, y centre, width, height
    return {from[1] - from[3] / 2, from[0] - from[2] / 2, from[1] + from[3] / 2,
            from[0] + from[2] / 2};
  }
  return {std::min(from[0], from[2]), std::min(from[1], from[3]), std::max(from[0], from[2]),
          std::max(from[1], from[3])};
}

float overlap(const Box& a, const Box& b) {
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (height <= 0 || width <= 0) return 0;
  const float both = height * width;
  const float area_a = (a.y2 - a.y1) * (a.x2 - a.x1);
  const float area_b = (b.y2 - b.y1) * (b.x2 - b.x1);
  if (area_a <= 0 || area_b <= 0) return 0;
  return both / (area_a + area_b - both);
}

// Keeps the best boxes, dropping each that overlaps a kept one too much.
std::vector<std::int64_t> suppress(const std::vector<Box>& boxes, const float* scores,
                                   std::int64_t most, float threshold,
                                   const float* score_threshold) {
  std::vector<std::int64_t> order;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (score_threshold == nullptr || scores[i] > *score_threshold) {
      order.push_back(static_cast<std::int64_t>(i));
    }
  }
  std::ranges::stable_sort(order, [&](auto a, auto b) { return scores[a] > scores[b]; });
  std::vector<std::int64_t> kept;
  for (const std::int64_t candidate : order) {
    if (static_cast<std::int64_t>(kept.size()) >= most) break;
    const bool overlaps = std::ranges::any_of(kept, [&](std::int64_t other) {
      return overlap(boxes[static_cast<std::size_t>(candidate)],
                     boxes[static_cast<std::size_t>(other)]) > threshold;
    });
    if (!overlaps) kept.push_back(candidate);
  }
  return kept;
}

// Rows {batch, class, box}, best first within a class.
Values non_max_suppression(const OpContext& op) {
  const at::Tensor boxes = op.in(0).to(at::kCPU).contiguous();
  const at::Tensor scores = op.in(1).to(at::kCPU).contiguous();
  if (boxes.scalar_type() != at::kFloat || scores.scalar_type() != at::kFloat || boxes.dim() != 3 ||
      scores.dim() != 3 || boxes.size(2) != 4 || boxes.size(0) != scores.size(0) ||
      boxes.size(1) != scores.size(2)) {
    op.refuse("its boxes and scores do not fit");
  }
  if (at::isnan(scores).any().item().toBool()) op.refuse("scores of NaN");
  const std::int64_t most = op.has(2) ? static_cast<std::int64_t>(op.scalar_in(2)) : 0;
  const auto threshold = static_cast<float>(op.has(3) ? op.scalar_in(3) : 0);
  const auto score_threshold = static_cast<float>(op.has(4) ? op.scalar_in(4) : 0);
  const bool centred = op.int_or("center_point_box", 0) != 0;
  std::vector<std::int64_t> rows;
  for (std::int64_t b = 0; b < boxes.size(0); ++b) {
    std::vector<Box> batch;
    const float* from = boxes.data_ptr<float>() + b * boxes.size(1) * 4;
    for (std::int64_t i = 0; i < boxes.size(1); ++i)
      batch.push_back(read_box(from + 4 * i, centred));
    for (std::int64_t c = 0; c < scores.size(1); ++c) {
      const float* of_class = scores.data_ptr<float>() + (b * scores.size(1) + c) * scores.size(2);
      const auto kept =
          suppress(batch, of_class, most, threshold, op.has(4) ? &score_threshold : nullptr);
      for (const std::int64_t box : kept) rows.insert(rows.end(), {b, c, box});
    }
  }
  return {at::tensor(rows, at::kLong).reshape({-1, 3})};
}

// Places to read along one axis, with the share of the upper neighbour; those outside read nothing.
struct Samples {
  std::vector<std::int64_t> lower, upper;
  std::vector<float> share, inside;
};

Samples sample_places(float start, float bin, std::int64_t bins, std::int64_t per_bin,
                      std::int64_t size) {
  Samples samples;
  for (std::int64_t i = 0; i < bins * per_bin; ++i) {
    const auto within = static_cast<float>(i % per_bin) + 0.5F;
    float x =
        start + static_cast<float>(i / per_bin) * bin + within * bin / static_cast<float>(per_bin);
    samples.inside.push_back(x < -1 || x > static_cast<float>(size) ? 0.0F : 1.0F);
    x = std::clamp(x, 0.0F, static_cast<float>(size - 1));
    const auto lower = static_cast<std::int64_t>(x);
    samples.lower.push_back(lower);
    samples.upper.push_back(std::min(lower + 1, size - 1));
    samples.share.push_back(x - static_cast<float>(lower));
  }
  return samples;
}

at::Tensor sampled(const at::Tensor& x, std::int64_t axis, const Samples& samples) {
  const auto count = static_cast<std::int64_t>(samples.share.size());
  const auto weights = [&](const std::vector<float>& values) {
    return at::tensor(values, at::kFloat)
        .to(x.options())
        .reshape(shape_along(x.dim(), axis, count));
  };
  const auto read = [&](const std::vector<std::int64_t>& places) {
    return x.index_select(axis, at::tensor(places, at::kLong).to(x.device()));
  };
  const at::Tensor share = weights(samples.share);
  const at::Tensor y = read(samples.lower) * (1 - share) + read(samples.upper) * share;
  return y * weights(samples.inside);
}

// The mean of bilinear samples in each bin of each region.
Values roi_align(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  // Runtimes once took the maximum of weighted corners instead of that of the samples.
  if (op.string_or("mode", "avg") != "avg") op.refuse("mode " + op.string_or("mode", ""));
  const std::string mode = op.opset >= 16
                               ? op.string_or("coordinate_transformation_mode", "half_pixel")
                               : "output_half_pixel";
  if (mode != "half_pixel" && mode != "output_half_pixel") op.refuse(mode);
  const bool half_pixel = mode == "half_pixel";
  const std::int64_t height = op.int_or("output_height", 1);
  const std::int64_t width = op.int_or("output_width", 1);
  const std::int64_t ratio = op.int_or("sampling_ratio", 0);
  const float scale = op.float_or("spatial_scale", 1);
  constexpr std::int64_t kMost = 1 << 12;
  if (x.dim() != 4 || x.numel() == 0 || height < 1 || height > kMost || width < 1 ||
      width > kMost || ratio < 0 || ratio > kMost || op.in(1).dim() != 2 || op.in(1).size(1) != 4 ||
      op.in(1).size(0) == 0) {
    op.refuse("its regions do not fit");
  }
  const at::Tensor regions = op.in(1).to(at::kCPU, at::kFloat).contiguous();
  const at::Tensor batches = wrapped_indices(op, op.in(2), x.size(0), regions).contiguous();
  if (batches.numel() != regions.size(0)) op.refuse("its batch indices do not fit");
  std::vector<at::Tensor> pooled;
  for (std::int64_t r = 0; r < regions.size(0); ++r) {
    const float* region = regions.data_ptr<float>() + 4 * r;
    const float offset = half_pixel ? 0.5F : 0.0F;
    const float left = region[0] * scale - offset;
    const float top = region[1] * scale - offset;
    float wide = region[2] * scale - offset - left;
    float high = region[3] * scale - offset - top;
    if (!half_pixel) {
      wide = std::max(wide, 1.0F);
      high = std::max(high, 1.0F);
    }
    const float bin_height = high / static_cast<float>(height);
    const float bin_width = wide / static_cast<float>(width);
    const auto samples_per = [&](float bin) {
      const float count = ratio > 0 ? static_cast<float>(ratio) : std::ceil(bin);
      if (!(count >= 1) || count > static_cast<float>(kMost)) op.refuse("a region of no size");
      return static_cast<std::int64_t>(count);
    };
    const std::int64_t rows = samples_per(bin_height);
    const std::int64_t columns = samples_per(bin_width);
    at::Tensor y = x[batches.data_ptr<std::int64_t>()[r]];
    y = sampled(y, 1, sample_places(top, bin_height, height, rows, x.size(2)));
    y = sampled(y, 2, sample_places(left, bin_width, width, columns, x.size(3)));
    pooled.push_back(at::mean(y.reshape({x.size(1), height, rows, width, columns}), {2, 4}));
  }
  return {at::stack(pooled, 0)};
}

// Modes were called otherwise up to opset 19.
Values grid_sample(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  require_same_type(op, x, op.in(1));
  const bool renamed = op.opset >= 20;
  const std::string mode = op.string_or("mode", renamed ? "linear" : "bilinear");
  const std::string padding = op.string_or("padding_mode", "zeros");
  const std::array<std::string, 3> modes = {renamed ? "linear" : "bilinear", "nearest",
                                            renamed ? "cubic" : "bicubic"};
  const std::array<std::string, 3> paddings = {"zeros", "border", "reflection"};
  const auto number = [&](const std::array<std::string, 3>& names, const std::string& name) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) op.refuse(name);
    return static_cast<std::int64_t>(found - names.begin());
  };
  if (x.dim() != 4 && !(renamed && x.dim() == 5)) op.refuse("of these dimensions");
  return {at::grid_sampler(x, op.in(1), number(modes, mode), number(paddings, padding),
                           op.int_or("align_corners", 0) != 0)};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"NonMaxSuppression", 10, non_max_suppression},
    {"RoiAlign", 10, roi_align},
    {"GridSample", 16, grid_sample},
});

}  // namespace

std::span<const Operator> detection_operators() { return kOperators; }

}  // namespace qc::torch_engine
