// Small files that would take much memory: one limit and one message for every kind of data set,
// and no more memory than what is read needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/blob.h"
#include "data_files.h"
#include "harness.h"
#include "heap_meter.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::TempDir;
using harness::write_file;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::size_t kMegabyte = std::size_t{1} << 20;
const std::string kTwoLabels = npy_bytes("'|u1'", "(2,)", std::string("\0\1", 2));

void expect_beyond_limit(const fs::path& data, const std::string& name) {
  SCOPED_TRACE(name);
  const test::HeapMeter heap;
  const auto [code, message] = error_of_data({data, {}});
  EXPECT_EQ(code, ErrorCode::kLimit) << message;
  EXPECT_THAT(message, AllOf(HasSubstr(name), HasSubstr("1073741824 bytes of memory")));
  EXPECT_LT(heap.peak(), 4 * kMegabyte);
}

TEST(DataMemory, WhatDecompressesBeyondTheLimitIsRefused) {
  const TempDir folder;
  fs::create_directory(folder / "idx");
  write_file(folder / "idx/train-labels-idx1-ubyte", idx_bytes({2}, std::string("\0\1", 2)));
  write_file(folder / "idx/train-images-idx3-ubyte.gz",
             gzip(idx_bytes({2, 30000, 30000}, std::string(kMegabyte, '\0'))));
  expect_beyond_limit(folder / "idx", "train-images-idx3-ubyte.gz");

  const std::string samples = npy_bytes("'|u1'", "(2, 900000000)", std::string(kMegabyte, '\0'));
  write_zip(folder / "data.npz", {{"x_train.npy", samples, true}, {"y_train.npy", kTwoLabels}});
  expect_beyond_limit(folder / "data.npz", "x_train.npy in");
}

TEST(DataMemory, LabelsBeyondTheLimitAreRefused) {
  const TempDir folder;
  const std::uint32_t count = 200'000'000;
  fs::create_directory(folder / "idx");
  write_file(folder / "idx/train-labels-idx1-ubyte.gz", gzip(idx_bytes({count}, "")));
  write_file(folder / "idx/train-images-idx3-ubyte.gz", gzip(idx_bytes({count, 1, 1}, "")));
  expect_beyond_limit(folder / "idx", "train-labels-idx1-ubyte.gz");

  write_zip(folder / "data.npz", {{"x_train.npy", npy_bytes("'|u1'", "(200000000,)", ""), true},
                                  {"y_train.npy", npy_bytes("'|u1'", "(200000000,)", ""), true}});
  expect_beyond_limit(folder / "data.npz", "y_train.npy in");
}

// Zeros without end.
class Zeros final : public Inflow {
 public:
  explicit Zeros(std::uint64_t size) : left_(size) {}
  std::size_t read(MutableBytes to) override {
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), left_));
    std::fill_n(to.begin(), some, std::uint8_t{0});
    left_ -= some;
    return some;
  }

 private:
  std::uint64_t left_;
};

TEST(DataMemory, WhatIsReadIsNotCopiedAgainAndAgain) {
  const std::uint64_t size = 300 * kMegabyte;
  Zeros zeros(size);
  const test::HeapMeter heap;
  const Bytes bytes = read_announced(zeros, "zeros", 1, [&](ByteView) { return size; });
  EXPECT_EQ(bytes.size(), size);
  EXPECT_LT(heap.peak(), 400 * kMegabyte);
}

TEST(DataMemory, ALargeFileMayTakeAsMuchAsItIs) {
  Zeros none(0);
  const std::uint64_t size = 3 * kMaxInMemory;
  const auto code_of = [&](std::uint64_t stored) {
    return error_of([&] { read_announced(none, "none", stored, [&](ByteView) { return size; }); })
        .first;
  };
  EXPECT_EQ(code_of(size), ErrorCode::kCorrupt);  // truncated
  EXPECT_EQ(code_of(size - 1), ErrorCode::kLimit);
}

// Holes take no room on the disk, and all of the memory when they are read.
TEST(DataMemory, AHugeLabelFileIsRefused) {
  const TempDir folder;
  write_file(folder / "a.png", png_bytes({1, 1, "x"}, PngKind::kGrey));
  write_file(folder / "labels.csv", "a.png,0\n");
  std::filesystem::resize_file(folder / "labels.csv", kMaxInMemory + 1);
  const auto [code, message] = error_of_data({folder.path(), {}});
  EXPECT_EQ(code, ErrorCode::kLimit);
  EXPECT_THAT(message, testing::HasSubstr("labels.csv"));
}

TEST(DataMemory, ALabelFileTakesLittleMoreThanItsSize) {
  const TempDir folder;
  write_file(folder / "a.png", png_bytes({1, 1, "x"}, PngKind::kGrey));
  std::string text;
  constexpr std::size_t kLines = 100'000;
  for (std::size_t i = 0; i < kLines; ++i) text += "a.png,0\n";
  write_file(folder / "labels.csv", text);
  const test::HeapMeter heap;
  EXPECT_EQ(open_dataset({folder.path(), {}}, Split::kTrain)->size(), kLines);
  EXPECT_LT(heap.peak(), 8 * text.size());
}

}  // namespace
}  // namespace qc
