// The header of NumPy's array files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

struct NpyHeader {
  DataType type = DataType::kUndefined;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0;  ///< of the elements
  std::uint64_t size = 0;    ///< bytes of the whole file
};

/// Parses the beginning of an .npy file (versions 1 to 3). Throws Error naming `name`: kCorrupt for
/// a damaged header, kUnsupported for element types that are not read (big-endian and structured
/// ones too) and for Fortran order.
NpyHeader parse_npy_header(ByteView first, const std::string& name);

}  // namespace qc
