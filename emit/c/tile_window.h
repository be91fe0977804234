// Convolutions by tiles of their outputs, for whose pixels all inputs are gathered in vectors.
#pragma once

#include <cstddef>

namespace qc::c {

/// What the tiles have in them: floats, or 32 channels of a pixel packed into words.
enum class TileInput { kFloats, kWords };

/// A window over an input with its padding.
struct TileWindow {
  std::size_t channels = 0;  ///< of the input, in a group
  std::size_t taps = 1;      ///< places of the window
  std::size_t stride = 1;    ///< along a line
  std::size_t width = 0;     ///< outputs in a line
  std::size_t padded = 0;    ///< pixels of the input with its padding
  /// The inputs are the numbers from 0 to 2^bits - 1 over the largest of them; 0 where they are not
  /// known to be.
  unsigned bits = 0;

  /// Planes of the input: channels, or words.
  std::size_t planes(TileInput input) const noexcept {
    if (input == TileInput::kFloats) return channels;
    return (channels + 31) / 32 * (bits != 0 ? bits : 2);
  }
  /// Floats that the kernels of convolutions need to work in (qk_conv_tiles).
  std::size_t memory(TileInput input) const noexcept {
    return planes(input) * (64 * taps + padded) + 16 + 16 * stride;
  }
};

}  // namespace qc::c
