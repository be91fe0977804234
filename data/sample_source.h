// What a data format offers: stored samples with labels, before preprocessing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace qc {

/// Where the values of a sample lie: value (channel, row, column) is element channel * channel_step
/// + row * row_step + column * column_step. A vector is a column of channels.
struct SampleGrid {
  std::size_t channels = 1;
  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t channel_step = 0;
  std::size_t row_step = 0;
  std::size_t column_step = 0;

  std::size_t elements() const noexcept { return channels * height * width; }
};

inline SampleGrid planar_grid(std::size_t channels, std::size_t height, std::size_t width) {
  return {channels, height, width, height * width, width, 1};
}

inline SampleGrid interleaved_grid(std::size_t height, std::size_t width, std::size_t channels) {
  return {channels, height, width, 1, width * channels, channels};
}

/// A stored sample: either `bytes` or `floats` holds its values.
struct SampleView {
  SampleGrid grid;
  ByteView bytes;
  std::span<const float> floats;
};

/// Memory for a sample that has to be decoded or converted.
struct SampleBuffer {
  Bytes bytes;
  std::vector<float> floats;
};

/// What the samples of a source have in common.
struct SampleForm {
  SampleGrid grid;
  /// False where the shape of each sample is its own and `grid` is that of the first.
  bool uniform = true;
  /// Whether values are 0 to 255, which stand for 0 to 1.
  bool bytes = false;
  /// The sample shape where the values are no picture: {F}, or that of a stored array.
  std::optional<std::vector<std::int64_t>> plain_shape;
};

/// Samples as a format stores them. Reading is const and safe from several threads at once.
class SampleSource {
 public:
  virtual ~SampleSource() = default;

  virtual std::size_t size() const noexcept = 0;
  virtual const SampleForm& form() const noexcept = 0;
  virtual std::int64_t classes() const noexcept = 0;
  virtual std::string description() const = 0;
  virtual bool slow_to_load() const noexcept { return false; }

  /// The file of a sample and its number there, for messages.
  virtual std::string name(std::size_t index) const = 0;
  virtual std::int64_t label(std::size_t index) const noexcept = 0;
  /// The sample; may lie in `buffer`. Throws Error naming the file.
  virtual SampleView view(std::size_t index, SampleBuffer& buffer) const = 0;
};

}  // namespace qc
