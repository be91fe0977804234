// .npy and .npz data: element types, layouts and labels, and how broken files are refused.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "data/dataset.h"
#include "data_files.h"
#include "harness.h"
#include "heap_meter.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::TempDir;
using harness::write_file;
using testing::ElementsAre;
using testing::HasSubstr;

std::string labels_npy(const std::vector<std::int64_t>& labels) {
  return npy_bytes("'<i8'", fmt::format("({},)", labels.size()), raw(labels));
}

template <typename T>
std::vector<T> ascending(std::size_t count) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), T{0});
  return values;
}

void write_pair(const TempDir& folder, const std::string& samples,
                const std::vector<std::int64_t>& labels) {
  write_file(folder / "x_train.npy", samples);
  write_file(folder / "y_train.npy", labels_npy(labels));
}

std::unique_ptr<Dataset> open(const TempDir& folder, Split split = Split::kTrain) {
  return open_dataset({folder.path(), {}}, split);
}

template <typename T>
void expect_type(const std::string& descr, T most) {
  const TempDir folder;
  write_pair(folder,
             npy_bytes(fmt::format("'{}'", descr), "(2, 2)", raw<T>({T(0), T(1), T(2), most})),
             {0, 1});
  write_file(folder / "dataset.toml", "scale = 1\n");
  const auto data = open(folder);
  EXPECT_THAT(data->sample_shape(), ElementsAre(2));
  const auto samples = load_all(*data);
  EXPECT_THAT(samples[0].values, ElementsAre(0, 1)) << descr;
  EXPECT_THAT(samples[1].values, ElementsAre(2, static_cast<float>(most))) << descr;
}

TEST(Npy, HoldsNumbersOfManyTypes) {
  expect_type<std::uint8_t>("|u1", 255);
  expect_type<std::int8_t>("|i1", -128);
  expect_type<std::uint16_t>("<u2", 65535);
  expect_type<std::int16_t>("<i2", -32768);
  expect_type<std::uint32_t>("<u4", 4000000000);
  expect_type<std::int32_t>("<i4", -2000000000);
  expect_type<std::uint64_t>("<u8", std::uint64_t{1} << 63);
  expect_type<std::int64_t>("<i8", std::int64_t{-1} << 62);
  expect_type<float>("<f4", 0.1F);
  expect_type<double>("<f8", 0.1);

  const TempDir folder;
  write_pair(
      folder,
      npy_bytes("'<f2'", "(1, 2)", raw<std::uint16_t>({float_to_half(0.5F), float_to_half(-2.0F)})),
      {0});
  EXPECT_THAT(load_all(*open(folder))[0].values, ElementsAre(0.5F, -2.0F));
}

TEST(Npy, BytesAreScaledAndFloatsAreNot) {
  const TempDir bytes;
  write_pair(bytes, npy_bytes("'|u1'", "(1, 2)", raw<std::uint8_t>({255, 51})), {0});
  EXPECT_THAT(load_all(*open(bytes))[0].values,
              ElementsAre(testing::FloatEq(1), testing::FloatEq(0.2F)));
  const TempDir floats;
  write_pair(floats, npy_bytes("'<f4'", "(1, 2)", raw<float>({255, 51})), {0});
  EXPECT_THAT(load_all(*open(floats))[0].values, ElementsAre(255, 51));
}

std::vector<std::int64_t> shape_of(const std::string& shape, std::size_t elements,
                                   const std::string& toml) {
  const TempDir folder;
  write_pair(folder, npy_bytes("'<f4'", shape, raw(ascending<float>(elements))), {0, 1});
  write_file(folder / "dataset.toml", toml);
  return open(folder)->sample_shape();
}

TEST(Npy, ShapesFollowTheRank) {
  EXPECT_THAT(shape_of("(2,)", 2, ""), ElementsAre(1));
  EXPECT_THAT(shape_of("(2, 5)", 10, ""), ElementsAre(5));
  EXPECT_THAT(shape_of("(2, 4, 5)", 40, ""), ElementsAre(1, 4, 5));
  EXPECT_THAT(shape_of("(2, 4, 5)", 40, "layout = 'NHWC'"), ElementsAre(4, 5, 1));
  EXPECT_THAT(shape_of("(2, 4, 5)", 40, "layout = 'stored'"), ElementsAre(4, 5));
  EXPECT_THAT(shape_of("(2, 4, 5)", 40, "flatten = true"), ElementsAre(20));
  EXPECT_THAT(shape_of("(2, 3, 8, 9)", 432, ""), ElementsAre(3, 8, 9));
  EXPECT_THAT(shape_of("(2, 8, 9, 3)", 432, ""), ElementsAre(3, 8, 9));
  EXPECT_THAT(shape_of("(2, 8, 9, 3)", 432, "layout = 'NHWC'"), ElementsAre(8, 9, 3));
  EXPECT_THAT(shape_of("(2, 8, 9, 3)", 432, "stored_layout = 'NCHW'"), ElementsAre(8, 9, 3));
  EXPECT_THAT(shape_of("(2, 8, 9, 3)", 432, "layout = 'stored'"), ElementsAre(8, 9, 3));
  EXPECT_THAT(shape_of("(2, 6, 6, 6)", 432, ""), ElementsAre(6, 6, 6));
  EXPECT_THAT(shape_of("(2, 2, 3, 2, 2)", 48, ""), ElementsAre(2, 3, 2, 2));
}

TEST(Npy, InterleavedChannelsAreSeparated) {
  const TempDir folder;
  write_pair(folder, npy_bytes("'<f4'", "(1, 2, 5, 3)", raw(ascending<float>(30))), {0});
  write_file(folder / "dataset.toml", "stored_layout = 'NHWC'");
  const auto data = open(folder);
  EXPECT_THAT(data->sample_shape(), ElementsAre(3, 2, 5));
  const auto values = load_all(*data)[0].values;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(values[c * 10 + i], static_cast<float>(i * 3 + c));
    }
  }
}

TEST(Npy, FeaturesMayBeNormalisedEach) {
  const TempDir folder;
  write_pair(folder, npy_bytes("'<f4'", "(1, 3)", raw<float>({1, 2, 3})), {0});
  write_file(folder / "dataset.toml", "mean = [1, 1, 1]\nstd = [1, 2, 4]\n");
  EXPECT_THAT(load_all(*open(folder))[0].values, ElementsAre(0, 0.5F, 0.5F));
  write_file(folder / "dataset.toml", "mean = [1, 1]\n");
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, ErrorCode::kUsage);
  EXPECT_THAT(message, HasSubstr("mean has 2 values, but samples have 3 channels"));
  write_file(folder / "dataset.toml", "resize = 3\n");
  EXPECT_THAT(error_of_data({folder.path(), {}}).second, HasSubstr("for pictures"));
}

TEST(Npy, LabelsMayBeAColumnOfAnyInteger) {
  const std::string samples = npy_bytes("'<f4'", "(2, 1)", raw<float>({1, 2}));
  const std::vector<std::string> files = {
      npy_bytes("'|u1'", "(2,)", raw<std::uint8_t>({200, 3})),
      npy_bytes("'<i2'", "(2, 1)", raw<std::int16_t>({200, 3})),
      npy_bytes("'<u8'", "(2, 1)", raw<std::uint64_t>({200, 3})),
      npy_bytes("'<i4'", "(2,)", raw<std::int32_t>({200, 3}))};
  for (const std::string& labels : files) {
    const TempDir folder;
    write_file(folder / "x_train.npy", samples);
    write_file(folder / "y_train.npy", labels);
    const auto data = open(folder);
    EXPECT_EQ(data->classes(), 201);
    EXPECT_EQ(load_all(*data)[0].label, 200);
    EXPECT_EQ(load_all(*data)[1].label, 3);
  }
}

TEST(Npy, PairsHaveSeveralNames) {
  const std::string one = npy_bytes("'<f4'", "(1, 1)", raw<float>({1}));
  const std::vector<std::array<std::string, 3>> pairs = {
      {"x_train", "y_train", "train"},           {"X_train", "y_train", "train"},
      {"train_images", "train_labels", "train"}, {"x_test", "y_test", "test"},
      {"test_images", "test_labels", "test"},    {"images", "labels", "both"}};
  for (const auto& [samples, labels, split] : pairs) {
    const TempDir folder;
    write_file(folder / (samples + ".npy"), one);
    write_file(folder / (labels + ".npy"), labels_npy({0}));
    if (split != "test") {
      EXPECT_EQ(open(folder, Split::kTrain)->size(), 1U);
    }
    if (split != "train") {
      EXPECT_EQ(open(folder, Split::kTest)->size(), 1U);
    }
    if (split == "train") {
      EXPECT_EQ(error_of_data({folder.path(), {}}, Split::kTest).first, ErrorCode::kFile);
    }
  }
}

TEST(Npy, MayBeNamedInDatasetToml) {
  const TempDir folder;
  write_file(folder / "features.npy", npy_bytes("'<f4'", "(1, 1)", raw<float>({7})));
  write_file(folder / "targets.npy", labels_npy({4}));
  write_file(folder / "dataset.toml", "test = 'features.npy'\n");
  EXPECT_THAT(error_of_data({folder.path(), {}}, Split::kTest).second, HasSubstr("labels"));
  write_file(folder / "dataset.toml", "test = 'features.npy'\nlabels = 'targets.npy'\n");
  EXPECT_EQ(load_all({folder.path(), {}}, Split::kTest)[0].label, 4);
}

struct BrokenNpy {
  std::string what;
  std::string samples;
  std::string labels;
  ErrorCode code;
  std::string message;
};

class NpyRefused : public testing::TestWithParam<BrokenNpy> {};

TEST_P(NpyRefused, AndTheFileIsNamed) {
  const BrokenNpy& broken = GetParam();
  const TempDir folder;
  write_file(folder / "x_train.npy", broken.samples);
  write_file(folder / "y_train.npy", broken.labels);
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, broken.code) << message;
  EXPECT_THAT(message, HasSubstr(broken.message));
  EXPECT_THAT(message, HasSubstr("_train.npy"));

  const TempDir archive;
  write_zip(archive / "data.npz",
            {{"x_train.npy", broken.samples, true}, {"y_train.npy", broken.labels, false}});
  EXPECT_EQ(error_of_data({archive / "data.npz", {}}).first, broken.code);
}

const std::string kFour = raw<float>({1, 2, 3, 4});
const std::string kSound = npy_bytes("'<f4'", "(2, 2)", kFour);
const std::string kTwo = labels_npy({0, 1});

std::string with_header(const std::string& header) {
  const auto size = static_cast<char>(header.size());
  return std::string("\x93NUMPY\x01\x00", 8) + size + std::string(1, '\0') + header + kFour;
}

INSTANTIATE_TEST_SUITE_P(
    All, NpyRefused,
    testing::Values(
        BrokenNpy{"Truncated", kSound.substr(0, kSound.size() - 1), kTwo, ErrorCode::kCorrupt,
                  "truncated"},
        BrokenNpy{"Trailing", kSound + "x", kTwo, ErrorCode::kCorrupt, "announces"},
        BrokenNpy{"Empty", "", kTwo, ErrorCode::kCorrupt, "magic"},
        BrokenNpy{"Magic", with_first_byte(kSound, 'x'), kTwo, ErrorCode::kCorrupt, "magic"},
        BrokenNpy{"NoHeader", kSound.substr(0, 20), kTwo, ErrorCode::kCorrupt, "header"},
        BrokenNpy{"Version", std::string("\x93NUMPY\x09", 7) + kSound.substr(7), kTwo,
                  ErrorCode::kUnsupported, "version 9"},
        BrokenNpy{"Fortran", npy_bytes("'<f4'", "(2, 2)", kFour, true), kTwo,
                  ErrorCode::kUnsupported, "Fortran"},
        BrokenNpy{"BigEndian", npy_bytes("'>f4'", "(2, 2)", kFour), kTwo, ErrorCode::kUnsupported,
                  ">f4"},
        BrokenNpy{"Structured", npy_bytes("[('a', '<f4')]", "(2, 2)", kFour), kTwo,
                  ErrorCode::kUnsupported, "structured"},
        BrokenNpy{"Objects", npy_bytes("'|O'", "(2, 2)", kFour), kTwo, ErrorCode::kUnsupported,
                  "|O"},
        BrokenNpy{"Mismatch", npy_bytes("'<f4'", "(4, 1)", kFour), kTwo, ErrorCode::kCorrupt,
                  "4 samples"},
        BrokenNpy{"NoSamples", npy_bytes("'<f4'", "(0, 2)", ""), kTwo, ErrorCode::kCorrupt,
                  "no samples"},
        BrokenNpy{"Scalar", npy_bytes("'<f4'", "()", raw<float>({1})), kTwo, ErrorCode::kCorrupt,
                  "no samples"},
        BrokenNpy{"Overflow", npy_bytes("'<f4'", "(4294967296, 4294967296)", kFour), kTwo,
                  ErrorCode::kCorrupt, "impossible"},
        BrokenNpy{"OverflowBytes", npy_bytes("'<f4'", "(4611686018427387904,)", kFour), kTwo,
                  ErrorCode::kCorrupt, "impossible"},
        BrokenNpy{"BeyondInt64", npy_bytes("'<f4'", "(99999999999999999999,)", kFour), kTwo,
                  ErrorCode::kCorrupt, "header"},
        BrokenNpy{"Negative", npy_bytes("'<f4'", "(-2, 2)", kFour), kTwo, ErrorCode::kCorrupt,
                  "header"},
        BrokenNpy{"NoShape", with_header("{'descr': '<f4', 'fortran_order': False}"), kTwo,
                  ErrorCode::kCorrupt, "header"},
        BrokenNpy{"UnknownKey", with_header("{'other': '<f4'}"), kTwo, ErrorCode::kCorrupt,
                  "header"},
        BrokenNpy{"Unclosed", with_header("{'descr': '<f4', 'shape': (2, 2"), kTwo,
                  ErrorCode::kCorrupt, "header"},
        BrokenNpy{"FloatLabels", kSound, npy_bytes("'<f4'", "(2,)", raw<float>({0, 1})),
                  ErrorCode::kUnsupported, "whole numbers"},
        BrokenNpy{"OneHotLabels", kSound,
                  npy_bytes("'|u1'", "(2, 2)", raw<std::uint8_t>({0, 1, 1, 0})),
                  ErrorCode::kUnsupported, "whole numbers"},
        BrokenNpy{"NegativeLabel", kSound, labels_npy({0, -1}), ErrorCode::kCorrupt, "label -1"},
        BrokenNpy{"HugeLabel", kSound, labels_npy({std::int64_t{1} << 40, 0}), ErrorCode::kCorrupt,
                  "label 1099511627776"}),
    [](const auto& test) { return test.param.what; });

TEST(Npy, HugeShapesTakeNoMemory) {
  const TempDir folder;
  const std::string huge = npy_bytes("'<f4'", "(1000000, 1000000)", kFour);
  write_pair(folder, huge, {0});
  write_zip(folder / "data.npz", {{"x_train.npy", huge, true}, {"y_train.npy", kTwo, true}});
  const test::HeapMeter heap;
  EXPECT_EQ(error_of_data({folder.path(), {}}).first, ErrorCode::kCorrupt);
  EXPECT_EQ(error_of_data({folder / "data.npz", {}}).first, ErrorCode::kCorrupt);
  EXPECT_LT(heap.peak(), std::size_t{40} << 20);
}

TEST(Npz, HoldsTheSamePairs) {
  for (const bool deflated : {false, true}) {
    const TempDir folder;
    write_zip(folder / "mnist.npz",
              {{"x_train.npy", kSound, deflated},
               {"y_train.npy", kTwo, deflated},
               {"x_test.npy", npy_bytes("'<f4'", "(1, 2)", raw<float>({7, 8})), deflated},
               {"y_test.npy", labels_npy({1}), deflated}});
    for (const fs::path& path : {folder.path(), folder / "mnist.npz"}) {
      const auto train = open_dataset({path, {}}, Split::kTrain);
      EXPECT_EQ(train->size(), 2U);
      EXPECT_THAT(train->description(), HasSubstr("mnist.npz"));
      EXPECT_THAT(load_all(*train)[1].values, ElementsAre(3, 4));
      EXPECT_THAT(load_all({path, {}}, Split::kTest)[0].values, ElementsAre(7, 8));
    }
  }
}

TEST(Npz, MayBeOnePerSplit) {
  const TempDir folder;
  write_zip(folder / "train.npz", {{"x.npy", kSound}, {"y.npy", kTwo}});
  write_zip(folder / "test.npz", {{"images.npy", kSound}, {"labels.npy", labels_npy({5, 5})}});
  EXPECT_EQ(load_all({folder.path(), {}}, Split::kTrain)[0].label, 0);
  EXPECT_EQ(load_all({folder.path(), {}}, Split::kTest)[0].label, 5);
}

TEST(Npz, IncompleteOnesAreRefused) {
  const TempDir folder;
  write_zip(folder / "a.npz", {{"x_train.npy", kSound}, {"z.npy", kTwo}});
  EXPECT_THAT(error_of_data({folder / "a.npz", {}}).second, HasSubstr("no member y_train.npy"));
  const auto [code, message] = error_of_data({folder / "a.npz", {}}, Split::kTest);
  EXPECT_EQ(code, ErrorCode::kFile);
  EXPECT_THAT(message, HasSubstr("x_test"));
}

TEST(Npz, DamageIsFound) {
  const TempDir folder;
  const fs::path path = folder / "data.npz";
  write_zip(path, {{"x_train.npy", kSound, false}, {"y_train.npy", kTwo, true}});
  const std::string whole = harness::read_file(path);
  std::string flipped = whole;
  const std::size_t payload = whole.find(kFour);
  ASSERT_NE(payload, std::string::npos);
  flipped[payload] = static_cast<char>(flipped[payload] ^ 1);
  write_file(path, flipped);
  const auto [code, message] = error_of_data({path, {}});
  EXPECT_EQ(code, ErrorCode::kCorrupt);
  EXPECT_THAT(message, HasSubstr("x_train.npy in " + path.string()));
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    write_file(path, whole.substr(0, size));
    EXPECT_EQ(error_of_data({path, {}}).first, ErrorCode::kCorrupt) << size;
  }
}

}  // namespace
}  // namespace qc
