// Weights after pruning, as they are stored.
#pragma once

#include <cstddef>
#include <span>

#include "core/bytes.h"
#include "formats/onnx/onnx_model.h"
#include "passes/outcome.h"

namespace qc {

/// The payload of a tensor with new values: +0 for a zero and only for a zero, and as it was where
/// nothing changed.
Bytes pruned_payload(const TensorInfo& tensor, ByteView payload, std::span<const float> values);

/// The same of a tensor of the model, compared with what it was.
Outcome pruned_outcome(const OnnxModel& model, std::size_t tensor, std::span<const float> values);

}  // namespace qc
