// The skeleton of a model that was opened.
#pragma once

#include <onnx/onnx_pb.h>

#include "formats/onnx/onnx_model.h"

namespace qc {

/// The skeleton of a model (see WireModel).
onnx::ModelProto read_skeleton(const OnnxModel& model);

}  // namespace qc
