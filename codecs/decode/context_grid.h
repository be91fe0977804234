// The grid of a context layout.
#pragma once

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc::context {

/// Reads the grid of a tensor of `count` elements; false when it is damaged.
bool read_grid(ByteReader& in, std::uint64_t count, Grid& grid) noexcept;

}  // namespace qc::context
