// Changes of images that do not change what they show.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace qc::torch_engine {

/// A batch as the network takes it with every image moved and mirrored as the options say, by draws
/// that depend on `seed`. `sample_shape` is that of the data: the network may take the pixels in a
/// row. Throws Error(kUsage) where there is something to do and the samples are no images.
at::Tensor augmented(const at::Tensor& batch, const std::vector<std::int64_t>& sample_shape,
                     const TrainOptions& options, std::uint64_t seed);

}  // namespace qc::torch_engine
