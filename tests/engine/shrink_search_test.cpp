// A search that is taken up again from what it remembers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "engine_fixture.h"
#include "pipeline/shrink/search.h"
#include "unit/model_builder.h"
#include "unit/model_values.h"

namespace qc {
namespace {

constexpr std::int64_t kInputs = 24;
constexpr std::int64_t kHidden = 40;
constexpr std::int64_t kOutputs = 8;

class ShrinkSearchTest : public test::EngineTest {
 protected:
  ShrinkSearchTest()
      : judgement_(model_, engine(), samples(100, 20), {}),
        shrinker_(model_, engine(), samples(0, 60), judgement_.losses(), {}) {}

  static OnnxModel network() {
    test::ModelBuilder builder;
    builder.add_gemm("fc1", {kInputs, kHidden}, test::bell_values(kInputs * kHidden, 1, 0.3F));
    builder.add_node("Relu", {});
    builder.add_gemm("fc2", {kHidden, kOutputs}, test::bell_values(kHidden * kOutputs, 2, 0.3F));
    return builder.open();
  }

  static RunInputs samples(std::uint64_t first, std::size_t count) {
    return {count, [first](std::size_t sample) {
              HostTensor x{DataType::kFloat, {1, kInputs}, {}};
              x.bytes =
                  test::encode(DataType::kFloat, test::bell_values(kInputs, first + sample, 1));
              return std::vector<HostTensor>{x};
            }};
  }

  // Searches, and stops once so many new models were tried.
  ShrinkCandidate search(SearchMemory& memory, std::size_t most) {
    tried_ = 0;
    SearchOptions options;
    options.goal.min_snr = 15;
    options.memory = &memory;
    options.on_candidate = [&](const ShrinkCandidate&) { ++tried_; };
    options.stop_requested = [&] { return tried_ >= most; };
    return ShrinkSearch(model_, shrinker_, engine(), judgement_, options).run();
  }

  static std::vector<std::vector<float>> weights(const ShrinkCandidate& candidate) {
    std::vector<std::vector<float>> all;
    for (const std::size_t tensor : test::float_tensors(*candidate.model)) {
      all.push_back(test::values_of(*candidate.model, tensor));
    }
    return all;
  }

  const OnnxModel model_ = network();
  Judgement judgement_;
  Shrinker shrinker_;
  std::size_t tried_ = 0;
};

TEST_F(ShrinkSearchTest, GoesOnFromEveryPlaceToTheSameModel) {
  constexpr std::size_t kAll = 1000;
  SearchMemory whole;
  const ShrinkCandidate expected = search(whole, kAll);
  const std::size_t all = tried_;
  ASSERT_GE(all, 8U);
  EXPECT_EQ(whole.size(), all);
  EXPECT_GE(expected.closeness.value, 15);
  for (const std::size_t most : {std::size_t{1}, std::size_t{4}, all / 2, all - 1}) {
    SearchMemory part;
    search(part, most);
    EXPECT_EQ(part.size(), most);
    SearchMemory kept = SearchMemory::from_bytes(part.to_bytes());
    const ShrinkCandidate found = search(kept, kAll);
    EXPECT_EQ(tried_, all - most);
    EXPECT_EQ(found.point, expected.point);
    EXPECT_EQ(found.bytes, expected.bytes);
    EXPECT_TRUE(weights(found) == weights(expected));
  }
  // Nothing is left to try, and the model is made once more.
  const ShrinkCandidate again = search(whole, kAll);
  EXPECT_EQ(tried_, 0U);
  EXPECT_TRUE(weights(again) == weights(expected));
}

// From some of the rows.
TEST_F(ShrinkSearchTest, EstimatesBitsOfALargeLayer) {
  test::ModelBuilder builder;
  constexpr std::int64_t kWide = 5000;
  builder.add_gemm("fc1", {kInputs, kWide}, test::bell_values(kInputs * kWide, 1, 0.3F));
  const OnnxModel wide = builder.open();
  const Judgement judgement(wide, engine(), samples(100, 10), {});
  const Shrinker shrinker(wide, engine(), samples(0, 30), judgement.losses(), {});
  for (const double lambda : {1e-8, 1e-6, 1e-4}) {
    const double bits = shrinker.round({lambda, 0.5}).bits;
    EXPECT_NEAR(shrinker.estimated_bits({lambda, 0.5}), bits, 0.05 * bits) << lambda;
  }
}

TEST(SearchMemory, KeepsEveryNumber) {
  OutputMetrics output;
  output.positions = 7;
  output.kl = 0.1;
  output.snr_db = std::numeric_limits<double>::infinity();
  output.cosine = std::numeric_limits<double>::quiet_NaN();
  Closeness closeness;
  closeness.outputs = {{}, output};
  closeness.decisive = 1;
  closeness.metric = JudgedBy::kAgreement;
  closeness.value = 1.0 / 3;
  closeness.low = -std::numeric_limits<double>::infinity();
  SearchMemory memory;
  memory.add({{1e-7, 0.25}, true, false, 12345.678, 99, closeness});
  const SearchMemory back = SearchMemory::from_bytes(memory.to_bytes());
  EXPECT_EQ(back.find({1e-7, 0.25}, true, true), nullptr);
  EXPECT_EQ(back.find({1e-7, 0.5}, true, false), nullptr);
  const TriedModel* tried = back.find({1e-7, 0.25}, true, false);
  ASSERT_NE(tried, nullptr);
  EXPECT_EQ(tried->bits, 12345.678);
  EXPECT_EQ(tried->bytes, 99U);
  EXPECT_EQ(tried->closeness.metric, JudgedBy::kAgreement);
  EXPECT_EQ(tried->closeness.value, 1.0 / 3);
  EXPECT_EQ(tried->closeness.low, closeness.low);
  const OutputMetrics& decisive = tried->closeness.outputs[tried->closeness.decisive];
  EXPECT_EQ(decisive.positions, 7U);
  EXPECT_EQ(decisive.kl, 0.1);
  EXPECT_EQ(decisive.snr_db, output.snr_db);
  EXPECT_TRUE(std::isnan(decisive.cosine));
}

TEST(SearchMemory, RefusesWhatIsNone) {
  EXPECT_EQ(SearchMemory::from_bytes({}).size(), 0U);
  for (const std::string_view text : {"{", "[1]", "[{\"lambda\": 1}]", "[{}]"}) {
    EXPECT_THROW(SearchMemory::from_bytes(as_bytes(text)), Error) << text;
  }
}

}  // namespace
}  // namespace qc
