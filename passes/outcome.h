// What a value pass makes of one tensor, and the report on all of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/pass.h"
#include "passes/selection.h"

namespace qc {

/// The result for one chosen tensor: a payload, or the reason why it is left alone.
struct Outcome {
  std::size_t tensor = 0;  ///< index into OnnxModel::tensors()
  Bytes payload;
  TensorReport report;
  std::string skip_reason;  ///< not empty: payload and report are meaningless
};

/// The values of a tensor, or nothing when one of them is NaN or infinite (as float32). Requires
/// tensor.has_values().
std::optional<std::vector<float>> load_finite(const OnnxModel& model, const TensorInfo& tensor);

/// The reason to skip a tensor for which load_finite() gives nothing.
inline constexpr std::string_view kNotFinite = "holds NaN or Inf";

/// Compares the payload of a tensor with a new one. Threshold and iterations stay 0.
TensorReport measure(const OnnxModel& model, const TensorInfo& tensor, ByteView after);

/// Puts outcomes, in the order of the model, into a report and their payloads, where they differ
/// from the model's, into `edits`. Notes tensors that lost their last nonzero value.
PassReport collect(const OnnxModel& model, Selection selection, std::vector<Outcome> outcomes,
                   PayloadEdits& edits);

}  // namespace qc
