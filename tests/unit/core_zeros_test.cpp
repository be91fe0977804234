#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/float_types.h"
#include "core/zeros.h"
#include "model_builder.h"

namespace qc {
namespace {

constexpr std::array kFloatTypes = {DataType::kFloat, DataType::kFloat16, DataType::kBfloat16,
                                    DataType::kDouble};

std::vector<float> with_zeros() {
  return {0.0F,  -0.0F, 1.0F, -1.0F, -0.0F, std::numeric_limits<float>::infinity(),
          -0.0F, 0.0F,  0.25F};
}

TEST(Zeros, AreCountedByValue) {
  for (const DataType type : kFloatTypes) {
    SCOPED_TRACE(data_type_name(type));
    const ZeroCount count = count_zeros(type, test::encode(type, with_zeros()));
    EXPECT_EQ(count.zeros, 5U);
    EXPECT_EQ(count.negative, 3U);
  }
}

// More than one block of the loop, against the definition.
TEST(Zeros, AreCountedInLongPayloads) {
  std::vector<float> values = test::bell_values(100'000, 7);
  std::uint64_t zeros = 0;
  std::uint64_t negative = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 3 != 0) continue;
    values[i] = i % 2 == 0 ? 0.0F : -0.0F;
    ++zeros;
    negative += std::signbit(values[i]) ? 1 : 0;
  }
  for (const DataType type : kFloatTypes) {
    const Bytes payload = test::encode(type, values);
    const ZeroCount count = count_zeros(type, payload);
    EXPECT_EQ(count.zeros, zeros) << data_type_name(type);
    EXPECT_EQ(count.negative, negative) << data_type_name(type);
  }
}

TEST(Zeros, BecomePositiveAndNothingElseChanges) {
  for (const DataType type : kFloatTypes) {
    SCOPED_TRACE(data_type_name(type));
    const Bytes before = test::encode(type, with_zeros());
    Bytes after = before;
    make_zeros_positive(type, after);
    std::vector<float> expected = with_zeros();
    for (float& value : expected) {
      if (value == 0) value = 0;
    }
    EXPECT_EQ(after, test::encode(type, expected));
    EXPECT_NE(after, before);
  }
}

TEST(Zeros, TheirSignsCostABitEachWhereHalfAreNegative) {
  EXPECT_DOUBLE_EQ((ZeroCount{8000, 4000}.sign_bytes()), 1000);
  EXPECT_DOUBLE_EQ((ZeroCount{8000, 0}.sign_bytes()), 0);
  EXPECT_DOUBLE_EQ((ZeroCount{8000, 8000}.sign_bytes()), 0);
  EXPECT_LT((ZeroCount{8000, 100}.sign_bytes()), 120);
  EXPECT_GT((ZeroCount{8000, 100}.sign_bytes()), 60);
}

}  // namespace
}  // namespace qc
