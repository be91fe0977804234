// The shapes of the values that flow through a model's main graph.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace qc {

/// Dimensions by name of a value; -1 for one that is not known. Values without a shape are left
/// out.
using ValueShapes = std::map<std::string, std::vector<std::int64_t>, std::less<>>;

/// Shapes by ONNX's own shape inference, for one input; where it finds none, those that the model
/// states, if none of its inputs has open sizes. Sizes that the model's first input leaves
/// open are those of `input`, which may be empty; a first dimension left open counts as 1.
/// Throws Error(kUsage) for an `input` of another rank.
ValueShapes infer_shapes(const OnnxModel& model, std::span<const std::int64_t> input);

}  // namespace qc
