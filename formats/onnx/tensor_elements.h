// The elements of a tensor, however ONNX stores them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "graph/tensor_info.h"

namespace qc {

/// Throws Error(kCorrupt) naming the tensor.
[[noreturn]] void corrupt_tensor(const std::string& tensor, std::string_view what);

/// Elements of a shape. Throws Error(kCorrupt) for an impossible one.
std::uint64_t tensor_count(const std::string& tensor, std::span<const std::int64_t> dims);

/// The elements of a tensor that is not of strings, as HostTensor has them. Throws Error(kCorrupt)
/// where the payload does not agree with type and shape; memory is taken for what is there only.
Bytes tensor_elements(const TensorInfo& info, ByteView payload);

}  // namespace qc
