// Runs of elements that repeat earlier ones, as the repeats layout writes them.
#pragma once

#include <cstdint>

namespace qc {

/// As a distance: the sources follow those of the run before, as if it had gone on over the
/// literals in between.
inline constexpr std::uint64_t kGoesOn = 0;

/// A length on disk: one less, times kLengthStep, with the flags of the run.
inline constexpr std::uint64_t kBackward = 1;
inline constexpr std::uint64_t kNegated = 2;
inline constexpr std::uint64_t kLengthStep = 4;

/// Where a run starts to read after another one that ended `skip` elements before, both in the same
/// direction: the source after the last one of that run is `next`. False when there is none.
inline bool source_going_on(std::uint64_t next, std::uint64_t skip, bool backward,
                            std::uint64_t& source) noexcept {
  if (backward && skip > next) return false;
  source = backward ? next - skip : next + skip;
  return true;
}

}  // namespace qc
