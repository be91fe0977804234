// The grid of a context layout as bytes.
#pragma once

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc::context {

/// The grid that contexts are taken from: without rows enough to learn from, one element a row.
Grid context_grid(const Grid& grid, std::uint64_t count) noexcept;

void write_grid(const Grid& grid, Bytes& out);

/// Reads the grid of a tensor of `count` elements; false when it is damaged.
bool read_grid(ByteReader& in, std::uint64_t count, Grid& grid) noexcept;

}  // namespace qc::context
