// Plain models in files that general compressors make small.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace qc {

/// What a model's .onnx file takes as servers send it.
struct CompressedSizes {
  std::uint64_t brotli = 0;  ///< at level 11
  std::uint64_t zstd = 0;    ///< at level 19
};

CompressedSizes compressed_sizes(const OnnxModel& model);

struct CompressibleModel {
  OnnxModel model;
  CompressedSizes before;
  CompressedSizes after;
  std::vector<std::string> notes;  ///< what was done
};

/// The model with the same values, in the order of tensors that compresses best: zeros are positive
/// where no output can tell, numbers are stored as they lie in memory, and similar tensors lie
/// beside each other. Itself where nothing helps.
CompressibleModel make_compressible(const OnnxModel& model, unsigned threads);

}  // namespace qc
