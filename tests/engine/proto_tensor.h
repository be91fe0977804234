// ONNX's TensorProto files as tensors of the engine, for expected inputs and outputs.
#pragma once

#include <filesystem>

#include "core/host_tensor.h"

namespace qc::test {

/// Reads a .pb file that holds one TensorProto. Throws std::runtime_error when it does not.
HostTensor read_proto_tensor(const std::filesystem::path& path);

}  // namespace qc::test
