// The payloads of a model that are cut out of its files.
#pragma once

#include <cstdint>
#include <vector>

#include "codecs/shared/element.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/write/pack_source.h"

namespace qc {

/// The payloads of at least `min_size` bytes, by file and offset. Tensors that share a payload give
/// one slot; of two that overlap in part only the first is taken, the rest stays literal.
std::vector<Slot> find_slots(const OnnxModel& model, std::uint64_t min_size);

}  // namespace qc
