// Graphs as text, to be compared: as they were read by hand, and as protobuf has them.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "formats/onnx/onnx_reader.h"

namespace qc::test {

/// A line for everything that is known of the model.
std::string text_of(const OnnxFile& model);

/// The same of protobuf's classes, for models in which everything has a type.
std::string text_of(const onnx::ModelProto& model);

}  // namespace qc::test
