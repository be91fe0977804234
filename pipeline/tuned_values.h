// The values that a user's command for fine-tuning has written.
#pragma once

#include <filesystem>

#include "formats/onnx/onnx_model.h"

namespace qc {

/// Opens what the command wrote. Throws Error: kCorrupt for what is no model.
OnnxModel open_tuned(const std::filesystem::path& path);

/// The payloads in `tuned` that differ from those of `model`. Throws Error: kCorrupt where tensors
/// are missing, have another type or shape, or values that are not finite; kUnsupported for a form
/// that is not taken over.
PayloadEdits changed_values(const OnnxModel& model, const OnnxModel& tuned);

}  // namespace qc
