#include "report/tensor_picture.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"

namespace qc {
namespace {

constexpr std::uint64_t kMaxColumns = 128;
constexpr std::uint64_t kMaxRows = 96;

}  // namespace

double largest_magnitude(DataType type, ByteView elements) {
  double largest = 0;
  for (const float value : load_floats(type, elements)) {
    const double magnitude = std::fabs(static_cast<double>(value));
    if (std::isfinite(magnitude)) largest = std::max(largest, magnitude);
  }
  return largest;
}

Histogram histogram_of(DataType type, ByteView elements, double limit) {
  Histogram histogram;
  histogram.limit = limit;
  constexpr auto kBins = static_cast<double>(Histogram::kBins);
  for (const float value : load_floats(type, elements)) {
    if (value == 0) {
      ++histogram.zeros;
    } else if (!std::isnan(value)) {
      const double place = (static_cast<double>(value) / limit + 1) / 2 * kBins;
      ++histogram.bins[static_cast<std::size_t>(std::clamp(place, 0.0, kBins - 1))];
    }
  }
  return histogram;
}

SparsityPattern sparsity_pattern(const TensorInfo& tensor, ByteView elements) {
  const std::vector<float> values = load_floats(tensor.type, elements);
  const ChannelMap channels = channel_map(tensor.dims, std::max(tensor.channel_axis, 0));
  const std::uint64_t rows = channels.count;
  const std::uint64_t columns = values.size() / rows;
  SparsityPattern pattern;
  pattern.rows = static_cast<std::uint32_t>(std::min(rows, kMaxRows));
  pattern.columns = static_cast<std::uint32_t>(std::min(columns, kMaxColumns));
  const std::size_t cells = std::size_t{pattern.rows} * pattern.columns;
  std::vector<std::uint64_t> all(cells);
  std::vector<std::uint64_t> kept(cells);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t row = channels.channel_of(i);
    const std::uint64_t column =
        i / (channels.stride * rows) * channels.stride + i % channels.stride;
    const std::size_t cell = static_cast<std::size_t>(row * pattern.rows / rows * pattern.columns +
                                                      column * pattern.columns / columns);
    ++all[cell];
    if (values[i] != 0) ++kept[cell];
  }
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const std::uint64_t share = all[cell] == 0 ? 0 : kept[cell] * 255 / all[cell];
    pattern.kept.push_back(static_cast<std::uint8_t>(share));
  }
  return pattern;
}

Bytes SparsityPattern::png() const {
  // Gray and alpha: black that lets the page through, so that the image suits a dark page too.
  Bytes pixels;
  for (const std::uint8_t share : kept) {
    pixels.push_back(0);
    pixels.push_back(share);
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = columns;
  image.height = rows;
  image.format = PNG_FORMAT_GA;
  png_alloc_size_t size = 0;
  const auto write = [&](void* to) {
    return png_image_write_to_memory(&image, to, &size, 0, pixels.data(), 0, nullptr) != 0;
  };
  bool fine = write(nullptr);
  Bytes file(size);
  fine = fine && write(file.data());
  if (!fine) throw Error(ErrorCode::kInternal, std::string("libpng: ") + image.message);
  file.resize(size);
  return file;
}

}  // namespace qc
