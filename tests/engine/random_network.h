// Networks drawn at random whose channels depend on each other in every way that graphs know.
#pragma once

#include <cstdint>

#include "formats/onnx/onnx_model.h"

namespace qc::test {

/// A convolutional network on "x" {1, 3, 12, 12} with dense layers behind: residual additions,
/// concatenations, grouped and depthwise convolutions, shuffled, split and gathered channels,
/// gates, normalisations and, in some, recurrent layers. The same for the same seed.
OnnxModel random_network(std::uint64_t seed);

}  // namespace qc::test
