#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <vector>

#include "system/parallel.h"

namespace qc {
namespace {

const std::vector<unsigned> kThreads = {1, 2, 7};

TEST(ParallelFor, CallsTheBodyOnceForEveryIndex) {
  for (const unsigned threads : kThreads) {
    for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
      std::vector<std::atomic<int>> calls(count);
      parallel_for(count, threads, [&](std::size_t i) { ++calls[i]; });
      for (const auto& of_one : calls) EXPECT_EQ(of_one, 1);
    }
  }
}

TEST(ParallelFor, RethrowsAndCallsNoMore) {
  for (const unsigned threads : kThreads) {
    std::atomic<std::size_t> calls{0};
    const auto body = [&](std::size_t i) {
      ++calls;
      if (i == 3) throw std::runtime_error("the fourth");
    };
    EXPECT_THROW(parallel_for(1'000'000, threads, body), std::runtime_error);
    EXPECT_LT(calls, 1'000'000);
  }
}

TEST(OrderedPipeline, ConsumesInOrderWhatWasProduced) {
  for (const unsigned threads : kThreads) {
    for (const std::size_t count : {0U, 1U, 3U, 500U}) {
      std::vector<std::size_t> made(count);
      std::vector<std::size_t> consumed;
      ordered_pipeline(
          count, threads, 4,
          [&](std::size_t i) {
            // The first of every few items is the last to be ready.
            if (i % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
            made[i] = i * i;
          },
          [&](std::size_t i) { consumed.push_back(made[i]); });
      ASSERT_EQ(consumed.size(), count);
      for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(consumed[i], i * i);
    }
  }
}

TEST(OrderedPipeline, KeepsAtMostSoManyItems) {
  constexpr std::size_t kInFlight = 3;
  for (const unsigned threads : kThreads) {
    std::atomic<std::size_t> kept{0};
    std::atomic<std::size_t> most{0};
    ordered_pipeline(
        200, threads, kInFlight,
        [&](std::size_t) {
          const std::size_t now = ++kept;
          std::size_t before = most;
          while (before < now && !most.compare_exchange_weak(before, now)) {
          }
        },
        [&](std::size_t) {
          std::this_thread::sleep_for(std::chrono::microseconds(20));
          --kept;
        });
    EXPECT_EQ(kept, 0U);
    EXPECT_LE(most, kInFlight);
  }
}

TEST(OrderedPipeline, RethrowsFromEitherSide) {
  for (const unsigned threads : kThreads) {
    std::atomic<std::size_t> consumed{0};
    const auto fails_at_five = [](std::size_t i) {
      if (i == 5) throw std::runtime_error("the sixth");
    };
    const auto counts = [&](std::size_t) { ++consumed; };
    EXPECT_THROW(ordered_pipeline(100, threads, 4, fails_at_five, counts), std::runtime_error);
    EXPECT_LE(consumed, 5U);
    const auto nothing = [](std::size_t) {};
    EXPECT_THROW(ordered_pipeline(100, threads, 4, nothing, fails_at_five), std::runtime_error);
  }
}

}  // namespace
}  // namespace qc
