// Checkpoints: where a pipeline stands, in one file, from which it goes on after an interruption.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "pipeline/runner.h"

namespace qc {

/// What a checkpoint is of, by what people call it: "model", "recipe", "data". A checkpoint of
/// something else is of no use.
using CheckpointIdentity = std::map<std::string, std::string>;

struct Checkpoint {
  CheckpointIdentity identity;
  PipelineState state;
  std::vector<std::string> outputs = {};  ///< paths that the interrupted command wrote
  Bytes search = {};  ///< of a search in place of a pipeline: SearchMemory::to_bytes()
};

/// Writes a checkpoint as a whole, over an older one. In the file are a line that names the format,
/// the size of a JSON document (8 bytes, little-endian), the document, the files of the models and
/// the states of training and search as it says, and the XXH3-128 of all before it. Throws
/// Error(kFile).
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// Reads a checkpoint of a pipeline that starts from `input`. Throws Error: kFile when there is
/// none, kCorrupt when it is damaged, of another format or no checkpoint, kUsage naming what
/// differs when it is of something else than `identity`.
Checkpoint read_checkpoint(const std::filesystem::path& path, const CheckpointIdentity& identity,
                           const OnnxModel& input);

}  // namespace qc
