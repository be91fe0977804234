// Models in either form.
#pragma once

#include <filesystem>

#include "formats/onnx_model.h"

namespace qc {

/// A model from a .onnx file, or unpacked in memory from a .qc file.
OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads);

}  // namespace qc
