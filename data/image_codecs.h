// The two decoders behind image.h. Both take hostile bytes.
#pragma once

#include <string>

#include "data/image.h"

namespace qc {

/// What a decoder calls once it knows the size: checks it and gives the memory for the pixels, or
/// null to stop there. Called from C code, so it does not throw.
class PixelMemory {
 public:
  /// Without `want_pixels` only the size is found.
  PixelMemory(std::size_t file_bytes, bool want_pixels) noexcept
      : file_bytes_(file_bytes), want_pixels_(want_pixels) {}

  std::uint8_t* prepare(const ImageSize& size) noexcept;

  /// The picture. Throws Error when prepare() refused or was never called.
  Image take(const std::string& name);

 private:
  enum class State { kNothing, kReady, kTooLarge, kImpossible, kNoMemory };

  std::size_t file_bytes_;
  bool want_pixels_;
  State state_ = State::kNothing;
  Image image_;
};

/// Each returns what is wrong, or an empty text.
std::string decode_jpeg(ByteView file, PixelMemory& memory);
std::string decode_png(ByteView file, PixelMemory& memory);

bool is_jpeg(ByteView file) noexcept;
bool is_png(ByteView file) noexcept;

}  // namespace qc
