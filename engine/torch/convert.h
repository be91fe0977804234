// Between the program's tensors and libtorch's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/host_tensor.h"

namespace qc::torch_engine {

/// The libtorch type of an element type. Throws Error(kUnsupported) where libtorch has none
/// (uint16, uint32, uint64, strings, 8-bit floats).
at::ScalarType scalar_type(DataType type);

/// The inverse. Throws Error(kUnsupported) for types that ONNX has not.
DataType data_type(at::ScalarType type);

/// A copy on the CPU, contiguous.
at::Tensor to_torch(const HostTensor& tensor);
HostTensor to_host(const at::Tensor& tensor);

}  // namespace qc::torch_engine
