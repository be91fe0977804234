// JPEG and PNG pictures as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/bytes.h"

namespace qc {

/// More pixels than this are refused.
inline constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 27;

struct ImageSize {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 0;  ///< 1 (grey) or 3 (red, green, blue)

  std::size_t bytes() const noexcept { return height * width * channels; }
};

/// Pixels row by row, the channels of a pixel side by side.
struct Image {
  ImageSize size;
  Bytes pixels;
};

/// Whether a file is named as a picture: .jpg, .jpeg or .png in any case.
bool is_image_name(const std::filesystem::path& path);

/// The size as the header tells it. Throws Error naming `name`: kCorrupt for what is neither JPEG
/// nor PNG or is damaged, kLimit beyond kMaxPixels.
ImageSize image_size(ByteView file, const std::string& name);

/// Decodes a picture; alpha is dropped, 16 bits become 8, palettes and CMYK become RGB. Throws
/// Error as image_size() does, kCorrupt also where pixels are missing.
Image decode_image(ByteView file, const std::string& name);

}  // namespace qc
