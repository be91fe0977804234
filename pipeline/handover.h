// What a command of the user's is given to read: a folder with a model and the masks of its
// weights.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"

namespace qc {

/// Writes the model's files as they are, with its own name so that it fits those of its external
/// data, and returns the path of the main one. The folder is made if need be.
std::filesystem::path write_model(const OnnxModel& model, const std::filesystem::path& folder);

/// Writes an .npz file with an array for every tensor some of whose elements may not change freely;
/// see HookTuner.
void write_masks(const OnnxModel& model, std::span<const Constraint> constraints,
                 const std::filesystem::path& path);

}  // namespace qc
