// The elements of float tensors as doubles, for comparing.
#pragma once

#include <vector>

#include "core/host_tensor.h"

namespace qc::test {

/// float32, float16, bfloat16, double and the complex types.
bool is_float(DataType type);

/// Of a tensor for which is_float() holds; a complex number is two values.
std::vector<double> float_values(const HostTensor& tensor);

}  // namespace qc::test
