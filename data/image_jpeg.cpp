#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>

// jpeglib.h needs FILE and std::size_t from <cstdio>.
#include <jerror.h>
#include <jpeglib.h>

#include "data/image_codecs.h"

namespace qc {
namespace {

// libjpeg leaves by longjmp, so nothing between setjmp and its calls may need a destructor.
struct Errors {
  jpeg_error_mgr base;
  std::jmp_buf leave;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<Errors*>(jpeg->err);
  errors->base.format_message(jpeg, errors->message.data());
  std::longjmp(errors->leave, 1);
}

// libjpeg goes on with grey pixels where data is missing or damaged; here that is an error.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION:
      on_error(jpeg);
    default:
      break;
  }
}

std::uint8_t times(int a, int b) { return static_cast<std::uint8_t>((a * b + 127) / 255); }

// Adobe's programs store the complement of the ink, everybody else the ink.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::size_t width, bool complement, std::uint8_t* rgb) {
  for (std::size_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    for (int c = 0; c < 3; ++c) {
      rgb[c] = complement ? times(cmyk[c], cmyk[3]) : times(255 - cmyk[c], 255 - cmyk[3]);
    }
  }
}

void read_rows(jpeg_decompress_struct& jpeg, std::uint8_t* pixels, std::size_t stride) {
  const bool cmyk = jpeg.out_color_space == JCS_CMYK;
  JSAMPARRAY four = nullptr;  // freed with the decompressor
  if (cmyk) {
    four = jpeg.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&jpeg), JPOOL_IMAGE,
                                  jpeg.output_width * 4, 1);
  }
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = pixels + jpeg.output_scanline * stride;
    if (cmyk) {
      jpeg_read_scanlines(&jpeg, four, 1);
      cmyk_to_rgb(four[0], jpeg.output_width, jpeg.saw_Adobe_marker != 0, row);
    } else {
      jpeg_read_scanlines(&jpeg, &row, 1);
    }
  }
}

// Everything between setjmp and the clean-up; returns whether libjpeg left by longjmp.
bool decode(ByteView file, jpeg_decompress_struct& jpeg, Errors& errors, PixelMemory& memory) {
  if (setjmp(errors.leave) != 0) return true;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, file.data(), file.size());
  jpeg_read_header(&jpeg, TRUE);
  const bool grey = jpeg.jpeg_color_space == JCS_GRAYSCALE;
  const bool four = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
  jpeg.out_color_space = grey ? JCS_GRAYSCALE : four ? JCS_CMYK : JCS_RGB;
  jpeg.dct_method = JDCT_ISLOW;  // the same pixels on every machine
  const ImageSize size{.height = jpeg.image_height,
                       .width = jpeg.image_width,
                       .channels = grey ? std::size_t{1} : std::size_t{3}};
  std::uint8_t* pixels = memory.prepare(size);
  if (pixels == nullptr) return false;
  jpeg_start_decompress(&jpeg);
  read_rows(jpeg, pixels, size.width * size.channels);
  jpeg_finish_decompress(&jpeg);
  return false;
}

}  // namespace

bool is_jpeg(ByteView file) noexcept {
  return file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff;
}

std::string decode_jpeg(ByteView file, PixelMemory& memory) {
  jpeg_decompress_struct jpeg{};
  Errors errors{};
  jpeg.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = on_error;
  errors.base.emit_message = on_message;
  const bool failed = decode(file, jpeg, errors, memory);
  jpeg_destroy_decompress(&jpeg);
  return failed ? errors.message.data() : std::string();
}

}  // namespace qc
