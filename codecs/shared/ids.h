// The ids of layouts and stages, which encoders and decoders have in common.
#pragma once

#include <cstdint>

namespace qc {

/// How a tensor is turned into streams. Ids on disk; stable for ever.
enum class LayoutId : std::uint8_t {
  kRaw = 0,
  kPlanes = 1,
  kNarrow = 2,
  kConstant = 3,
  kPalette = 4,
  kChannelPalette = 5,
  kCsr = 6,
  kBitmap = 7,
  kLevels = 8,
  kContextPalette = 9,
  kContextFloats = 10,
  kRepeats = 11,
};

/// How a stream is coded. Ids on disk; stable for ever.
enum class StageId : std::uint8_t { kBitpack = 0, kHuffman = 1, kZstd = 2, kRadix = 3, kRans = 4 };

}  // namespace qc
