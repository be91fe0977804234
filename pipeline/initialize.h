// Fresh weights for a model that is to be trained from scratch.
#pragma once

#include <cstdint>

#include "formats/onnx/onnx_model.h"

namespace qc {

/// New values for the float tensors of a model: weights uniform in +-sqrt(6 / fan-in) (He et al.,
/// arXiv 1502.01852), biases 0; normalisations keep what they have. Depends on the model's shapes
/// and the seed only.
PayloadEdits initial_weights(const OnnxModel& model, std::uint64_t seed);

}  // namespace qc
