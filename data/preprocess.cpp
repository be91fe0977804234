#include "data/preprocess.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "core/error.h"
#include "data/image.h"

namespace qc {
namespace {

constexpr std::array<float, 3> kLuma = {0.299F, 0.587F, 0.114F};  // ITU-R BT.601, as JPEG has it

std::size_t as_size(std::int64_t number) { return static_cast<std::size_t>(number); }
std::int64_t as_dim(std::size_t number) { return static_cast<std::int64_t>(number); }

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

// For each output position the two stored ones that it lies between, and how far from the first.
struct Taps {
  std::vector<std::size_t> low;
  std::vector<std::size_t> high;
  std::vector<float> toward_high;
};

// Half-pixel centres: position i of `size` lies at (i + 0.5) * stored / size - 0.5.
Taps make_taps(std::size_t stored, std::size_t size, std::size_t first, std::size_t count) {
  Taps taps;
  const double ratio = static_cast<double>(stored) / static_cast<double>(size);
  for (std::size_t i = first; i < first + count; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * ratio - 0.5;
    const double position = std::clamp(centre, 0.0, static_cast<double>(stored - 1));
    const auto low = static_cast<std::size_t>(position);
    taps.low.push_back(low);
    taps.high.push_back(std::min(low + 1, stored - 1));
    taps.toward_high.push_back(static_cast<float>(position - static_cast<double>(low)));
  }
  return taps;
}

// Calls body(pointer to the values) for the type that the sample has.
template <typename Body>
void with_values(const SampleView& sample, const Body& body) {
  if (sample.bytes.empty()) {
    body(sample.floats.data());
  } else {
    body(sample.bytes.data());
  }
}

}  // namespace

// The part of the resized picture that becomes the output.
struct Preprocessor::Frame {
  std::size_t height = 0;  // of the whole resized picture
  std::size_t width = 0;
  std::size_t top = 0;
  std::size_t left = 0;
  bool resized = false;
  Taps rows;
  Taps columns;
};

namespace {

std::size_t output_channels(std::optional<Channels> channels, std::size_t stored) {
  if (!channels) return stored;
  if (stored != 1 && stored != 3) {
    fail(fmt::format("dataset.toml: channels is for pictures of 1 or 3 channels, these have {}",
                     stored));
  }
  return channels == Channels::kGray ? 1 : 3;
}

PixelSize resized(const std::optional<Resize>& resize, const SampleGrid& grid) {
  const std::int64_t height = as_dim(grid.height);
  const std::int64_t width = as_dim(grid.width);
  if (!resize) return {height, width};
  if (resize->shorter_side == 0) return resize->exact;
  const std::int64_t side = resize->shorter_side;
  const PixelSize size = height <= width ? PixelSize{side, side * width / height}
                                         : PixelSize{side * height / width, side};
  // A picture that is a line would become one of terabytes.
  if (size.height > as_dim(kMaxPixels) / size.width) {
    throw Error(ErrorCode::kLimit,
                fmt::format("a picture of {}x{} would have more than {} pixels with resize = {} of "
                            "dataset.toml; give [height, width]",
                            height, width, kMaxPixels, side));
  }
  return size;
}

}  // namespace

Preprocessor::Preprocessor(const DatasetConfig& config, const SampleForm& form)
    : config_(config),
      channels_(config.channels),
      picture_(!form.plain_shape.has_value()),
      bytes_(form.bytes) {
  if (!picture_) {
    if (config_.resize || config_.crop || channels_) {
      fail(
          fmt::format("dataset.toml: resize, crop and channels are for pictures; these samples "
                      "have the shape {}",
                      fmt::join(*form.plain_shape, "x")));
    }
    output_ = form.grid;
    set_affine(form.grid.channels);
    shape_ = *form.plain_shape;
    if (config_.flatten) shape_ = {as_dim(form.grid.elements())};
    return;
  }
  if (config_.layout == PixelLayout::kStored) {
    fail("dataset.toml: layout = \"stored\" is for .npy and .npz data; use \"NCHW\" or \"NHWC\"");
  }
  // Grey pictures among coloured ones become coloured.
  if (!channels_ && !form.uniform && form.grid.channels == 3) channels_ = Channels::kRgb;
  const std::size_t channels = output_channels(channels_, form.grid.channels);
  const PixelSize size = config_.crop.value_or(resized(config_.resize, form.grid));
  const std::size_t height = as_size(size.height);
  const std::size_t width = as_size(size.width);
  if (config_.layout.value_or(PixelLayout::kNchw) == PixelLayout::kNchw) {
    output_ = planar_grid(channels, height, width);
    shape_ = {as_dim(channels), size.height, size.width};
  } else {
    output_ = interleaved_grid(height, width, channels);
    shape_ = {size.height, size.width, as_dim(channels)};
  }
  if (config_.flatten) shape_ = {as_dim(output_.elements())};
  set_affine(channels);
  frame(form.grid, "the first sample");
}

void Preprocessor::set_affine(std::size_t channels) {
  const auto check = [&](const std::vector<double>& values, const char* key) {
    if (values.size() <= 1 || values.size() == channels) return;
    fail(
        fmt::format("dataset.toml: {} has {} values, but samples have {} channels; give one, or "
                    "one per channel",
                    key, values.size(), channels));
  };
  check(config_.mean, "mean");
  check(config_.std, "std");
  const auto pick = [](const std::vector<double>& values, std::size_t i, double otherwise) {
    return static_cast<float>(values.empty() ? otherwise : values[values.size() == 1 ? 0 : i]);
  };
  const double scale = config_.scale.value_or(bytes_ ? 1.0 / 255 : 1.0);
  const bool one = config_.mean.size() <= 1 && config_.std.size() <= 1;
  for (std::size_t i = 0; i < (one ? 1 : channels); ++i) {
    affine_.push_back({.scale = static_cast<float>(scale),
                       .mean = pick(config_.mean, i, 0),
                       .std = pick(config_.std, i, 1)});
  }
}

Preprocessor::Frame Preprocessor::frame(const SampleGrid& stored, const std::string& name) const {
  const PixelSize whole = resized(config_.resize, stored);
  const PixelSize part = config_.crop.value_or(whole);
  if (part.height > whole.height || part.width > whole.width) {
    fail(
        fmt::format("{} is {}x{} before it is cropped to {}x{}; set a larger resize in "
                    "dataset.toml",
                    name, whole.height, whole.width, part.height, part.width));
  }
  if (as_size(part.height) != output_.height || as_size(part.width) != output_.width) {
    fail(
        fmt::format("{} is {}x{}, but the first sample is {}x{}; set resize = [{}, {}], or resize "
                    "and crop, in dataset.toml",
                    name, part.height, part.width, output_.height, output_.width, output_.height,
                    output_.width));
  }
  Frame frame;
  frame.height = as_size(whole.height);
  frame.width = as_size(whole.width);
  frame.top = (frame.height - output_.height) / 2;
  frame.left = (frame.width - output_.width) / 2;
  frame.resized = frame.height != stored.height || frame.width != stored.width;
  if (frame.resized) {
    frame.rows = make_taps(stored.height, frame.height, frame.top, output_.height);
    frame.columns = make_taps(stored.width, frame.width, frame.left, output_.width);
  }
  return frame;
}

void Preprocessor::apply_plain(const SampleView& sample, std::span<float> out) const {
  with_values(sample, [&](const auto* values) {
    if (affine_.size() == 1) {
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = affine_[0](static_cast<float>(values[i]));
      }
    } else {
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = affine_[i](static_cast<float>(values[i]));
      }
    }
  });
}

void Preprocessor::read_channel(const SampleView& sample, const Frame& frame, std::size_t channel,
                                std::span<float> plane, std::vector<float>& scratch) const {
  const SampleGrid& grid = sample.grid;
  const auto read_plane = [&](std::size_t stored_channel, std::span<float> to) {
    with_values(sample, [&](const auto* values) {
      const auto* base = values + stored_channel * grid.channel_step;
      for (std::size_t y = 0; y < output_.height; ++y) {
        float* out = to.data() + y * output_.width;
        if (!frame.resized) {
          const auto* row = base + (y + frame.top) * grid.row_step;
          for (std::size_t x = 0; x < output_.width; ++x) {
            out[x] = static_cast<float>(row[(x + frame.left) * grid.column_step]);
          }
          continue;
        }
        const auto* above = base + frame.rows.low[y] * grid.row_step;
        const auto* below = base + frame.rows.high[y] * grid.row_step;
        for (std::size_t x = 0; x < output_.width; ++x) {
          const std::size_t low = frame.columns.low[x] * grid.column_step;
          const std::size_t high = frame.columns.high[x] * grid.column_step;
          const auto mix = [](auto a, auto b, float t) {
            const auto from = static_cast<float>(a);
            return from + (static_cast<float>(b) - from) * t;
          };
          const float right = frame.columns.toward_high[x];
          out[x] = mix(mix(above[low], above[high], right), mix(below[low], below[high], right),
                       frame.rows.toward_high[y]);
        }
      }
    });
  };
  if (grid.channels == 1) {
    read_plane(0, plane);
  } else if (channels_ != Channels::kGray) {
    read_plane(channels_ == Channels::kBgr ? 2 - channel : channel, plane);
  } else {
    std::ranges::fill(plane, 0.0F);
    scratch.resize(plane.size());
    for (std::size_t c = 0; c < kLuma.size(); ++c) {
      read_plane(c, scratch);
      for (std::size_t i = 0; i < plane.size(); ++i) plane[i] += kLuma[c] * scratch[i];
    }
  }
}

void Preprocessor::apply(const SampleView& sample, const std::string& name,
                         std::span<float> out) const {
  if (!picture_) return apply_plain(sample, out);
  if (output_channels(channels_, sample.grid.channels) != output_.channels) {
    fail(
        fmt::format("{} has {} channels, but the first sample has {}; set channels in "
                    "dataset.toml",
                    name, sample.grid.channels, output_.channels));
  }
  const Frame where = frame(sample.grid, name);
  const std::size_t pixels = output_.height * output_.width;
  const bool interleaved = output_.column_step != 1;
  std::vector<float> plane(interleaved ? pixels : 0);
  std::vector<float> scratch;
  for (std::size_t c = 0; c < output_.channels; ++c) {
    const std::span<float> channel =
        interleaved ? std::span(plane) : out.subspan(c * pixels, pixels);
    read_channel(sample, where, c, channel, scratch);
    const Affine affine = affine_[affine_.size() == 1 ? 0 : c];
    for (std::size_t i = 0; i < pixels; ++i) {
      out[c * output_.channel_step + i * output_.column_step] = affine(channel[i]);
    }
  }
}

}  // namespace qc
