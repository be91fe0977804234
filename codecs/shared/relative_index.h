// Relative indices (Han et al., "Deep Compression", ICLR 2016, section 2): for every stored value
// the number of zeros before it, in a fixed number of bits.
#pragma once

#include <cstdint>

namespace qc {

/// How the gaps of a relative index that do not fit their code are bridged.
enum class GapMode : std::uint8_t {
  kEscape = 0,  ///< a symbol of its own that skips positions and stores nothing
  kFiller = 1,  ///< a stored zero, as in Deep Compression
};

inline constexpr unsigned kMinGapBits = 2;
inline constexpr unsigned kMaxGapBits = 8;

/// In the byte that begins an index: the bits of a gap, and whether fillers bridge.
inline constexpr unsigned kGapBitsMask = 0x0f;
inline constexpr unsigned kFillerFlag = 0x10;

}  // namespace qc
