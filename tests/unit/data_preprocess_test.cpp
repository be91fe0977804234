// Preprocessing against the definitions in DATA.md, computed value by value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "data/preprocess.h"
#include "data_files.h"

namespace qc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Picture {
  SampleGrid grid;
  Bytes bytes;
  std::vector<float> floats;

  SampleView view(bool as_floats) const {
    return {.grid = grid,
            .bytes = as_floats ? ByteView() : ByteView(bytes),
            .floats = as_floats ? std::span<const float>(floats) : std::span<const float>()};
  }
  double at(std::size_t c, std::size_t y, std::size_t x) const {
    return bytes[c * grid.channel_step + y * grid.row_step + x * grid.column_step];
  }
};

Picture random_picture(const SampleGrid& grid, std::uint64_t seed) {
  SplitMix64 random(seed);
  Picture picture{.grid = grid, .bytes = {}, .floats = {}};
  for (std::size_t i = 0; i < grid.elements(); ++i) {
    picture.bytes.push_back(static_cast<std::uint8_t>(random.next() & 0xff));
    picture.floats.push_back(picture.bytes.back());
  }
  return picture;
}

// Value (channel, y, x) of a picture resized to height x width.
double resized(const Picture& picture, std::size_t channel, std::size_t height, std::size_t width,
               std::size_t y, std::size_t x) {
  const auto tap = [](std::size_t i, std::size_t size, std::size_t stored) {
    const double centre =
        (static_cast<double>(i) + 0.5) * static_cast<double>(stored) / static_cast<double>(size) -
        0.5;
    return std::clamp(centre, 0.0, static_cast<double>(stored - 1));
  };
  const double from_y = tap(y, height, picture.grid.height);
  const double from_x = tap(x, width, picture.grid.width);
  double sum = 0;
  for (std::size_t yy = 0; yy < picture.grid.height; ++yy) {
    for (std::size_t xx = 0; xx < picture.grid.width; ++xx) {
      const double weight = std::max(0.0, 1 - std::abs(from_y - static_cast<double>(yy))) *
                            std::max(0.0, 1 - std::abs(from_x - static_cast<double>(xx)));
      sum += weight * picture.at(channel, yy, xx);
    }
  }
  return sum;
}

double converted(const Picture& picture, std::optional<Channels> channels, std::size_t channel,
                 std::size_t height, std::size_t width, std::size_t y, std::size_t x) {
  const auto value = [&](std::size_t c) { return resized(picture, c, height, width, y, x); };
  if (picture.grid.channels == 1) return value(0);
  if (channels == Channels::kBgr) return value(2 - channel);
  if (channels == Channels::kGray) return 0.299 * value(0) + 0.587 * value(1) + 0.114 * value(2);
  return value(channel);
}

std::size_t pick(std::size_t low, std::size_t high) {
  return *rc::gen::inRange<std::size_t>(low, high + 1);
}

RC_GTEST_PROP(Preprocess, IsWhatIsDocumented, (std::uint64_t seed)) {
  const std::size_t stored_channels = *rc::gen::element<std::size_t>(1, 3);
  const std::size_t h = pick(1, 9);
  const std::size_t w = pick(1, 9);
  const bool interleaved = *rc::gen::arbitrary<bool>();
  const Picture picture = random_picture(
      interleaved ? interleaved_grid(h, w, stored_channels) : planar_grid(stored_channels, h, w),
      seed);
  DatasetConfig config;
  config.scale = *rc::gen::element(1.0, 0.25, 1.0 / 255);
  config.layout = *rc::gen::element(PixelLayout::kNchw, PixelLayout::kNhwc);
  config.channels = *rc::gen::element<std::optional<Channels>>(std::nullopt, Channels::kRgb,
                                                               Channels::kBgr, Channels::kGray);
  config.flatten = *rc::gen::arbitrary<bool>();

  std::size_t height = h;
  std::size_t width = w;
  switch (pick(0, 2)) {
    case 0:
      break;
    case 1: {
      height = pick(1, 9);
      width = pick(1, 9);
      config.resize = Resize{.shorter_side = 0,
                             .exact = {.height = static_cast<std::int64_t>(height),
                                       .width = static_cast<std::int64_t>(width)}};
      break;
    }
    default: {
      const std::size_t side = pick(1, 9);
      config.resize = Resize{.shorter_side = static_cast<std::int64_t>(side), .exact = {}};
      height = h <= w ? side : side * h / w;
      width = h <= w ? side * w / h : side;
    }
  }
  std::size_t rows = height;
  std::size_t columns = width;
  if (*rc::gen::arbitrary<bool>()) {
    rows = pick(1, height);
    columns = pick(1, width);
    config.crop = PixelSize{.height = static_cast<std::int64_t>(rows),
                            .width = static_cast<std::int64_t>(columns)};
  }
  const std::size_t channels =
      config.channels ? (config.channels == Channels::kGray ? 1 : 3) : stored_channels;
  for (std::size_t c = 0; c < channels; ++c) {
    config.mean.push_back(0.1 * static_cast<double>(c));
    config.std.push_back(0.5 + static_cast<double>(c));
  }

  const SampleForm form{.grid = picture.grid, .uniform = true, .bytes = true, .plain_shape = {}};
  const Preprocessor preprocessor(config, form);
  const auto dim = [](std::size_t size) { return static_cast<std::int64_t>(size); };
  std::vector<std::int64_t> shape = {dim(channels), dim(rows), dim(columns)};
  if (config.layout == PixelLayout::kNhwc) shape = {dim(rows), dim(columns), dim(channels)};
  if (config.flatten) shape = {dim(channels * rows * columns)};
  RC_ASSERT(preprocessor.sample_shape() == shape);

  for (const bool as_floats : {false, true}) {
    std::vector<float> out(channels * rows * columns);
    preprocessor.apply(picture.view(as_floats), "sample", out);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t y = 0; y < rows; ++y) {
        for (std::size_t x = 0; x < columns; ++x) {
          const double value = converted(picture, config.channels, c, height, width,
                                         y + (height - rows) / 2, x + (width - columns) / 2);
          const double expected = (value * *config.scale - config.mean[c]) / config.std[c];
          const std::size_t at = config.layout == PixelLayout::kNchw
                                     ? (c * rows + y) * columns + x
                                     : (y * columns + x) * channels + c;
          RC_ASSERT(std::abs(static_cast<double>(out[at]) - expected) <
                    1e-5 * (1 + 255 * *config.scale));
        }
      }
    }
  }
}

TEST(Preprocess, BytesBecomeZeroToOneByDefault) {
  const SampleForm form{
      .grid = planar_grid(1, 1, 3), .uniform = true, .bytes = true, .plain_shape = {}};
  const Preprocessor preprocessor(DatasetConfig{}, form);
  const Bytes bytes = {0, 51, 255};
  std::vector<float> out(3);
  preprocessor.apply({.grid = form.grid, .bytes = bytes, .floats = {}}, "sample", out);
  EXPECT_THAT(out, ElementsAre(0.0F, testing::FloatEq(0.2F), 1.0F));
}

TEST(Preprocess, AnEnlargedPictureHasHalfPixelCentres) {
  const SampleForm form{
      .grid = planar_grid(1, 1, 2), .uniform = true, .bytes = false, .plain_shape = {}};
  DatasetConfig config;
  config.resize = Resize{.shorter_side = 0, .exact = {.height = 1, .width = 4}};
  const Preprocessor preprocessor(config, form);
  const std::vector<float> values = {0, 4};
  std::vector<float> out(4);
  preprocessor.apply({.grid = form.grid, .bytes = {}, .floats = values}, "sample", out);
  EXPECT_THAT(out, ElementsAre(0, 1, 3, 4));
}

TEST(Preprocess, WhatDoesNotSuitTheSamplesIsRefused) {
  const SampleForm rgb{
      .grid = planar_grid(3, 4, 4), .uniform = true, .bytes = true, .plain_shape = {}};
  const SampleForm many{
      .grid = planar_grid(5, 4, 4), .uniform = true, .bytes = true, .plain_shape = {}};
  const auto error = [](const SampleForm& form, const DatasetConfig& config) {
    const auto [code, message] = error_of([&] { const Preprocessor unused(config, form); });
    EXPECT_EQ(code, ErrorCode::kUsage);
    return message;
  };
  DatasetConfig config;
  config.std = {1, 2};
  EXPECT_THAT(error(rgb, config), HasSubstr("std has 2 values, but samples have 3 channels"));
  config = {};
  config.crop = PixelSize{.height = 5, .width = 4};
  EXPECT_THAT(error(rgb, config), HasSubstr("is 4x4 before it is cropped to 5x4"));
  config = {};
  config.channels = Channels::kGray;
  EXPECT_THAT(error(many, config), HasSubstr("1 or 3 channels, these have 5"));
  config = {};
  config.layout = PixelLayout::kStored;
  EXPECT_THAT(error(rgb, config), HasSubstr(".npy"));
}

}  // namespace
}  // namespace qc
