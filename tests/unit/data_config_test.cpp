// dataset.toml: every key, and every mistake with its line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "data/dataset.h"
#include "data/dataset_config.h"
#include "data_files.h"
#include "harness.h"

namespace qc {
namespace {

using harness::TempDir;
using harness::write_file;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(DatasetConfig, HasADefaultForEveryKey) {
  const TempDir folder;
  write_file(folder / "dataset.toml", "# nothing\n");
  const DatasetConfig config = read_dataset_config(folder / "dataset.toml");
  EXPECT_FALSE(config.scale);
  EXPECT_TRUE(config.mean.empty());
  EXPECT_TRUE(config.std.empty());
  EXPECT_FALSE(config.layout);
  EXPECT_FALSE(config.stored_layout);
  EXPECT_FALSE(config.channels);
  EXPECT_FALSE(config.resize);
  EXPECT_FALSE(config.crop);
  EXPECT_FALSE(config.flatten);
  EXPECT_FALSE(config.classes);
}

TEST(DatasetConfig, HasTheseKeys) {
  const TempDir folder;
  write_file(folder / "dataset.toml", R"(
scale = 1
mean = [0.485, 0.456, 0]
std = 0.5
layout = "NHWC"
stored_layout = "NCHW"
channels = "BGR"
resize = 256
crop = [224, 225]
flatten = true
labels = "labels.csv"
train = "learn"
test = "check"
classes = 1000
)");
  const DatasetConfig config = read_dataset_config(folder / "dataset.toml");
  EXPECT_EQ(config.scale, 1.0);
  EXPECT_THAT(config.mean, ElementsAre(0.485, 0.456, 0));
  EXPECT_THAT(config.std, ElementsAre(0.5));
  EXPECT_EQ(config.layout, PixelLayout::kNhwc);
  EXPECT_EQ(config.stored_layout, PixelLayout::kNchw);
  EXPECT_EQ(config.channels, Channels::kBgr);
  EXPECT_EQ(config.resize->shorter_side, 256);
  EXPECT_EQ(config.crop->height, 224);
  EXPECT_EQ(config.crop->width, 225);
  EXPECT_TRUE(config.flatten);
  EXPECT_EQ(config.labels, "labels.csv");
  EXPECT_EQ(config.train, "learn");
  EXPECT_EQ(config.test, "check");
  EXPECT_EQ(config.classes, 1000);
}

TEST(DatasetConfig, MistakesAreToldWithTheirLine) {
  struct Case {
    std::string line;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"colour = 1", "colour is not a key of dataset.toml; known are scale, mean, std"},
      {"[section]", "section is not a key"},
      {"scale = 'big'", "scale must be a number"},
      {"scale = [1, 2]", "scale must be a number"},
      {"scale = nan", "scale must be a number"},
      {"mean = true", "mean must be a number, or an array of numbers"},
      {"mean = [0.5, 'x']", "mean must be a number, or an array of numbers"},
      {"mean = []", "mean must not be an empty array"},
      {"std = [1.0, 0.0]", "std must be above 0"},
      {"std = -1", "std must be above 0"},
      {"layout = 'HWC'", "layout must be one of \"NCHW\", \"NHWC\", \"stored\""},
      {"layout = 4", "layout must be one of"},
      {"stored_layout = 'stored'", "stored_layout must be one of \"NCHW\", \"NHWC\""},
      {"channels = 'grey'", "channels must be one of \"RGB\", \"BGR\", \"gray\""},
      {"resize = 0", "resize must be a whole number from 1 to 16384"},
      {"resize = 2.5", "resize must be a whole number"},
      {"resize = [1, 2, 3]", "resize must be a number or [height, width]"},
      {"crop = [1, 'x']", "crop must be a whole number"},
      {"crop = 20000", "crop must be a whole number from 1 to 16384"},
      {"flatten = 1", "flatten must be true or false"},
      {"labels = 3", "labels must be the name of a file or folder"},
      {"train = ''", "train must be the name"},
      {"test = ['a']", "test must be the name"},
      {"classes = 0", "classes must be a whole number from 1"},
      {"classes = '10'", "classes must be a whole number"},
      {"scale = ", ""},
      {"scale = 1\nscale = 2", ""},
      {"no toml", ""},
  };
  const TempDir folder;
  const auto path = folder / "dataset.toml";
  for (const Case& each : cases) {
    write_file(path, "# a comment\n\n" + each.line + "\n");
    const auto [code, message] = error_of([&] { read_dataset_config(path); });
    EXPECT_EQ(code, ErrorCode::kUsage) << each.line;
    const int line = each.line.find('\n') == std::string::npos ? 3 : 4;
    EXPECT_THAT(message, StartsWith(path.string() + ":" + std::to_string(line) + ":")) << each.line;
    EXPECT_THAT(message, HasSubstr(each.message));
  }
}

TEST(DatasetConfig, DeepNestingIsRefused) {
  std::string deep = "a";
  for (int i = 0; i < 50000; ++i) deep += ".a";
  for (const std::string& text : {deep + " = 1", "mean = " + std::string(50000, '[')}) {
    const auto [code, message] = error_of([&] { parse_dataset_config(text, "dataset.toml"); });
    EXPECT_EQ(code, ErrorCode::kUsage);
    EXPECT_THAT(message, StartsWith("dataset.toml:1: "));
  }
}

TEST(DatasetConfig, MayLieElsewhere) {
  const TempDir folder;
  write_file(folder / "train-images-idx3-ubyte", idx_bytes({1, 1, 1}, "\x64"));
  write_file(folder / "train-labels-idx1-ubyte", idx_bytes({1}, "\x01"));
  write_file(folder / "dataset.toml", "scale = 2\n");
  write_file(folder / "other.toml", "scale = 3\n");
  EXPECT_THAT(load_all({folder.path(), {}}, Split::kTrain)[0].values, ElementsAre(200));
  EXPECT_THAT(load_all({folder.path(), folder / "other.toml"}, Split::kTrain)[0].values,
              ElementsAre(300));
  EXPECT_EQ(error_of_data({folder.path(), folder / "absent.toml"}).first, ErrorCode::kFile);
}

}  // namespace
}  // namespace qc
