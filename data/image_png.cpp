#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>

#include "data/image_codecs.h"

namespace qc {
namespace {

// libpng leaves by longjmp, so nothing between setjmp and its calls may need a destructor.
struct Reader {
  ByteView rest;
  std::array<char, 128> message{};
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  const std::size_t size = std::min(std::strlen(message), reader->message.size() - 1);
  std::memcpy(reader->message.data(), message, size);
  png_longjmp(png, 1);
}

void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void read_bytes(png_structp png, png_bytep to, std::size_t size) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (size > reader->rest.size()) png_error(png, "it is truncated");
  std::memcpy(to, reader->rest.data(), size);
  reader->rest = reader->rest.subspan(size);
}

struct Png {
  png_structp png = nullptr;
  png_infop info = nullptr;
};

void read_rows(png_structp png, std::uint8_t* pixels, const ImageSize& size, int passes) {
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t y = 0; y < size.height; ++y) {
      png_read_row(png, pixels + y * size.width * size.channels, nullptr);
    }
  }
}

// Everything between setjmp and the clean-up; returns whether libpng left by longjmp.
bool decode(const Png& file, Reader& reader, PixelMemory& memory) {
  if (setjmp(png_jmpbuf(file.png)) != 0) return true;
  png_set_read_fn(file.png, &reader, read_bytes);
  png_set_user_limits(file.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_keep_unknown_chunks(file.png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
  png_read_info(file.png, file.info);
  const unsigned colour = png_get_color_type(file.png, file.info);
  const ImageSize size{.height = png_get_image_height(file.png, file.info),
                       .width = png_get_image_width(file.png, file.info),
                       .channels = (colour & PNG_COLOR_MASK_COLOR) != 0 ? std::size_t{3} : 1};
  std::uint8_t* pixels = memory.prepare(size);
  if (pixels == nullptr) return false;
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(file.png);
  if (png_get_bit_depth(file.png, file.info) < 8) png_set_expand_gray_1_2_4_to_8(file.png);
  png_set_scale_16(file.png);
  png_set_strip_alpha(file.png);
  const int passes = png_set_interlace_handling(file.png);
  png_read_update_info(file.png, file.info);
  if (png_get_rowbytes(file.png, file.info) != size.width * size.channels) {
    png_error(file.png, "its rows have another size than its header says");
  }
  read_rows(file.png, pixels, size, passes);
  png_read_end(file.png, nullptr);
  return false;
}

}  // namespace

bool is_png(ByteView file) noexcept {
  return file.size() >= 8 && png_sig_cmp(file.data(), 0, 8) == 0;
}

std::string decode_png(ByteView file, PixelMemory& memory) {
  Reader reader{.rest = file};
  Png png;
  png.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (png.png == nullptr) return "libpng cannot start";
  png.info = png_create_info_struct(png.png);
  const bool failed = png.info == nullptr || decode(png, reader, memory);
  png_destroy_read_struct(&png.png, &png.info, nullptr);
  return failed ? reader.message.data() : std::string();
}

}  // namespace qc
