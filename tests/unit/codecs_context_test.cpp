// Context models: the arithmetic coder loses next to nothing, and what neighbours tell is used.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "codecs/decode/bit_decoder.h"
#include "codecs/decode/context_grid.h"
#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/analysis.h"
#include "codecs/encode/bit_encoder.h"
#include "codecs/encode/context_grid.h"
#include "codecs/encode/entropy.h"
#include "codecs/encode/tensor_encoder.h"
#include "codecs/shared/context/logistic.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

using context::kOne;

RC_GTEST_PROP(ArithmeticCoder, GivesTheBitsBackWithinTwoBytesOfTheirCost, ()) {
  const auto bits = *rc::gen::container<std::vector<bool>>(rc::gen::arbitrary<bool>());
  const auto odds = *rc::gen::container<std::vector<int>>(bits.size(), rc::gen::inRange(1, kOne));
  Bytes coded;
  context::BitEncoder encoder(coded);
  double cost = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    encoder.code(bits[i], odds[i]);
    cost -= std::log2((bits[i] ? odds[i] : kOne - odds[i]) / double{kOne});
  }
  encoder.finish();
  RC_ASSERT(static_cast<double>(coded.size()) <= cost / 8 + 2);
  context::BitDecoder decoder(coded);
  for (std::size_t i = 0; i < bits.size(); ++i) RC_ASSERT(decoder.code(false, odds[i]) == bits[i]);
  RC_ASSERT(decoder.at_end());
}

TEST(Logistic, IsTheLogisticFunction) {
  for (int logit = -context::kMaxLogit; logit <= context::kMaxLogit; ++logit) {
    const double exact = kOne / (1 + std::exp(-logit / 256.0));
    EXPECT_NEAR(context::squash(logit), exact, std::max(4.0, 0.04 * std::min(exact, kOne - exact)))
        << logit;
  }
  for (int p = 64; p < kOne - 64; ++p) {
    const int back = context::squash(context::stretch(p));
    EXPECT_NEAR(back, p, 16 + std::max(0.01 * std::min(p, kOne - p), 0.0)) << p;
  }
}

TEST(TensorGrid, HasRowsColumnsAndTaps) {
  const auto grid_of = [](std::vector<std::int64_t> dims) {
    const Grid grid = tensor_grid(dims);
    return std::vector<std::uint64_t>{grid.columns, grid.taps, grid.width, grid.first};
  };
  using Numbers = std::vector<std::uint64_t>;
  EXPECT_EQ(grid_of({64, 32, 3, 5}), (Numbers{32, 15, 5, 0}));
  EXPECT_EQ(grid_of({64, 32, 7}), (Numbers{32, 7, 7, 0}));
  EXPECT_EQ(grid_of({10, 500}), (Numbers{500, 1, 1, 0}));
  EXPECT_EQ(grid_of({500}), (Numbers{1, 1, 1, 0}));
  EXPECT_EQ(grid_of({}), (Numbers{1, 1, 1, 0}));
  EXPECT_EQ(grid_of({3, 0, 5}), (Numbers{1, 1, 1, 0}));
}

TEST(ContextGrid, NeedsRowsToLearnFrom) {
  EXPECT_EQ(context::context_grid({10, 9, 3, 0}, 720).columns, 10U);
  EXPECT_EQ(context::context_grid({10, 9, 3, 0}, 719).columns, 1U);
  EXPECT_EQ(context::context_grid({UINT64_MAX / 2, 9, 3, 0}, 719).taps, 1U);
}

/// Filters of 16 x 3 x 3 with `value_of` each.
template <typename Value>
TestTensor filters(Value&& value_of, std::size_t rows = 48) {
  constexpr std::size_t kRow = 16 * 9UL;
  const std::size_t count = rows * kRow;
  TestTensor tensor{Bytes(4 * count), {4, true}, {rows, kRow, 0}, {16, 9, 3, 0}};
  for (std::size_t i = 0; i < count; ++i) {
    store_le(tensor.data.data() + 4 * i, static_cast<float>(value_of(i / 144, i / 9 % 16, i % 9)));
  }
  return tensor;
}

// Zeroth-order entropy of positions and values, in bytes.
double entropy_of(const TestTensor& tensor) {
  const Analysis analysis(tensor.view());
  const Palette* palette = analysis.palette();
  return palette != nullptr ? static_cast<double>(entropy_bits(palette->counts)) / 8 : 0;
}

std::size_t size_with(LayoutId layout, const TestTensor& tensor) {
  EncodeOptions options;
  options.layout = layout;
  const Bytes coded = encode_tensor(tensor.view(), options);
  EXPECT_EQ(coded.front(), static_cast<std::uint8_t>(layout));
  return coded.size();
}

// Whole rows and columns that are pruned more than others, and signs that go with those of the
// filter before: what zeroth-order codes cannot see.
TEST(ContextPalette, IsFarBelowTheEntropyOfTensorsWithStructure) {
  std::mt19937 random(1);
  const auto share = [&] { return static_cast<double>(random() % 1000) / 1000; };
  const TestTensor dense_rows = filters([&](std::size_t row, std::size_t, std::size_t) {
    return share() < (row % 3 == 0 ? 0.5 : 0.005) ? 1 + random() % 2 : 0;
  });
  EXPECT_LT(size_with(LayoutId::kContextPalette, dense_rows), 0.8 * entropy_of(dense_rows));
  const TestTensor dense_columns = filters([&](std::size_t, std::size_t column, std::size_t) {
    return share() < (column % 4 == 0 ? 0.6 : 0.005) ? 1 + random() % 2 : 0;
  });
  EXPECT_LT(size_with(LayoutId::kContextPalette, dense_columns), 0.8 * entropy_of(dense_columns));
  std::vector<int> signs(144, 1);
  const TestTensor signed_alike = filters([&](std::size_t, std::size_t column, std::size_t tap) {
    int& sign = signs[column * 9 + tap];
    if (share() < 0.1) sign = -sign;
    return sign;
  });
  EXPECT_LT(size_with(LayoutId::kContextPalette, signed_alike), 0.8 * entropy_of(signed_alike));
}

// Without structure the entropy is the limit: adapting may cost a little, no more.
TEST(ContextPalette, IsCloseToTheEntropyOfTensorsWithout) {
  std::mt19937 random(2);
  const TestTensor noise = filters([&](std::size_t, std::size_t, std::size_t) {
    return random() % 10 == 0 ? 1 + random() % 4 : 0;
  });
  EXPECT_LT(size_with(LayoutId::kContextPalette, noise), 1.05 * entropy_of(noise));
}

double normal(std::mt19937& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random()) / 4294967296.0;
  return sum;
}

TEST(ContextFloats, KnowTheScaleOfEveryFilter) {
  std::mt19937 random(3);
  const TestTensor scaled = filters([&](std::size_t row, std::size_t, std::size_t) {
    return std::ldexp(normal(random), -static_cast<int>(row * 7 % 12));
  });
  const TestTensor even = filters(
      [&](std::size_t, std::size_t, std::size_t) { return std::ldexp(normal(random), -3); });
  const std::size_t size = size_with(LayoutId::kContextFloats, scaled);
  EXPECT_LT(static_cast<double>(size),
            1.02 * static_cast<double>(size_with(LayoutId::kContextFloats, even)));
  EXPECT_LT(static_cast<double>(size),
            0.97 * static_cast<double>(size_with(LayoutId::kPlanes, scaled)));
}

// Zeros do not keep --max from what it is for, and by default they are left out.
TEST(ContextFloats, AreTriedForLargePrunedTensors) {
  std::mt19937 random(4);
  const TestTensor pruned = filters(
      [&](std::size_t row, std::size_t, std::size_t) {
        const double value = std::ldexp(normal(random), -static_cast<int>(row * 7 % 12));
        return random() % 4 == 0 ? value : 0;
      },
      128);
  ASSERT_TRUE(Analysis(pruned.view()).is_large());
  const auto layout_by = [&](const EncodeOptions& options) {
    return LayoutId{encode_tensor(pruned.view(), options).front()};
  };
  EXPECT_EQ(layout_by(presets::kMax), LayoutId::kContextFloats);
  for (const EncodeOptions& options : {presets::kDefault, presets::kFast}) {
    const LayoutId layout = layout_by(options);
    EXPECT_TRUE(layout == LayoutId::kBitmap || layout == LayoutId::kCsr);
  }
}

// A chunk goes on where the one before it ended: its grid starts in the middle of a kernel.
TEST(ContextPalette, KnowsWhereAChunkStarts) {
  const auto of_tap = [](std::size_t tap) { return tap % 9 == 4 ? 1.0F : 0.0F; };
  constexpr std::size_t kCount = 900;
  TestTensor chunk{Bytes(4 * kCount), {4, true}, {}, {10, 9, 3, 0}};
  for (std::size_t i = 0; i < kCount; ++i) store_le(chunk.data.data() + 4 * i, of_tap(i + 5));
  const std::size_t elsewhere = size_with(LayoutId::kContextPalette, chunk);
  chunk.grid.first = 5;
  EXPECT_LE(size_with(LayoutId::kContextPalette, chunk), elsewhere);
}

}  // namespace
}  // namespace qc::test
