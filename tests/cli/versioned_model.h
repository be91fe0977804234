// A model of three files in versions that can be told apart, file by file.
#pragma once

#include <filesystem>
#include <string>

namespace qc::harness {

/// Writes model.onnx, weights.bin and more/weights.bin into a folder. Every file tells the version,
/// a letter. Passes keep it.
void write_versioned_model(const std::filesystem::path& folder, char version);

/// The version of the model there: a letter, "none" without a model.onnx, or "mixed".
std::string version_in(const std::filesystem::path& folder);

}  // namespace qc::harness
