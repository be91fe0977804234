#include "data/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "core/error.h"
#include "data/image_codecs.h"

namespace qc {
namespace {

// Above what the formats reach: deflate gives at most 1032 bytes for one, and a JPEG has at least
// a bit for 64 pixels.
constexpr std::uint64_t kMaxPixelsPerByte = std::uint64_t{8} * 1032;

Image read_image(ByteView file, const std::string& name, bool want_pixels) {
  PixelMemory memory(file.size(), want_pixels);
  std::string wrong;
  if (is_jpeg(file)) {
    wrong = decode_jpeg(file, memory);
  } else if (is_png(file)) {
    wrong = decode_png(file, memory);
  } else {
    wrong = "neither JPEG nor PNG";
  }
  if (!wrong.empty()) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} is no picture or damaged: {}", name, wrong));
  }
  return memory.take(name);
}

}  // namespace

std::uint8_t* PixelMemory::prepare(const ImageSize& size) noexcept {
  image_.size = size;
  const std::uint64_t pixels = std::uint64_t{size.height} * size.width;
  if (pixels > kMaxPixels) {
    state_ = State::kTooLarge;
  } else if (pixels == 0 || pixels / kMaxPixelsPerByte > file_bytes_) {
    state_ = State::kImpossible;
  } else {
    state_ = State::kReady;
    if (!want_pixels_) return nullptr;
    try {
      image_.pixels.resize(size.bytes());
      return image_.pixels.data();
    } catch (const std::bad_alloc&) {
      state_ = State::kNoMemory;
    }
  }
  return nullptr;
}

Image PixelMemory::take(const std::string& name) {
  const ImageSize& size = image_.size;
  switch (state_) {
    case State::kReady:
      return std::move(image_);
    case State::kTooLarge:
      throw Error(ErrorCode::kLimit,
                  fmt::format("{} has {}x{} pixels, more than {}; make it smaller", name,
                              size.height, size.width, kMaxPixels));
    case State::kNoMemory:
      throw std::bad_alloc();
    case State::kNothing:
    case State::kImpossible:
      break;
  }
  throw Error(ErrorCode::kCorrupt, fmt::format("{} is damaged: {} bytes cannot hold {}x{} pixels",
                                               name, file_bytes_, size.height, size.width));
}

bool is_image_name(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

ImageSize image_size(ByteView file, const std::string& name) {
  return read_image(file, name, false).size;
}

Image decode_image(ByteView file, const std::string& name) { return read_image(file, name, true); }

}  // namespace qc
