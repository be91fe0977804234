// Slots that hold the elements of an earlier one, as they are or transposed.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/transposition.h"
#include "formats/qc/write/pack_source.h"

namespace qc {

/// What repeats what, slot by slot.
struct SlotRepeats {
  /// The first slot with the same elements; it repeats none itself.
  std::vector<std::optional<std::size_t>> of;
  /// How the elements of that slot are reordered, where they are.
  std::vector<std::optional<Transposition>> transposed;
};

/// Compares the slots of a source with each other. `digests` are those of digest_slots().
SlotRepeats find_repeats(const PackSource& source, std::span<const std::optional<Digest>> digests);

}  // namespace qc
