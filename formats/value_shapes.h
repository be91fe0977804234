// The shapes of the values that flow through a model's main graph.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "formats/onnx_model.h"

namespace qc {

/// Dimensions by name of a value; -1 for one that is not known. Values without a shape are left
/// out.
using ValueShapes = std::map<std::string, std::vector<std::int64_t>, std::less<>>;

/// Shapes by ONNX's own shape inference, for one input: a first dimension that an input leaves open
/// counts as 1. `skeleton` is the model's (see WireModel).
ValueShapes infer_shapes(const OnnxModel& model, onnx::ModelProto skeleton);

}  // namespace qc
