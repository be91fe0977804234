// A tensor that owns its elements.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

/// Elements are row-major and little-endian, a bool is one byte. A tensor of strings has them in
/// `strings` and no bytes.
struct HostTensor {
  DataType type = DataType::kUndefined;
  std::vector<std::int64_t> dims;
  Bytes bytes;
  std::vector<std::string> strings = {};
};

}  // namespace qc
