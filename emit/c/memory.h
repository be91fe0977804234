// Where values are in the arena.
#pragma once

#include "emit/c/plan.h"

namespace qc::c {

/// Gives every value that is computed and no output a place in the arena, and every call's scratch
/// one; values that are not needed at the same time share memory. Sets Plan::arena_bytes and
/// Plan::arena_bound. Throws Error(kLimit) where it gets too large.
void place_values(Plan& plan);

/// Bytes of places are multiples of it.
inline constexpr std::uint64_t kAlignment = 8;

}  // namespace qc::c
