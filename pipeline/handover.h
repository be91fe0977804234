// What a command of the user's is given to read: a folder with a model and the masks of its
// weights.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "system/process.h"

namespace qc {

/// A private folder, removed with everything in it at the end, before a signal ends the process
/// too.
class TemporaryFolder {
 public:
  /// Throws Error(kFile) that names the folder in which none can be made.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  DeferredEnd deferred_;
  std::filesystem::path path_;
};

/// Writes the model's files as they are, with its own name so that it fits those of its external
/// data, and returns the path of the main one. The folder is made if need be.
std::filesystem::path write_model(const OnnxModel& model, const std::filesystem::path& folder);

/// Writes an .npz file with an array for every tensor some of whose elements may not change freely;
/// see HookTuner.
void write_masks(const OnnxModel& model, std::span<const Constraint> constraints,
                 const std::filesystem::path& path);

}  // namespace qc
