// Models in either form.
#pragma once

#include <filesystem>

#include "formats/onnx_model.h"
#include "formats/read_limits.h"

namespace qc {

/// A model from a .onnx file, or unpacked in memory, within the limits, from a .qc file.
OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads,
                         const ReadLimits& limits, Links links);

}  // namespace qc
