// Batches: the same whatever the timing, errors where they happened, and prompt endings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "core/error.h"
#include "data/batches.h"

namespace qc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Sample i is {i, 2 i} with label i % 7; some are broken, and loading may take a while.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::size_t count) : count_(count) {}

  std::size_t size() const noexcept override { return count_; }
  const std::vector<std::int64_t>& sample_shape() const noexcept override { return shape_; }
  std::int64_t classes() const noexcept override { return 7; }
  std::string description() const override { return "numbers"; }
  bool slow_to_load() const noexcept override { return parallel; }

  std::int64_t load(std::size_t index, std::span<float> sample) const override {
    ++loaded;
    if (broken.contains(index)) {
      throw Error(ErrorCode::kCorrupt, "sample " + std::to_string(index) + " is broken");
    }
    if (uneven) std::this_thread::sleep_for(std::chrono::microseconds(index * 37 % 11 * 50));
    sample[0] = static_cast<float>(index);
    sample[1] = 2 * static_cast<float>(index);
    return static_cast<std::int64_t>(index % 7);
  }

  std::set<std::size_t> broken;
  bool uneven = false;
  bool parallel = false;
  mutable std::atomic<std::size_t> loaded{0};

 private:
  std::size_t count_;
  std::vector<std::int64_t> shape_ = {2};
};

std::vector<std::size_t> read_back(BatchStream& stream, std::size_t batch_size, std::size_t count) {
  std::vector<std::size_t> order;
  Batch batch;
  while (stream.next(batch)) {
    EXPECT_EQ(batch.labels.size(), std::min(batch_size, count - order.size()));
    EXPECT_EQ(batch.inputs.size(), 2 * batch.labels.size());
    for (std::size_t i = 0; i < batch.labels.size(); ++i) {
      const auto index = static_cast<std::size_t>(batch.inputs[2 * i]);
      EXPECT_EQ(batch.inputs[2 * i + 1], 2 * batch.inputs[2 * i]);
      EXPECT_EQ(batch.labels[i], static_cast<std::int64_t>(index % 7));
      order.push_back(index);
    }
  }
  EXPECT_FALSE(stream.next(batch));
  return order;
}

TEST(BatchStream, GivesTheOrderThatItWasAskedForWhateverTheTiming) {
  for (const bool parallel : {false, true}) {
    for (const bool uneven : {false, true}) {
      for (const std::size_t batch_size : {1U, 3U, 8U, 200U}) {
        Numbers data(100);
        data.uneven = uneven;
        data.parallel = parallel;
        const auto order = shuffled(100, 5, 1);
        BatchStream stream(data, order, batch_size);
        EXPECT_EQ(read_back(stream, batch_size, order.size()), order);
      }
    }
  }
}

TEST(BatchStream, OfNothingEndsAtOnce) {
  const Numbers data(10);
  BatchStream stream(data, {}, 4);
  Batch batch;
  EXPECT_FALSE(stream.next(batch));
}

TEST(BatchStream, ThrowsAtTheBatchWhereTheErrorHappened) {
  for (const bool parallel : {false, true}) {
    Numbers data(100);
    data.parallel = parallel;
    data.broken = {45, 47, 90};
    BatchStream stream(data, in_order(100), 10);
    Batch batch;
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(stream.next(batch));
      EXPECT_EQ(batch.inputs[0], static_cast<float>(10 * i));
    }
    for (int again = 0; again < 2; ++again) {
      try {
        stream.next(batch);
        FAIL() << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
        EXPECT_THAT(error.what(), HasSubstr("sample 45 is broken"));
      }
    }
  }
}

TEST(BatchStream, WorksOnlySomeBatchesAhead) {
  const Numbers data(1000);
  BatchStream stream(data, in_order(1000), 10);
  Batch batch;
  ASSERT_TRUE(stream.next(batch));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_LE(data.loaded, 100U);
}

TEST(BatchStream, MayBeGivenUpAtAnyPoint) {
  Numbers data(1'000'000);
  for (const int taken : {0, 1, 3}) {
    for (const bool uneven : {false, true}) {
      data.uneven = uneven;
      data.loaded = 0;
      {
        // Loading this batch as a whole would take minutes.
        BatchStream stream(data, in_order(1'000'000), uneven ? 1'000'000 : 5);
        Batch batch;
        for (int i = 0; i < taken && !uneven; ++i) ASSERT_TRUE(stream.next(batch));
      }
      EXPECT_LT(data.loaded, data.size());
    }
  }
}

TEST(BatchStream, RefusesBatchesOfNothing) {
  const Numbers data(3);
  EXPECT_THROW(BatchStream(data, in_order(3), 0), Error);
}

TEST(Subset, IsPartOfTheWhole) {
  Numbers data(100);
  data.parallel = true;
  const Subset part(data, {5, 3, 99});
  EXPECT_EQ(part.size(), 3U);
  EXPECT_EQ(part.sample_shape(), data.sample_shape());
  EXPECT_EQ(part.classes(), 7);
  EXPECT_EQ(part.description(), "numbers");
  EXPECT_TRUE(part.slow_to_load());
  std::vector<float> sample(2);
  EXPECT_EQ(part.load(2, sample), 99 % 7);
  EXPECT_THAT(sample, ElementsAre(99, 198));
  EXPECT_THROW(part.load(3, sample), std::out_of_range);
}

// The draws are part of what makes runs repeatable, on any machine.
TEST(Shuffled, IsTheSameEverywhere) {
  EXPECT_THAT(shuffled(10, 1, 0), ElementsAre(0, 1, 6, 3, 9, 8, 5, 7, 4, 2));
  EXPECT_THAT(shuffled(10, 1, 1), ElementsAre(7, 9, 1, 3, 8, 0, 5, 4, 2, 6));
  EXPECT_THAT(hold_out(12, 4, 1).held_out, ElementsAre(0, 1, 3, 9));
}

TEST(Shuffled, PutsEverySampleEverywhereEquallyOften) {
  constexpr std::size_t kCount = 5;
  constexpr std::size_t kRounds = 20'000;
  std::array<std::array<double, kCount>, kCount> seen{};
  for (std::size_t epoch = 0; epoch < kRounds; ++epoch) {
    const auto order = shuffled(kCount, 9, epoch);
    for (std::size_t at = 0; at < kCount; ++at) ++seen[at][order[at]];
  }
  const double expected = static_cast<double>(kRounds) / kCount;
  for (const auto& row : seen) {
    for (const double times : row) EXPECT_NEAR(times, expected, 5 * 57);  // 5 deviations
  }
}

std::vector<std::size_t> sorted(std::vector<std::size_t> values) {
  std::ranges::sort(values);
  return values;
}

RC_GTEST_PROP(Shuffled, IsAPermutationOfItsSeedAndEpoch,
              (std::uint64_t seed, std::uint64_t epoch)) {
  const auto count = *rc::gen::inRange<std::size_t>(0, 300);
  const auto order = shuffled(count, seed, epoch);
  RC_ASSERT(sorted(order) == in_order(count));
  RC_ASSERT(shuffled(count, seed, epoch) == order);
  if (count >= 30) {
    RC_ASSERT(shuffled(count, seed + 1, epoch) != order);
    RC_ASSERT(shuffled(count, seed, epoch + 1) != order);
    RC_ASSERT(order != in_order(count));
  }
}

RC_GTEST_PROP(HoldOut, SplitsAllSamplesInTwo, (std::uint64_t seed)) {
  const auto count = *rc::gen::inRange<std::size_t>(0, 300);
  const auto held_out = *rc::gen::inRange<std::size_t>(0, count + 1);
  const HeldOut split = hold_out(count, held_out, seed);
  RC_ASSERT(split.held_out.size() == held_out);
  RC_ASSERT(std::ranges::is_sorted(split.kept));
  RC_ASSERT(std::ranges::is_sorted(split.held_out));
  std::vector<std::size_t> both = split.kept;
  both.insert(both.end(), split.held_out.begin(), split.held_out.end());
  RC_ASSERT(sorted(both) == in_order(count));
  RC_ASSERT(hold_out(count, held_out, seed).held_out == split.held_out);
}

TEST(HoldOut, DependsOnTheSeed) {
  EXPECT_NE(hold_out(1000, 100, 1).held_out, hold_out(1000, 100, 2).held_out);
  EXPECT_THROW(hold_out(3, 4, 1), Error);
}

}  // namespace
}  // namespace qc
