// Models in one file.
#pragma once

#include "formats/onnx/onnx_model.h"

namespace qc {

/// What one protobuf message, and so one ONNX file, may take.
inline constexpr std::uint64_t kMaxOneFile = (std::uint64_t{1} << 31) - 1;

/// The model with the tensors of its graphs that lie in other files in its own; itself where there
/// are none, or where one file would be too large.
OnnxModel embed_data(const OnnxModel& model);

}  // namespace qc
