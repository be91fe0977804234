// The drawn digits of samples/make_digits: the same everywhere, and worth learning from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data_files.h"
#include "harness.h"

namespace qc {
namespace {

using harness::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

void make_digits(const TempDir& folder, const std::vector<std::string>& options) {
  std::vector<std::string> args = {folder.path().string()};
  args.insert(args.end(), options.begin(), options.end());
  harness::RunOptions how;
  how.program = harness::make_digits();
  const auto result = harness::run(args, how);
  ASSERT_EQ(result.exit_code, 0) << result.err;
}

std::uint64_t checksum(const std::string& bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

TEST(Digits, AreTheSameOnEveryMachine) {
  const TempDir folder;
  make_digits(folder, {});
  EXPECT_THAT(harness::list_files(folder.path()),
              ElementsAre("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
                          "train-images-idx3-ubyte", "train-labels-idx1-ubyte"));
  EXPECT_EQ(checksum(harness::read_file(folder / "train-images-idx3-ubyte")), 0xdd61a29dd4b63b73U);
  EXPECT_EQ(checksum(harness::read_file(folder / "train-labels-idx1-ubyte")), 0xb2177e5d48d8f3e7U);
  EXPECT_EQ(checksum(harness::read_file(folder / "t10k-images-idx3-ubyte")), 0x46fc3469f98209bbU);
  EXPECT_EQ(checksum(harness::read_file(folder / "t10k-labels-idx1-ubyte")), 0x91803ef46a8c8ad4U);
}

TEST(Digits, DependOnTheSeedAndNotOnTheNumber) {
  const TempDir few;
  const TempDir more;
  const TempDir other;
  make_digits(few, {"--train", "20", "--test", "10", "--seed", "7"});
  make_digits(more, {"--train", "40", "--test", "10", "--seed", "7"});
  make_digits(other, {"--train", "20", "--test", "10", "--seed", "8"});
  const auto digits = [](const TempDir& folder, Split split) {
    std::vector<std::vector<float>> values;
    for (auto& sample : load_all({folder.path(), {}}, split)) values.push_back(sample.values);
    return values;
  };
  auto first = digits(more, Split::kTrain);
  first.resize(20);
  EXPECT_EQ(first, digits(few, Split::kTrain));
  EXPECT_NE(first, digits(other, Split::kTrain));
  EXPECT_EQ(digits(few, Split::kTest), digits(more, Split::kTest));
}

// Nearest neighbours tell most digits, so the pictures show what their labels say; but not all.
TEST(Digits, AreLearnable) {
  const TempDir folder;
  make_digits(folder, {"--train", "1500", "--test", "300"});
  const auto train = load_all({folder.path(), {}}, Split::kTrain);
  const auto test = load_all({folder.path(), {}}, Split::kTest);
  std::set<std::vector<float>> distinct;
  std::array<std::size_t, 10> counts{};
  for (const Sample& sample : train) {
    distinct.insert(sample.values);
    ++counts.at(static_cast<std::size_t>(sample.label));
  }
  EXPECT_EQ(distinct.size(), train.size());
  EXPECT_GT(*std::ranges::min_element(counts), 100U);
  std::size_t right = 0;
  for (const Sample& sample : test) {
    float nearest = std::numeric_limits<float>::max();
    std::int64_t label = -1;
    for (const Sample& known : train) {
      float distance = 0;
      for (std::size_t i = 0; i < sample.values.size(); ++i) {
        const float gap = sample.values[i] - known.values[i];
        distance += gap * gap;
      }
      if (distance < nearest) {
        nearest = distance;
        label = known.label;
      }
    }
    if (label == sample.label) ++right;
  }
  EXPECT_GT(right, 255U);
  EXPECT_LT(right, 300U);
}

TEST(Digits, WrongArgumentsAreRefused) {
  harness::RunOptions how;
  how.program = harness::make_digits();
  EXPECT_EQ(harness::run({}, how).exit_code, 2);
  EXPECT_EQ(harness::run({"x", "--train", "0"}, how).exit_code, 2);
  const TempDir folder;
  harness::write_file(folder / "file", "");
  const auto result = harness::run({(folder / "file").string()}, how);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("make_digits: "));
}

}  // namespace
}  // namespace qc
