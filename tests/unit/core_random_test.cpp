#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/random.h"

namespace qc {
namespace {

constexpr std::array kPurposes = {
    StreamPurpose::kShuffle,        StreamPurpose::kHoldOut,   StreamPurpose::kTrainingSubset,
    StreamPurpose::kInitialWeights, StreamPurpose::kCentroids, StreamPurpose::kLowBitWeights,
    StreamPurpose::kBatch,          StreamPurpose::kDropout,   StreamPurpose::kAugmentation,
    StreamPurpose::kGradientNoise,
};

std::vector<std::uint64_t> first(SplitMix64 random, std::size_t count) {
  std::vector<std::uint64_t> numbers(count);
  std::ranges::generate(numbers, [&] { return random.next(); });
  return numbers;
}

// A number comes once in the generator's whole cycle, so streams with none in common do not
// overlap.
TEST(RandomStreams, HaveNoNumberInCommon) {
  constexpr std::size_t kNumbers = 100'000;
  std::vector<std::uint64_t> all;
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    for (const StreamPurpose purpose : kPurposes) {
      for (const std::uint64_t index : {0U, 1U, 2U}) {
        const auto numbers = first(random_stream(seed, purpose, index), kNumbers);
        all.insert(all.end(), numbers.begin(), numbers.end());
      }
    }
  }
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
}

// What was drawn once must be drawn again, by every build on every machine.
TEST(RandomStreams, AreTheSameEverywhere) {
  using testing::ElementsAre;
  EXPECT_THAT(first(SplitMix64(1234567), 3),
              ElementsAre(6457827717110365317u, 3203168211198807973u, 9817491932198370423u));
  EXPECT_THAT(first(random_stream(0, StreamPurpose::kShuffle), 3),
              ElementsAre(15114123258453576503u, 4672125198739041305u, 15771947744729278158u));
  EXPECT_THAT(first(random_stream(1, StreamPurpose::kLowBitWeights, 2), 3),
              ElementsAre(10933531243264120715u, 9803098727501276990u, 18285958252529194084u));
  std::vector<std::uint64_t> seeds;
  for (const StreamPurpose purpose : kPurposes) seeds.push_back(stream_seed(7, purpose, 3));
  EXPECT_THAT(seeds, ElementsAre(15068375702381615036u, 12322787970845588431u, 6171229129169359140u,
                                 13090181044139511462u, 17028090436427168972u, 969120692449809156u,
                                 10351200905790792423u, 6977424263833836186u, 1007535059185870046u,
                                 5043424772485543242u));
}

}  // namespace
}  // namespace qc
