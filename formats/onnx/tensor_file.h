// Files that are one tensor, as ONNX's test data has them.
#pragma once

#include <string>

#include "core/bytes.h"
#include "core/host_tensor.h"

namespace qc {

struct TensorFile {
  std::string name;  ///< empty where it has none
  HostTensor tensor;
};

/// Reads a TensorProto; `file` is for messages. Throws Error naming it: kCorrupt where it is none,
/// or its elements do not agree with type and shape, kUnsupported where they are in another file.
TensorFile read_tensor_file(ByteView bytes, const std::string& file);

}  // namespace qc
