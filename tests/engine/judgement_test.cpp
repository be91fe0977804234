// What a judgement says of its own samples.
#include "pipeline/judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "engine_fixture.h"
#include "pipeline/bootstrap.h"
#include "unit/model_builder.h"

namespace qc {
namespace {

// Gives back its two inputs as scores.
class JudgementTest : public test::EngineTest {
 protected:
  static OnnxModel network() {
    test::ModelBuilder builder;
    builder.add_gemm("same", {2, 2}, std::vector<float>{1, 0, 0, 1});
    builder.add_node("Softmax", {});
    return builder.open();
  }

  static RunInputs scores(const std::vector<std::vector<float>>& values) {
    return {values.size(), [values](std::size_t sample) {
              return std::vector<HostTensor>{
                  {DataType::kFloat, {1, 2}, test::encode(DataType::kFloat, values[sample])}};
            }};
  }

  static Judgement judgement(const std::vector<std::vector<float>>& values) {
    return {network(), engine(), scores(values), {}};
  }
};

TEST_F(JudgementTest, TellsSamplesOfOneClassFromOthers) {
  EXPECT_EQ(judgement({{0, 1}, {2, 3}, {-1, 0}}).only_class(), 1);
  EXPECT_EQ(judgement({{0, 1}, {3, 2}, {-1, 0}}).only_class(), std::nullopt);
  EXPECT_THAT(judgement({{0, 1}, {2, 3}}).variety_warning(), testing::HasSubstr("class 1"));
  EXPECT_EQ(judgement({{0, 1}, {3, 2}}).variety_warning(), "");
}

TEST_F(JudgementTest, FewSamplesThatAgreeProveLittle) {
  const Closeness closeness = judgement({{0, 1}, {3, 2}}).judge(network(), engine());
  EXPECT_EQ(closeness.value, 1);
  EXPECT_EQ(closeness.low, unanimous_interval(2, true).low);
  EXPECT_EQ(closeness.high, 1);
}

}  // namespace
}  // namespace qc
