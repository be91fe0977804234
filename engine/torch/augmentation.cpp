#include "engine/torch/augmentation.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "core/error.h"
#include "core/random.h"

namespace qc::torch_engine {
namespace {

// How to permute batches of such samples to {samples, channels, height, width}. Channels are the
// end with few entries.
std::vector<std::int64_t> channels_first(const std::vector<std::int64_t>& sample) {
  constexpr std::int64_t kMostChannels = 4;
  if (sample.size() == 3 && sample[0] <= kMostChannels) return {0, 1, 2, 3};
  if (sample.size() == 3 && sample[2] <= kMostChannels) return {0, 3, 1, 2};
  throw Error(
      ErrorCode::kUsage,
      fmt::format("--shift and --flip are for images; these samples are {}", shape_text(sample)));
}

}  // namespace

at::Tensor augmented(const at::Tensor& batch, const std::vector<std::int64_t>& sample_shape,
                     const TrainOptions& options, std::uint64_t seed) {
  const std::int64_t reach = options.shift;
  if (reach == 0 && !options.flip) return batch;
  const std::vector<std::int64_t> order = channels_first(sample_shape);
  std::vector<std::int64_t> shape = sample_shape;
  shape.insert(shape.begin(), batch.size(0));
  const at::Tensor images = batch.reshape(shape).permute(order);
  SplitMix64 random = random_stream(seed, StreamPurpose::kAugmentation);
  const std::int64_t height = images.size(2);
  const std::int64_t width = images.size(3);
  // Edge pixels are repeated: a constant would depend on how the data is normalised.
  const at::Tensor padded =
      reach > 0 ? at::replication_pad2d(images, {reach, reach, reach, reach}) : images;
  at::Tensor output = at::empty(shape, batch.options()).permute(order);
  const auto draw = [&](std::int64_t choices) {
    return static_cast<std::int64_t>(random.uniform() * static_cast<double>(choices));
  };
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const std::int64_t top = draw(2 * reach + 1);
    const std::int64_t left = draw(2 * reach + 1);
    at::Tensor sample = padded[i].narrow(1, top, height).narrow(2, left, width);
    if (options.flip && draw(2) == 1) sample = sample.flip({2});
    output[i].copy_(sample);
  }
  const bool last = order[1] == 3;
  return (last ? output.permute({0, 2, 3, 1}) : output).reshape(batch.sizes());
}

}  // namespace qc::torch_engine
