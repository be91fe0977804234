#include "data_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <png.h>
#include <zip.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

// jpeglib.h needs FILE and std::size_t from <cstdio>.
#include <jpeglib.h>

namespace qc {
namespace {

void append_to_string(png_structp png, png_bytep bytes, std::size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(bytes), size);
}

struct PngForm {
  int colour;
  int depth;
  std::size_t pixel_bytes;
};

PngForm png_form(PngKind kind) {
  switch (kind) {
    case PngKind::kGrey:
      return {PNG_COLOR_TYPE_GRAY, 8, 1};
    case PngKind::kRgb:
      return {PNG_COLOR_TYPE_RGB, 8, 3};
    case PngKind::kRgba:
      return {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4};
    case PngKind::kGreyAlpha:
      return {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2};
    case PngKind::kPalette:
      return {PNG_COLOR_TYPE_PALETTE, 8, 1};
    case PngKind::kGrey16:
      return {PNG_COLOR_TYPE_GRAY, 16, 2};
    case PngKind::kRgb16:
      return {PNG_COLOR_TYPE_RGB, 16, 6};
    case PngKind::kBilevel:
      return {PNG_COLOR_TYPE_GRAY, 1, 0};
  }
  throw std::invalid_argument("png_form");
}

}  // namespace

std::string idx_bytes(const std::vector<std::uint32_t>& dims, const std::string& values) {
  std::string bytes = {0, 0, 8, static_cast<char>(dims.size())};
  for (const std::uint32_t dim : dims) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(dim >> shift));
  }
  return bytes + values;
}

std::string npy_bytes(const std::string& descr, const std::string& shape,
                      const std::string& payload, bool fortran) {
  std::string header = fmt::format("{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}", descr,
                                   fortran ? "True" : "False", shape);
  while ((10 + header.size() + 1) % 64 != 0) header.push_back(' ');
  header.push_back('\n');
  std::string bytes = "\x93NUMPY\x01";
  bytes.push_back('\0');
  bytes.push_back(static_cast<char>(header.size() & 0xff));
  bytes.push_back(static_cast<char>(header.size() >> 8));
  return bytes + header + payload;
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void write_zip(const std::filesystem::path& path, const std::vector<ZipMember>& members) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  if (archive == nullptr) throw std::runtime_error("zip_open");
  for (const ZipMember& member : members) {
    zip_source_t* source = zip_source_buffer(archive, member.bytes.data(), member.bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, member.name.c_str(), source, 0);
    const auto method = static_cast<zip_int32_t>(member.deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE);
    if (index < 0 ||
        zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0) != 0) {
      throw std::runtime_error("zip_file_add");
    }
  }
  if (zip_close(archive) != 0) throw std::runtime_error("zip_close");
}

std::string png_bytes(const TestPicture& picture, PngKind kind, bool interlaced) {
  const PngForm form = png_form(kind);
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, append_to_string, nullptr);
  png_set_IHDR(png, info, picture.width, picture.height, form.depth, form.colour,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (kind == PngKind::kPalette) {
    std::vector<png_color> palette;
    for (int i = 0; i < 8; ++i) {
      const auto base = static_cast<png_byte>(30 * i);
      palette.push_back({static_cast<png_byte>(base + 10), static_cast<png_byte>(base + 20),
                         static_cast<png_byte>(base + 30)});
    }
    png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
    png_byte transparent = 0;
    png_set_tRNS(png, info, &transparent, 1, nullptr);
  }
  png_write_info(png, info);
  const std::size_t row_bytes =
      form.pixel_bytes == 0 ? (picture.width + 7) / 8 : picture.width * form.pixel_bytes;
  std::string pixels = picture.pixels;
  if (pixels.size() != row_bytes * picture.height) throw std::invalid_argument("png pixels");
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < picture.height; ++y) {
    rows.push_back(reinterpret_cast<png_bytep>(pixels.data() + y * row_bytes));
  }
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

std::string jpeg_bytes(const TestPicture& picture, int channels) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_height = picture.height;
  jpeg.image_width = picture.width;
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  for (int c = 0; c < jpeg.num_components; ++c) {
    jpeg.comp_info[c].h_samp_factor = 1;
    jpeg.comp_info[c].v_samp_factor = 1;
  }
  jpeg_start_compress(&jpeg, TRUE);
  std::string pixels = picture.pixels;
  const std::size_t row_bytes = picture.width * static_cast<std::size_t>(channels);
  if (pixels.size() != row_bytes * picture.height) throw std::invalid_argument("jpeg pixels");
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = reinterpret_cast<JSAMPROW>(pixels.data() + jpeg.next_scanline * row_bytes);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<const char*>(memory), size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return out;
}

std::vector<Sample> load_all(const Dataset& data) {
  std::size_t elements = 1;
  for (const std::int64_t dim : data.sample_shape()) elements *= static_cast<std::size_t>(dim);
  std::vector<Sample> samples(data.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].values.resize(elements);
    samples[i].label = data.load(i, samples[i].values);
  }
  return samples;
}

std::vector<Sample> load_all(const DataSource& source, Split split) {
  return load_all(*open_dataset(source, split));
}

std::pair<ErrorCode, std::string> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::kInternal, ""};
}

std::pair<ErrorCode, std::string> error_of_data(const DataSource& source, Split split) {
  return error_of([&] { load_all(source, split); });
}

}  // namespace qc
