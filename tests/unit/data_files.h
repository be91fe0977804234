// Writes small data sets, sound and broken ones, and looks at what is read of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/dataset.h"

namespace qc {

/// An idx file of unsigned bytes with this header, whatever the values.
std::string idx_bytes(const std::vector<std::uint32_t>& dims, const std::string& values);

/// An .npy file; `descr` and `shape` as Python writes them: "'<f4'", "(2, 3)".
std::string npy_bytes(const std::string& descr, const std::string& shape,
                      const std::string& payload, bool fortran = false);

/// The bytes of numbers.
template <typename T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// The bytes with another one in front.
inline std::string with_first_byte(std::string bytes, char first) {
  bytes[0] = first;
  return bytes;
}

std::string gzip(const std::string& bytes);

struct ZipMember {
  std::string name;
  std::string bytes;
  bool deflated = false;
};
void write_zip(const std::filesystem::path& path, const std::vector<ZipMember>& members);

/// Pixels row by row; 8 bits per channel unless said otherwise.
struct TestPicture {
  std::uint32_t height = 1;
  std::uint32_t width = 1;
  std::string pixels;
};

enum class PngKind { kGrey, kRgb, kRgba, kGreyAlpha, kPalette, kGrey16, kRgb16, kBilevel };

/// A PNG. kPalette: the pixels are numbers of {10,20,30}, {40,50,60}, ... of which there are 8;
/// kBilevel: rows packed to bits; 16 bits: big-endian pixels.
std::string png_bytes(const TestPicture& picture, PngKind kind, bool interlaced = false);

/// A JPEG of the best quality, without subsampling. `channels` 1, 3 or (CMYK as Adobe has it) 4.
std::string jpeg_bytes(const TestPicture& picture, int channels);

struct Sample {
  std::int64_t label = 0;
  std::vector<float> values;
};

/// All samples of one split of a folder.
std::vector<Sample> load_all(const Dataset& data);
std::vector<Sample> load_all(const DataSource& source, Split split);

/// The error that an action gives; a test failure when there is none.
std::pair<ErrorCode, std::string> error_of(const std::function<void()>& action);

/// What open_dataset() and loading everything fails with.
std::pair<ErrorCode, std::string> error_of_data(const DataSource& source,
                                                Split split = Split::kTrain);

}  // namespace qc
