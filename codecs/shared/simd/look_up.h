// Ranks to the entries of a codebook.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codecs/shared/symbol.h"

namespace qc {

/// Writes for every rank the entry of `width` bytes that it stands for; all ranks are below
/// `entries`. Runs at simd_level(), with the same result at every level.
void look_up(std::span<const Symbol> ranks, const std::uint8_t* codebook, std::size_t entries,
             unsigned width, std::uint8_t* out) noexcept;

}  // namespace qc
