// The payloads of a model that are cut out of its files.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/shared/element.h"
#include "formats/onnx_model.h"

namespace qc {

/// A range of a file that is coded on its own.
struct Slot {
  std::size_t file = 0;
  std::uint64_t offset = 0;                 ///< in the file, bytes
  TensorView view;                          ///< the bytes as elements
  std::span<const std::int64_t> dims = {};  ///< of a tensor that has these elements
};

/// The payloads of at least `min_size` bytes, by file and offset. Tensors that share a payload give
/// one slot; of two that overlap in part only the first is taken, the rest stays literal.
std::vector<Slot> find_slots(const OnnxModel& model, std::uint64_t min_size);

}  // namespace qc
