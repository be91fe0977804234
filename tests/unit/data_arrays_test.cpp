// idx and CIFAR files: what is read of sound ones, and how broken ones are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
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

std::string counting(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(i % 256));
  return bytes;
}

// Three 2x2 pictures of the values 0 to 11 with the labels 2, 0, 1.
const std::string kImages = idx_bytes({3, 2, 2}, counting(12));
const std::string kLabels = idx_bytes({3}, std::string("\x02\x00\x01", 3));

void write_idx(const TempDir& folder, const std::string& split, const std::string& images,
               const std::string& labels) {
  write_file(folder / (split + "-images-idx3-ubyte"), images);
  write_file(folder / (split + "-labels-idx1-ubyte"), labels);
}

void expect_three(const Dataset& data) {
  EXPECT_THAT(data.sample_shape(), ElementsAre(1, 2, 2));
  EXPECT_EQ(data.classes(), 3);
  EXPECT_FALSE(data.slow_to_load());
  const auto samples = load_all(data);
  ASSERT_EQ(samples.size(), 3U);
  const std::vector<std::int64_t> labels = {2, 0, 1};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(samples[i].label, labels[i]);
    for (std::size_t k = 0; k < 4; ++k) {
      EXPECT_FLOAT_EQ(samples[i].values[k], static_cast<float>(4 * i + k) / 255);
    }
  }
}

TEST(Idx, IsReadPlainAndCompressed) {
  const TempDir plain;
  write_idx(plain, "train", kImages, kLabels);
  expect_three(*open_dataset({plain.path(), {}}, Split::kTrain));

  const TempDir compressed;
  write_file(compressed / "train-images-idx3-ubyte.gz", gzip(kImages));
  write_file(compressed / "train-labels-idx1-ubyte.gz", gzip(kLabels));
  const auto data = open_dataset({compressed.path(), {}}, Split::kTrain);
  expect_three(*data);
  EXPECT_THAT(data->description(), HasSubstr("idx files in " + compressed.path().string()));
}

TEST(Idx, OfSeveralGzipMembersIsOne) {
  const TempDir folder;
  write_file(folder / "train-images-idx3-ubyte.gz",
             gzip(kImages.substr(0, 5)) + gzip("") + gzip(kImages.substr(5)));
  write_file(folder / "train-labels-idx1-ubyte", kLabels);
  expect_three(*open_dataset({folder.path(), {}}, Split::kTrain));
}

TEST(Idx, HasTwoSplits) {
  for (const char* name : {"t10k", "test"}) {
    const TempDir folder;
    write_idx(folder, "train", kImages, kLabels);
    write_idx(folder, name, idx_bytes({1, 2, 2}, counting(4)), idx_bytes({1}, "\x01"));
    EXPECT_EQ(open_dataset({folder.path(), {}}, Split::kTrain)->size(), 3U);
    EXPECT_EQ(open_dataset({folder.path(), {}}, Split::kTest)->size(), 1U);
  }
}

TEST(Idx, OfFourDimensionsHasChannels) {
  const TempDir folder;
  write_file(folder / "train-images-idx4-ubyte", idx_bytes({2, 3, 1, 2}, counting(12)));
  write_file(folder / "train-labels-idx1-ubyte", idx_bytes({2}, std::string("\0\1", 2)));
  const auto data = open_dataset({folder.path(), {}}, Split::kTrain);
  EXPECT_THAT(data->sample_shape(), ElementsAre(3, 1, 2));
  EXPECT_FLOAT_EQ(load_all(*data)[1].values[5], 11.0F / 255);
}

TEST(Idx, MayBeNamedInDatasetToml) {
  const TempDir folder;
  write_file(folder / "emnist-letters-images-idx3-ubyte", kImages);
  write_file(folder / "emnist-letters-labels-idx1-ubyte", kLabels);
  write_file(folder / "dataset.toml", "train = 'emnist-letters-images-idx3-ubyte'\n");
  expect_three(*open_dataset({folder.path(), {}}, Split::kTrain));
  write_file(folder / "dataset.toml", "train = 'other-images-idx3-ubyte'\n");
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, ErrorCode::kFile);
  EXPECT_THAT(message, HasSubstr("other-images-idx3-ubyte"));
}

struct BrokenIdx {
  std::string what;
  std::string images;
  std::string labels;
  ErrorCode code;
  std::string message;
};

class IdxRefused : public testing::TestWithParam<BrokenIdx> {};

TEST_P(IdxRefused, AndTheFileIsNamed) {
  const BrokenIdx& broken = GetParam();
  const std::string file = broken.images == kImages ? "labels-idx1" : "images-idx3";
  const TempDir plain;
  write_idx(plain, "train", broken.images, broken.labels);
  const auto [code, message] = error_of_data({plain.path(), {}});
  EXPECT_EQ(code, broken.code) << message;
  EXPECT_THAT(message, HasSubstr(broken.message));
  EXPECT_THAT(message, HasSubstr((plain / "train").string()));
  EXPECT_THAT(message, HasSubstr(file));

  const TempDir compressed;
  write_file(compressed / "train-images-idx3-ubyte.gz", gzip(broken.images));
  write_file(compressed / "train-labels-idx1-ubyte.gz", gzip(broken.labels));
  EXPECT_EQ(error_of_data({compressed.path(), {}}).first, broken.code);
}

INSTANTIATE_TEST_SUITE_P(
    All, IdxRefused,
    testing::Values(
        BrokenIdx{"Truncated", kImages.substr(0, kImages.size() - 1), kLabels, ErrorCode::kCorrupt,
                  "truncated"},
        BrokenIdx{"TruncatedLabels", kImages, kLabels.substr(0, kLabels.size() - 1),
                  ErrorCode::kCorrupt, "truncated"},
        BrokenIdx{"Trailing", kImages + "x", kLabels, ErrorCode::kCorrupt, "announces"},
        BrokenIdx{"TrailingLabels", kImages, kLabels + "x", ErrorCode::kCorrupt, "announces"},
        BrokenIdx{"Empty", "", kLabels, ErrorCode::kCorrupt, "magic"},
        BrokenIdx{"Magic", with_first_byte(kImages, 1), kLabels, ErrorCode::kCorrupt, "magic"},
        BrokenIdx{"NoHeader", kImages.substr(0, 7), kLabels, ErrorCode::kCorrupt, "header"},
        BrokenIdx{"Floats", std::string("\0\0\x0d\3", 4) + kImages.substr(4), kLabels,
                  ErrorCode::kUnsupported, "0x0d"},
        BrokenIdx{"LabelsAsImages", kLabels, kLabels, ErrorCode::kCorrupt, "1 dimensions"},
        BrokenIdx{"ImagesAsLabels", kImages, kImages, ErrorCode::kCorrupt, "3 dimensions"},
        BrokenIdx{"Mismatch", idx_bytes({2, 2, 2}, counting(8)), kLabels, ErrorCode::kCorrupt,
                  "holds 2 samples"},
        BrokenIdx{"NoSamples", idx_bytes({0, 2, 2}, ""), kLabels, ErrorCode::kCorrupt,
                  "no samples"},
        BrokenIdx{"Overflow", idx_bytes({0xffffffff, 0xffffffff, 0xffffffff}, counting(12)),
                  kLabels, ErrorCode::kCorrupt, "impossible"}),
    [](const auto& test) { return test.param.what; });

TEST(Idx, EveryTruncatedPrefixIsRefused) {
  const TempDir folder;
  for (const bool compressed : {false, true}) {
    const std::string whole = compressed ? gzip(kImages) : kImages;
    const fs::path images =
        folder / (compressed ? "train-images-idx3-ubyte.gz" : "train-images-idx3-ubyte");
    write_file(folder / "train-labels-idx1-ubyte", kLabels);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      write_file(images, whole.substr(0, size));
      const auto [code, message] = error_of_data({folder.path(), {}});
      EXPECT_EQ(code, ErrorCode::kCorrupt) << size << message;
      EXPECT_THAT(message, HasSubstr(images.string()));
    }
    fs::remove(images);
  }
}

TEST(Idx, DamagedGzipIsRefused) {
  const TempDir folder;
  write_file(folder / "train-labels-idx1-ubyte", kLabels);
  std::string damaged = gzip(kImages);
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);
  for (const std::string& bytes : {damaged, gzip(kImages) + "trailing", std::string("no gzip")}) {
    write_file(folder / "train-images-idx3-ubyte.gz", bytes);
    EXPECT_EQ(error_of_data({folder.path(), {}}).first, ErrorCode::kCorrupt);
  }
}

TEST(Idx, AHeaderOfManyGigabytesTakesNoMemory) {
  const TempDir folder;
  const std::string huge = idx_bytes({60000, 60000, 60000}, counting(100));
  for (const bool compressed : {false, true}) {
    write_file(folder / "train-labels-idx1-ubyte", kLabels);
    write_file(folder / (compressed ? "train-images-idx3-ubyte.gz" : "train-images-idx3-ubyte"),
               compressed ? gzip(huge) : huge);
    const test::HeapMeter heap;
    EXPECT_EQ(error_of_data({folder.path(), {}}).first, ErrorCode::kCorrupt);
    EXPECT_LT(heap.peak(), std::size_t{40} << 20);
    fs::remove(folder / "train-images-idx3-ubyte");
  }
}

TEST(Idx, MoreThanAnnouncedIsNotInflated) {
  const TempDir folder;
  write_file(folder / "train-labels-idx1-ubyte", kLabels);
  write_file(folder / "train-images-idx3-ubyte.gz", gzip(kImages + std::string(200 << 20, 'x')));
  const test::HeapMeter heap;
  EXPECT_EQ(error_of_data({folder.path(), {}}).first, ErrorCode::kCorrupt);
  EXPECT_LT(heap.peak(), std::size_t{4} << 20);
}

TEST(Idx, WithoutLabelsIsRefused) {
  const TempDir folder;
  write_file(folder / "train-images-idx3-ubyte", kImages);
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, ErrorCode::kFile);
  EXPECT_THAT(message, HasSubstr("labels-idx1-ubyte"));
}

TEST(Idx, LabelsBeyondTheConfiguredClassesAreRefused) {
  const TempDir folder;
  write_idx(folder, "train", kImages, kLabels);
  write_file(folder / "dataset.toml", "classes = 2\n");
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, ErrorCode::kCorrupt);
  EXPECT_THAT(message, HasSubstr("label 2 of sample 0"));
  write_file(folder / "dataset.toml", "classes = 12\n");
  EXPECT_EQ(open_dataset({folder.path(), {}}, Split::kTrain)->classes(), 12);
}

std::string cifar_record(std::initializer_list<char> labels, char base) {
  std::string record(labels);
  for (int i = 0; i < 3072; ++i) record.push_back(static_cast<char>(base + i / 1024));
  return record;
}

TEST(Cifar, TenClassesLieInBatches) {
  const TempDir folder;
  write_file(folder / "data_batch_1.bin", cifar_record({9}, 10) + cifar_record({3}, 20));
  write_file(folder / "data_batch_2.bin.gz", gzip(cifar_record({0}, 30)));
  write_file(folder / "test_batch.bin", cifar_record({1}, 40));
  const auto data = open_dataset({folder.path(), {}}, Split::kTrain);
  EXPECT_THAT(data->sample_shape(), ElementsAre(3, 32, 32));
  EXPECT_EQ(data->classes(), 10);
  EXPECT_THAT(data->description(), HasSubstr("CIFAR-10"));
  const auto samples = load_all(*data);
  ASSERT_EQ(samples.size(), 3U);
  const std::vector<std::int64_t> labels = {9, 3, 0};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(samples[i].label, labels[i]);
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_FLOAT_EQ(samples[i].values[c * 1024 + 7], static_cast<float>(10 * i + 10 + c) / 255);
    }
  }
  EXPECT_EQ(load_all({folder.path(), {}}, Split::kTest)[0].label, 1);
}

TEST(Cifar, AHundredClassesHaveTwoLabels) {
  const TempDir folder;
  write_file(folder / "train.bin", cifar_record({19, 99}, 10));
  write_file(folder / "test.bin", cifar_record({1, 5}, 40));
  const auto data = open_dataset({folder.path(), {}}, Split::kTrain);
  EXPECT_EQ(data->classes(), 100);
  EXPECT_EQ(load_all(*data)[0].label, 99);
  EXPECT_FLOAT_EQ(load_all(*data)[0].values[0], 10.0F / 255);
  EXPECT_EQ(load_all({folder.path(), {}}, Split::kTest)[0].label, 5);
}

TEST(Cifar, BrokenFilesAreRefused) {
  const TempDir folder;
  const fs::path file = folder / "data_batch_1.bin";
  for (const std::string& bytes : {std::string(), cifar_record({1}, 0) + "x",
                                   cifar_record({1}, 0).substr(1), cifar_record({10}, 0)}) {
    write_file(file, bytes);
    const auto [code, message] = error_of_data({folder.path(), {}});
    EXPECT_EQ(code, ErrorCode::kCorrupt);
    EXPECT_THAT(message, HasSubstr(file.string()));
  }
}

TEST(OpenDataset, ListsWhatIsUnderstoodWhereNothingIs) {
  const TempDir folder;
  write_file(folder / "notes.txt", "nothing");
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const auto [code, message] = error_of_data({folder.path(), {}}, split);
    EXPECT_EQ(code, ErrorCode::kFile);
    for (const char* known : {"idx", "CIFAR", "NumPy", "npz", "labels.csv", "CLASS"}) {
      EXPECT_THAT(message, HasSubstr(known));
    }
  }
  EXPECT_EQ(error_of_data({folder / "absent", {}}).first, ErrorCode::kFile);
  EXPECT_EQ(error_of_data({folder / "notes.txt", {}}).first, ErrorCode::kFile);
}

}  // namespace
}  // namespace qc
