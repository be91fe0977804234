// Units of small slots: each on its own, or several pooled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "formats/qc/write/pack_options.h"
#include "formats/qc/write/pack_source.h"
#include "formats/qc/write/unit_coder.h"

namespace qc {

/// Payloads up to this many bytes may be left in the graph or pooled, whichever is smaller.
inline constexpr std::uint64_t kSmallSlot = std::uint64_t{1} << 15;

inline bool is_small(const Slot& slot) noexcept { return slot.view.data.size() <= kSmallSlot; }

/// A unit with the slots that it fills, by index.
struct SmallUnit {
  CodedUnit unit;
  std::vector<std::size_t> slots;
};

/// Codes the slots of these indices: those without structure of their own together, where that is
/// smaller, because one code table serves all. `digests` are those of digest_slots().
std::vector<SmallUnit> code_small_slots(const PackSource& source, const PackOptions& options,
                                        std::span<const std::size_t> slots,
                                        std::span<const std::optional<Digest>> digests,
                                        const UnitCoder& coder);

}  // namespace qc
