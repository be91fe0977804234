// Inputs for models of which nothing is known but the graph.
#pragma once

#include "core/host_tensor.h"
#include "core/random.h"
#include "formats/onnx/load_tensors.h"

namespace qc::test {

/// Floats in [0, 1) and integers of 0 and 1, in the input's shape: 1 for an unknown first
/// dimension, 64 for others of four, else 8.
HostTensor random_tensor(const GraphValue& input, SplitMix64& random);

}  // namespace qc::test
