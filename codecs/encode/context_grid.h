// The grid of a context layout as bytes.
#pragma once

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc::context {

/// The grid that contexts are taken from: without rows enough to learn from, one element a row.
Grid context_grid(const Grid& grid, std::uint64_t count) noexcept;

void write_grid(const Grid& grid, Bytes& out);

}  // namespace qc::context
