// Models in either form.
#pragma once

#include <filesystem>

#include "formats/onnx/onnx_model.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/read/read_limits.h"

namespace qc {

/// The model of a container, unpacked in memory within the limits of the reader.
OnnxModel unpacked_model(const QcReader& reader, unsigned threads);

/// A model from a .onnx file, or unpacked in memory, within the limits, from a .qc file.
OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads,
                         const ReadLimits& limits, Links links);

}  // namespace qc
