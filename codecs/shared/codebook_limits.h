// How large codebooks may be.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qc {

/// The most entries of the codebooks of one tensor.
inline constexpr std::uint64_t kMaxCodebookEntries = std::uint64_t{1} << 24;

/// The most entries of the codebook of a channel: beyond this its values are plain numbers.
inline constexpr std::size_t kMaxChannelCodebook = 256;

}  // namespace qc
