// Pictures: decoding, class folders, label files, and how broken ones are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "data/batches.h"
#include "data/dataset.h"
#include "data/image.h"
#include "data_files.h"
#include "harness.h"
#include "heap_meter.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::TempDir;
using harness::write_file;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

Image decode(const std::string& file) { return decode_image(as_bytes(file), "picture"); }

std::string pixels_of(const Image& image) { return std::string(as_text(image.pixels)); }

// A picture without sharp edges, as JPEG likes it.
TestPicture smooth(std::uint32_t height, std::uint32_t width, std::size_t channels) {
  TestPicture picture{.height = height, .width = width, .pixels = {}};
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < channels; ++c) {
        picture.pixels.push_back(static_cast<char>(40 + 3 * y + 2 * x + 30 * c));
      }
    }
  }
  return picture;
}

std::string grey_png(std::uint32_t height, std::uint32_t width, char value) {
  return png_bytes({height, width, std::string(std::size_t{height} * width, value)},
                   PngKind::kGrey);
}

void add(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  write_file(path, bytes);
}

TEST(DecodeImage, PngOfEveryKindBecomesGreyOrRgb) {
  struct Case {
    PngKind kind;
    std::string stored;
    std::size_t channels;
    std::string decoded;
  };
  const std::vector<Case> cases = {
      {PngKind::kGrey, "abcdef", 1, "abcdef"},
      {PngKind::kRgb, "abcdefghijklmnopqr", 3, "abcdefghijklmnopqr"},
      {PngKind::kRgba, "abc!def?ghi.jkl mno-pqr_", 3, "abcdefghijklmnopqr"},
      {PngKind::kGreyAlpha, "a!b?c.d e-f_", 1, "abcdef"},
      {PngKind::kPalette, std::string("\0\1\2\3\4\5", 6), 3,
       "\x0a\x14\x1e\x28\x32\x3c\x46\x50\x5a\x64\x6e\x78\x82\x8c\x96\xa0\xaa\xb4"},
      {PngKind::kGrey16, "aabbccddeeff", 1, "abcdef"},
      {PngKind::kRgb16, "aabbccddeeffgghhiijjkkllmmnnooppqqrr", 3, "abcdefghijklmnopqr"},
      {PngKind::kBilevel, "\xa0\x40", 1, std::string("\xff\0\xff\0\xff\0", 6)},
  };
  for (const Case& each : cases) {
    for (const bool interlaced : {false, true}) {
      const std::string file = png_bytes({2, 3, each.stored}, each.kind, interlaced);
      const Image image = decode(file);
      EXPECT_EQ(image.size.height, 2U);
      EXPECT_EQ(image.size.width, 3U);
      EXPECT_EQ(image.size.channels, each.channels);
      EXPECT_EQ(pixels_of(image), each.decoded) << static_cast<int>(each.kind);
      EXPECT_EQ(image_size(as_bytes(file), "").channels, each.channels);
    }
  }
}

void expect_close(const std::string& actual, const std::string& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(static_cast<std::uint8_t>(actual[i]), static_cast<std::uint8_t>(expected[i]), 3);
  }
}

TEST(DecodeImage, JpegBecomesGreyOrRgb) {
  for (const int channels : {1, 3}) {
    const TestPicture picture = smooth(19, 13, static_cast<std::size_t>(channels));
    const Image image = decode(jpeg_bytes(picture, channels));
    EXPECT_EQ(image.size.height, 19U);
    EXPECT_EQ(image.size.width, 13U);
    EXPECT_EQ(image.size.channels, static_cast<std::size_t>(channels));
    expect_close(pixels_of(image), picture.pixels);
  }
}

TEST(DecodeImage, CmykBecomesRgb) {
  // Complemented ink, as the Adobe marker that libjpeg writes says.
  const TestPicture cmyk{
      .height = 1,
      .width = 2,
      .pixels = {'\xff', '\x00', '\x80', '\xff', '\xff', '\xff', '\xff', '\x40'}};
  const std::string expected = {'\xff', '\x00', '\x80', '\x40', '\x40', '\x40'};
  expect_close(pixels_of(decode(jpeg_bytes(cmyk, 4))), expected);
}

TEST(DecodeImage, TruncatedFilesAreRefused) {
  for (const std::string& whole :
       {jpeg_bytes(smooth(16, 16, 3), 3), png_bytes(smooth(16, 16, 3), PngKind::kRgb)}) {
    for (std::size_t size = 0; size + 2 < whole.size(); ++size) {
      const auto [code, message] = error_of([&] { decode(whole.substr(0, size)); });
      EXPECT_EQ(code, ErrorCode::kCorrupt) << size;
      EXPECT_THAT(message, HasSubstr("picture"));
    }
  }
}

TEST(DecodeImage, FlippedBitsDoNoHarm) {
  for (const std::string& whole :
       {jpeg_bytes(smooth(16, 16, 3), 3), png_bytes(smooth(16, 16, 3), PngKind::kRgb),
        png_bytes({2, 2, std::string("\7\7\7\7")}, PngKind::kPalette)}) {
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      try {
        const Image image = decode(flipped);
        EXPECT_EQ(image.pixels.size(), image.size.bytes());
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kLimit);
      }
    }
  }
}

// The size fields of a small JPEG, found behind its frame marker.
std::string huge_jpeg() {
  std::string file = jpeg_bytes(smooth(8, 8, 3), 3);
  const std::size_t frame = file.find("\xff\xc0");
  for (std::size_t i = 5; i < 9; ++i) file[frame + i] = '\x2f';
  return file;
}

// 1000x65535 pixels in less than 100 bytes, with a checksum that fits.
std::string huge_png() {
  std::string file = png_bytes(smooth(1, 1, 1), PngKind::kGrey);
  file.replace(16, 8, std::string("\0\0\xff\xff\0\0\x03\xe8", 8));
  const uLong checksum = crc32(0, reinterpret_cast<const Bytef*>(file.data() + 12), 17);
  for (int i = 0; i < 4; ++i)
    file[29 + static_cast<std::size_t>(i)] = static_cast<char>(checksum >> (24 - 8 * i));
  return file;
}

TEST(DecodeImage, HugeSizesTakeNoMemory) {
  const std::string jpeg = huge_jpeg();
  const std::string png = huge_png();
  const test::HeapMeter heap;
  EXPECT_EQ(error_of([&] { decode(jpeg); }).first, ErrorCode::kLimit);
  EXPECT_EQ(error_of([&] { decode(png); }).first, ErrorCode::kCorrupt);
  EXPECT_LT(heap.peak(), std::size_t{4} << 20);
}

TEST(ImageFolder, ClassesAreFoldersInTheOrderOfTheirNames) {
  const TempDir folder;
  add(folder / "train/dog/b.png", grey_png(2, 2, 2));
  add(folder / "train/dog/a.PNG", grey_png(2, 2, 1));
  add(folder / "train/dog/notes.txt", "not a picture");
  add(folder / "train/cat/x.png", grey_png(2, 2, 3));
  add(folder / "train/.hidden/x.png", grey_png(2, 2, 9));
  add(folder / "train/eel/x.png", grey_png(2, 2, 4));
  add(folder / "test/dog/z.png", grey_png(2, 2, 5));
  add(folder / "val/cat/z.png", grey_png(2, 2, 6));
  const auto train = open_dataset({folder.path(), {}}, Split::kTrain);
  EXPECT_TRUE(train->slow_to_load());
  EXPECT_EQ(train->classes(), 3);
  EXPECT_THAT(train->sample_shape(), ElementsAre(1, 2, 2));
  const auto samples = load_all(*train);
  ASSERT_EQ(samples.size(), 4U);
  const std::vector<std::pair<std::int64_t, float>> expected = {{0, 3}, {1, 1}, {1, 2}, {2, 4}};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(samples[i].label, expected[i].first);
    EXPECT_FLOAT_EQ(samples[i].values[0] * 255, expected[i].second);
  }
  // The folders for training number the classes, and test comes before val.
  const auto test = open_dataset({folder.path(), {}}, Split::kTest);
  EXPECT_EQ(test->classes(), 3);
  EXPECT_EQ(load_all(*test)[0].label, 1);
}

TEST(ImageFolder, MayHaveOnlyOneSplitOrNone) {
  const TempDir val;
  add(val / "train/cat/x.png", grey_png(2, 2, 3));
  add(val / "val/cat/z.png", grey_png(2, 2, 6));
  EXPECT_FLOAT_EQ(load_all({val.path(), {}}, Split::kTest)[0].values[0] * 255, 6);

  const TempDir only_train;
  add(only_train / "train/cat/x.png", grey_png(2, 2, 3));
  EXPECT_EQ(error_of_data({only_train.path(), {}}, Split::kTest).first, ErrorCode::kFile);

  const TempDir none;
  add(none / "a/x.png", grey_png(2, 2, 3));
  add(none / "b/x.png", grey_png(2, 2, 3));
  for (const Split split : {Split::kTrain, Split::kTest}) {
    EXPECT_EQ(open_dataset({none.path(), {}}, split)->classes(), 2);
  }
}

TEST(ImageFolder, SplitsMayBeNamedInDatasetToml) {
  const TempDir folder;
  add(folder / "learn/b/x.png", grey_png(2, 2, 3));
  add(folder / "learn/c/x.png", grey_png(2, 2, 3));
  add(folder / "check/c/x.png", grey_png(2, 2, 3));
  add(folder / "dataset.toml", "train = 'learn'\ntest = 'check'\nclasses = 5\n");
  EXPECT_EQ(open_dataset({folder.path(), {}}, Split::kTrain)->size(), 2U);
  const auto test = open_dataset({folder.path(), {}}, Split::kTest);
  EXPECT_EQ(load_all(*test)[0].label, 1);
  EXPECT_EQ(test->classes(), 5);
  add(folder / "dataset.toml", "train = 'learn'\nclasses = 1\n");
  EXPECT_EQ(error_of_data({folder.path(), {}}).first, ErrorCode::kUsage);
}

TEST(ImageFolder, AnUnknownTestClassIsRefused) {
  const TempDir folder;
  add(folder / "train/cat/x.png", grey_png(2, 2, 3));
  add(folder / "test/dog/x.png", grey_png(2, 2, 3));
  const auto [code, message] = error_of_data({folder.path(), {}}, Split::kTest);
  EXPECT_EQ(code, ErrorCode::kCorrupt);
  EXPECT_THAT(message, HasSubstr((folder / "test/dog").string()));
}

TEST(ImageFolder, BrokenPicturesAreNamed) {
  const TempDir folder;
  add(folder / "a/1.png", grey_png(2, 2, 3));
  add(folder / "a/2.jpg", jpeg_bytes(smooth(8, 8, 1), 1).substr(0, 300));
  add(folder / "dataset.toml", "resize = [2, 2]\n");
  const auto data = open_dataset({folder.path(), {}}, Split::kTrain);
  BatchStream stream(*data, in_order(2), 1);
  Batch batch;
  EXPECT_TRUE(stream.next(batch));
  const auto [code, message] = error_of([&] { stream.next(batch); });
  EXPECT_EQ(code, ErrorCode::kCorrupt);
  EXPECT_THAT(message, HasSubstr((folder / "a/2.jpg").string()));
  fs::remove(folder / "a/2.jpg");
  EXPECT_EQ(error_of([&] { load_all(*data); }).first, ErrorCode::kFile);
}

TEST(ImageFolder, DifferentSizesNeedAResize) {
  const TempDir folder;
  add(folder / "a/1.png", grey_png(2, 2, 3));
  add(folder / "a/2.png", grey_png(2, 3, 3));
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, ErrorCode::kUsage);
  EXPECT_THAT(message, HasSubstr((folder / "a/2.png").string() + " is 2x3"));
  EXPECT_THAT(message, HasSubstr("resize"));
  add(folder / "dataset.toml", "resize = 4\n");
  EXPECT_EQ(error_of_data({folder.path(), {}}).first, ErrorCode::kUsage);
  for (const char* toml : {"resize = 4\ncrop = 4\n", "resize = [4, 4]\n", "crop = 2\n"}) {
    add(folder / "dataset.toml", toml);
    EXPECT_EQ(load_all({folder.path(), {}}, Split::kTrain).size(), 2U);
  }
  add(folder / "dataset.toml", "resize = 4\ncrop = 5\n");
  EXPECT_THAT(error_of_data({folder.path(), {}}).second, HasSubstr("larger resize"));
}

TEST(ImageFolder, GreyPicturesAmongColouredOnesBecomeColoured) {
  const TempDir folder;
  add(folder / "a/1.png", png_bytes({1, 1, "abc"}, PngKind::kRgb));
  add(folder / "a/2.png", grey_png(1, 1, 51));
  EXPECT_THAT(load_all({folder.path(), {}}, Split::kTrain)[1].values, Each(testing::FloatEq(0.2F)));
  fs::rename(folder / "a/1.png", folder / "a/3.png");
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, ErrorCode::kUsage);
  EXPECT_THAT(message, HasSubstr("set channels"));
}

TEST(LabelFile, NamesPicturesWithTheirClasses) {
  for (const bool in_images : {false, true}) {
    const TempDir folder;
    const fs::path root = in_images ? folder / "images" : folder.path();
    add(root / "a.png", grey_png(2, 2, 1));
    add(root / "b, c.png", grey_png(2, 2, 2));
    add(folder / "labels.csv",
        "file,class_index,name\r\na.png, 7 ,tench\r\n\r\n\"b, c.png\",3,\"say \"\"no\"\"\"\r\n");
    const auto data = open_dataset({folder.path(), {}}, Split::kTest);
    EXPECT_EQ(data->classes(), 8);
    const auto samples = load_all(*data);
    ASSERT_EQ(samples.size(), 2U);
    EXPECT_EQ(samples[0].label, 7);
    EXPECT_EQ(samples[1].label, 3);
    EXPECT_FLOAT_EQ(samples[1].values[0] * 255, 2);
  }
}

TEST(LabelFile, MayBeNamedOrLieInASplit) {
  const TempDir folder;
  add(folder / "test/a.png", grey_png(2, 2, 1));
  add(folder / "test/labels.csv", "a.png,4\n");
  EXPECT_EQ(load_all({folder.path(), {}}, Split::kTest)[0].label, 4);

  const TempDir named;
  add(named / "a.png", grey_png(2, 2, 1));
  add(named / "truth.txt", "a.png,6");
  add(named / "dataset.toml", "labels = 'truth.txt'\n");
  EXPECT_EQ(load_all({named.path(), {}}, Split::kTrain)[0].label, 6);
  fs::remove(named / "truth.txt");
  EXPECT_EQ(error_of_data({named.path(), {}}).first, ErrorCode::kFile);
}

TEST(LabelFile, BrokenOnesAreRefusedWithTheLine) {
  const TempDir folder;
  add(folder / "a.png", grey_png(2, 2, 1));
  struct Case {
    std::string text;
    ErrorCode code;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"file,class\na.png,0\na.png\n", ErrorCode::kCorrupt, "labels.csv:3"},
      {"file,class\na.png,zero\n", ErrorCode::kCorrupt, "labels.csv:2"},
      {"a.png,0\n,1\n", ErrorCode::kCorrupt, "labels.csv:2"},
      {"a.png,0\na.png,-1\n", ErrorCode::kCorrupt, "labels.csv:2"},
      {"a.png,0\n\"a.png,1\n", ErrorCode::kCorrupt, "labels.csv:2"},
      {"a.png,0\n" + std::string(300, 'a') + ".png,1\n", ErrorCode::kFile, "not in"},
      {"a.png,0\na.png,99999999999999999999\n", ErrorCode::kCorrupt, "labels.csv:2"},
      {"a.png,99999999999\n", ErrorCode::kCorrupt, "label 99999999999"},
      {"file,class\n", ErrorCode::kCorrupt, "no pictures"},
      {"", ErrorCode::kCorrupt, "no pictures"},
      {"../a.png,0\n", ErrorCode::kCorrupt, "outside"},
      {"/etc/passwd,0\n", ErrorCode::kCorrupt, "outside"},
      {"b.png,0\n", ErrorCode::kFile, "b.png"},
  };
  for (const Case& each : cases) {
    add(folder / "labels.csv", each.text);
    const auto [code, message] = error_of_data({folder.path(), {}});
    EXPECT_EQ(code, each.code) << each.text;
    EXPECT_THAT(message, HasSubstr(each.message)) << each.text;
    EXPECT_THAT(message, HasSubstr(folder.path().string()));
  }
}

}  // namespace
}  // namespace qc
