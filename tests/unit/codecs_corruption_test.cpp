// Damage below the checksums: whatever they read, the decoders of tensors keep to their output and
// to their memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"
#include "heap_meter.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

// What decoding may take beside five times the size of the tensor: the context of zstd, and the
// budget that every DecodeContext has, in blocks that need not be full.
constexpr std::size_t kFixedHeap = std::size_t{3} << 20;

/// An encoded tensor to attack without a checksum in the way.
struct Coded {
  std::string what;
  Bytes original;
  Bytes coded;
};

std::vector<Coded> coded_tensors() {
  constexpr std::size_t kCount = 70;
  std::vector<Coded> all;
  constexpr Pattern kSome[] = {Pattern::kBell,     Pattern::kSparseFew,    Pattern::kHalfZero,
                               Pattern::kConstant, Pattern::kChannelAlpha, Pattern::kHalfExact,
                               Pattern::kSpecials};
  for (const Element element : kElements) {
    for (const Pattern pattern : kSome) {
      const TestTensor tensor = make_tensor(pattern, element, kCount, 5, {5, 14, 0});
      for (const LayoutEncoder* layout : layout_encoders()) {
        for (const StageChoice stages : {StageChoice::kSmallest, StageChoice::kHuffman}) {
          EncodeOptions options;
          options.stages = stages;
          options.gap_mode = stages == StageChoice::kHuffman ? GapMode::kFiller : GapMode::kEscape;
          const std::optional<Bytes> coded = encode_with(*layout, tensor.view(), options);
          if (!coded) continue;
          all.push_back({std::string(layout->name()) + " of " + describe(pattern, element, kCount),
                         tensor.data, *coded});
        }
      }
    }
  }
  return all;
}

TEST(DecodeTensor, RefusesEveryTruncatedPrefix) {
  DecodeContext context;
  for (const Coded& test : coded_tensors()) {
    SCOPED_TRACE(test.what);
    Bytes out(test.original.size());
    for (std::size_t size = 0; size < test.coded.size(); ++size) {
      const Bytes prefix(test.coded.begin(),
                         test.coded.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_NE(decode_tensor(prefix, out, context), nullptr)
          << size << " of " << test.coded.size() << " bytes";
    }
    Bytes longer = test.coded;
    longer.push_back(0);
    ASSERT_NE(decode_tensor(longer, out, context), nullptr) << "a byte more";
  }
}

// Some flips give other values, as a checksum above would tell. None may do harm.
TEST(DecodeTensor, SurvivesEveryFlippedBit) {
  DecodeContext context;
  std::size_t refused = 0;
  std::size_t accepted = 0;
  for (const Coded& test : coded_tensors()) {
    SCOPED_TRACE(test.what);
    Bytes coded = test.coded;
    Bytes out(test.original.size());
    for (std::size_t bit = 0; bit < 8 * coded.size(); ++bit) {
      coded[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      CodedTensorInfo info;
      const bool opened = describe_tensor(coded, out.size(), context, info) == nullptr;
      const bool decoded = decode_tensor(coded, out, context) == nullptr;
      EXPECT_TRUE(opened || !decoded) << "bit " << bit;
      ++(decoded ? accepted : refused);
      coded[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    }
    // The context is as good as new.
    ASSERT_EQ(decode_tensor(coded, out, context), nullptr);
    ASSERT_TRUE(out == test.original);
  }
  EXPECT_GT(refused, 10000u);
  EXPECT_GT(accepted, 10000u);
}

TEST(DecodeTensor, KeepsToItsBudget) {
  for (const Coded& test : coded_tensors()) {
    SCOPED_TRACE(test.what);
    Bytes coded = test.coded;
    Bytes out(test.original.size());
    // Flips in the head, where ids and sizes are; the context is made anew to see what it takes.
    for (std::size_t bit = 0; bit < 8 * std::min<std::size_t>(coded.size(), 24); ++bit) {
      coded[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      const HeapMeter meter;
      DecodeContext context;
      const bool decoded = decode_tensor(coded, out, context) == nullptr;
      ASSERT_LT(meter.peak(), 5 * out.size() + kFixedHeap) << "bit " << bit << ' ' << decoded;
      coded[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    }
  }
}

TEST(DecodeContext, GrantsFiveTimesTheTensorAndNoMore) {
  constexpr std::uint64_t kTensor = std::uint64_t{10} << 20;
  DecodeContext context;
  for (int round = 0; round < 3; ++round) {
    context.reset(kTensor);
    std::uint64_t granted = 0;
    while (!context.take(100000).empty()) granted += 100000;
    EXPECT_GE(granted, 5 * kTensor);
    EXPECT_LE(granted, 5 * kTensor + (std::uint64_t{1} << 20));
    EXPECT_TRUE(context.take(100000).empty());
  }
  context.reset(0);
  EXPECT_TRUE(context.take(UINT64_MAX).empty());
  EXPECT_TRUE(context.take(UINT64_MAX - 63).empty());
  EXPECT_EQ(context.make_array<std::uint64_t>(UINT64_MAX / 4), nullptr);
  EXPECT_FALSE(context.take(0).data() == nullptr);
}

}  // namespace
}  // namespace qc::test
