// Every layout gives back the bits it was given, and is used where it applies.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <bit>
#include <set>
#include <string>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/analysis.h"
#include "codecs/encode/layout.h"
#include "codecs/encode/levels.h"
#include "codecs/encode/tensor_encoder.h"
#include "codecs/shared/level_sets.h"
#include "core/error.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

std::vector<Pattern> all_patterns() {
  std::vector<Pattern> patterns;
  for (std::size_t i = 0; i < kPatternCount; ++i) patterns.push_back(static_cast<Pattern>(i));
  return patterns;
}

/// Channels along the first axis, the last, one in between, and as a later chunk of a tensor sees
/// them.
std::vector<ChannelMap> channel_maps(std::size_t count) {
  const std::uint64_t third = count / 3 + 1;
  return {{1, 1, 0}, {3, third, 0}, {5, 1, 0}, {4, 7, 0}, {6, 9, 31}};
}

/// A few layouts and patterns look at the channels.
bool has_channels(Pattern pattern) {
  return pattern == Pattern::kChannelAlpha || pattern == Pattern::kSparseTernary ||
         pattern == Pattern::kFiveLevels;
}

/// Every choice that changes what a layout writes; for a few zeros there is but one.
std::vector<EncodeOptions> options_for(const LayoutEncoder& layout, StageChoice stages,
                                       bool sparse) {
  EncodeOptions options;
  options.stages = stages;
  std::vector<EncodeOptions> all = {options};
  if (layout.id() != LayoutId::kCsr || !sparse) return all;
  for (const GapMode mode : {GapMode::kEscape, GapMode::kFiller}) {
    options.gap_mode = mode;
    options.gap_bits.reset();
    all.push_back(options);
    for (unsigned bits = 2; bits <= 8; ++bits) {
      options.gap_bits = bits;
      all.push_back(options);
    }
  }
  return all;
}

/// Encodes with one layout and checks what comes back. False where the layout does not apply.
bool round_trip(const LayoutEncoder& layout, const TestTensor& tensor,
                const EncodeOptions& options) {
  const std::optional<Bytes> coded = encode_with(layout, tensor.view(), options);
  if (!coded) return false;
  const std::optional<Bytes> decoded = decode(*coded, tensor.data.size());
  EXPECT_TRUE(decoded == tensor.data) << (decoded ? "other bytes come back" : "it does not decode");
  return true;
}

/// Layouts that were written at least once, so that no test passes by testing nothing.
using Written = std::set<std::string_view>;

void round_trip_all(const TestTensor& tensor, StageChoice stages, Written& written) {
  const bool sparse = 3 * Analysis(tensor.view()).zeros() >= tensor.view().count();
  for (const LayoutEncoder* layout : layout_encoders()) {
    SCOPED_TRACE(layout->name());
    for (const EncodeOptions& options : options_for(*layout, stages, sparse)) {
      if (round_trip(*layout, tensor, options)) written.insert(layout->name());
    }
  }
}

Written layouts_of(Element element) {
  Written names = {"raw", "constant", "palette",         "channel-palette",
                   "csr", "bitmap",   "context-palette", "repeats"};
  if (element.width > 1) names.insert("planes");
  if (element.is_float && element.width >= 4) names.insert("narrow");
  if (element.is_float) names.insert("levels");
  if (element.is_float && element.width > 1) names.insert("context-floats");
  return names;
}

class EveryElement : public testing::TestWithParam<Element> {};

INSTANTIATE_TEST_SUITE_P(Layouts, EveryElement, testing::ValuesIn(kElements), [](const auto& test) {
  return (test.param.is_float ? "Float" : "Int") + std::to_string(8 * test.param.width);
});

TEST_P(EveryElement, SmallTensorsComeBackWithHuffman) {
  Written written;
  for (const Pattern pattern : all_patterns()) {
    for (const std::size_t count : {0U, 1U, 2U, 63U, 64U, 65U, 1023U, 1024U, 1025U}) {
      SCOPED_TRACE(describe(pattern, GetParam(), count));
      for (const ChannelMap& channels : channel_maps(count)) {
        if (channels.count > 1 && !has_channels(pattern)) continue;
        const TestTensor tensor = make_tensor(pattern, GetParam(), count, count + 1, channels);
        round_trip_all(tensor, StageChoice::kHuffman, written);
      }
    }
  }
  EXPECT_EQ(written, layouts_of(GetParam()));
}

TEST_P(EveryElement, SmallTensorsComeBackWithTheSmallestStage) {
  Written written;
  for (const Pattern pattern : all_patterns()) {
    for (const std::size_t count : {0U, 1U, 65U, 1030U}) {
      SCOPED_TRACE(describe(pattern, GetParam(), count));
      const TestTensor tensor = make_tensor(pattern, GetParam(), count, 7, {3, 9, 2});
      round_trip_all(tensor, StageChoice::kSmallest, written);
    }
  }
  EXPECT_EQ(written, layouts_of(GetParam()));
}

// Twice a number below the normal ones is no step of the exponent: channels with such scales and
// others in one tensor.
TEST(Levels, ScalesBelowTheNormalNumbersAreDoubledToo) {
  for (const Element element : {Element{2, true}, Element{4, true}, Element{8, true}}) {
    SCOPED_TRACE(int{element.width});
    constexpr std::array<std::uint64_t, 3> kScales = {3, 77, 0x3c12};
    TestTensor tensor;
    tensor.element = element;
    tensor.channels = {kScales.size(), 200, 0};
    const unsigned mantissa = element.width == 2 ? 10 : element.width == 4 ? 23 : 52;
    tensor.data.resize(kScales.size() * 200 * element.width);
    for (std::size_t i = 0; i < kScales.size() * 200; ++i) {
      std::uint64_t scale = kScales[i / 200];
      if (i / 200 == 2) scale <<= 8U * element.width - 16;  // a normal number
      const int multiple = static_cast<int>(i * i % 5) - 2;
      const std::uint64_t pattern = scaled_pattern(scale, multiple, mantissa, element.width);
      store_pattern(tensor.data.data() + i * element.width, element.width, pattern);
    }
    const auto levels = find_levels(tensor.view(), tensor.channels);
    ASSERT_TRUE(levels);
    EXPECT_EQ(levels->set, 5U);
    Written written;
    EXPECT_TRUE(round_trip(*find_layout_encoder("levels"), tensor, {}));
  }
  EXPECT_EQ(doubled_pattern(3, 23), 6U);
  const auto twice = std::bit_cast<float>(
      static_cast<std::uint32_t>(doubled_pattern(std::bit_cast<std::uint32_t>(0x1.8p-127F), 23)));
  EXPECT_EQ(twice, 0x1.8p-126F);
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// Sizes at which blocks fill up and the number of Huffman parts changes. Under sanitizers the
// largest take minutes.
TEST_P(EveryElement, LargerTensorsComeBack) {
  std::vector<std::size_t> sizes = {4095, 4096, 4097, 8191, 8192, 8193};
  if (!kSanitized) sizes.insert(sizes.end(), {131071, 131073});
  constexpr std::array kSome = {Pattern::kBell,          Pattern::kVerySparse,
                                Pattern::kFew,           Pattern::kChannelAlpha,
                                Pattern::kSparseTernary, Pattern::kFiveLevels};
  EncodeOptions options;
  options.stages = StageChoice::kHuffman;
  Written written;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (const Pattern pattern : kSome) {
      SCOPED_TRACE(describe(pattern, GetParam(), sizes[i]));
      const TestTensor tensor = make_tensor(pattern, GetParam(), sizes[i], i, {16, 25, i * 1000});
      for (const LayoutEncoder* layout : layout_encoders()) {
        SCOPED_TRACE(layout->name());
        if (round_trip(*layout, tensor, options)) written.insert(layout->name());
      }
    }
  }
  EXPECT_EQ(written.count("csr"), 1u);
  EXPECT_EQ(written.count("channel-palette"), 1u);
}

RC_GTEST_PROP(Layouts, AnyTensorComesBackFromAnyLayout, ()) {
  const LayoutEncoder& layout = **rc::gen::elementOf(
      std::vector<const LayoutEncoder*>(layout_encoders().begin(), layout_encoders().end()));
  const Element element = *rc::gen::elementOf(kElements);
  const Pattern pattern = *rc::gen::elementOf(all_patterns());
  const auto count = *rc::gen::inRange<std::size_t>(0, 3000);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const ChannelMap channels{*rc::gen::inRange<std::uint64_t>(1, 40),
                            *rc::gen::inRange<std::uint64_t>(1, 100),
                            *rc::gen::inRange<std::uint64_t>(0, 10000)};
  EncodeOptions options;
  options.stages = *rc::gen::element(StageChoice::kSmallest, StageChoice::kHuffman);
  options.layout = layout.id();
  options.gap_bits = *rc::gen::inRange(2u, 9u);
  options.gap_mode = *rc::gen::element(GapMode::kEscape, GapMode::kFiller);
  const TestTensor tensor = make_tensor(pattern, element, count, seed, channels);
  // encode_tensor() throws when its own check fails.
  const Bytes coded = encode_tensor(tensor.view(), options);
  const std::optional<Bytes> decoded = decode(coded, tensor.data.size());
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == tensor.data);
}

struct Applies {
  std::string_view layout;
  Pattern pattern;
  Element element;
};

class ForcedLayout : public testing::TestWithParam<Applies> {};

INSTANTIATE_TEST_SUITE_P(Layouts, ForcedLayout,
                         testing::Values(Applies{"raw", Pattern::kFew, {4, true}},
                                         Applies{"planes", Pattern::kZero, {2, true}},
                                         Applies{"planes", Pattern::kUniform, {8, false}},
                                         Applies{"narrow", Pattern::kHalfExact, {4, true}},
                                         Applies{"narrow", Pattern::kBfloatExact, {4, true}},
                                         Applies{"narrow", Pattern::kSingleExact, {8, true}},
                                         Applies{"constant", Pattern::kConstant, {8, true}},
                                         Applies{"palette", Pattern::kUniform, {1, false}},
                                         Applies{"palette", Pattern::kSparseFew, {4, true}},
                                         Applies{
                                             "channel-palette", Pattern::kChannelAlpha, {4, true}},
                                         Applies{"csr", Pattern::kUniform, {4, true}},
                                         Applies{"csr", Pattern::kZero, {2, false}},
                                         Applies{"bitmap", Pattern::kUniform, {8, true}},
                                         Applies{"bitmap", Pattern::kZero, {1, false}},
                                         Applies{"levels", Pattern::kTernary, {2, true}},
                                         Applies{"levels", Pattern::kChannelAlpha, {1, true}},
                                         Applies{"levels", Pattern::kFiveLevels, {4, true}},
                                         Applies{"context-palette", Pattern::kFew, {1, false}},
                                         Applies{"context-palette", Pattern::kSparseFew, {4, true}},
                                         Applies{"context-floats", Pattern::kBell, {2, true}},
                                         Applies{"repeats", Pattern::kFew, {2, true}},
                                         Applies{"repeats", Pattern::kBell, {1, false}},
                                         Applies{"context-floats", Pattern::kSparse, {8, true}}));

TEST_P(ForcedLayout, IsUsedWhereItApplies) {
  const auto& [name, pattern, element] = GetParam();
  const TestTensor tensor = make_tensor(pattern, element, 1500, 3, {10, 15, 0});
  EncodeOptions options;
  options.layout = find_layout_encoder(name)->id();
  const Bytes coded = encode_tensor(tensor.view(), options);
  DecodeContext context;
  CodedTensorInfo info;
  ASSERT_EQ(describe_tensor(coded, tensor.data.size(), context, info), nullptr);
  EXPECT_EQ(info.stats.layouts().front()->name, name);
  EXPECT_EQ(info.element, element);
}

struct DoesNot {
  std::string_view layout;
  Pattern pattern;
  Element element;
};

class RefusedLayout : public testing::TestWithParam<DoesNot> {};

INSTANTIATE_TEST_SUITE_P(Layouts, RefusedLayout,
                         testing::Values(DoesNot{"planes", Pattern::kBell, {1, false}},
                                         DoesNot{"narrow", Pattern::kUniform, {4, true}},
                                         DoesNot{"narrow", Pattern::kHalfExact, {4, false}},
                                         DoesNot{"constant", Pattern::kBell, {4, true}},
                                         DoesNot{"constant", Pattern::kZeros, {4, true}},
                                         DoesNot{"palette", Pattern::kUniform, {4, true}},
                                         DoesNot{"channel-palette", Pattern::kUniform, {4, true}},
                                         DoesNot{"context-palette", Pattern::kUniform, {4, true}},
                                         DoesNot{"context-palette", Pattern::kConstant, {4, true}},
                                         DoesNot{"context-floats", Pattern::kZero, {4, true}},
                                         DoesNot{"context-floats", Pattern::kBell, {4, false}},
                                         DoesNot{"context-floats", Pattern::kBell, {1, true}},
                                         DoesNot{"levels", Pattern::kTernary, {4, false}},
                                         DoesNot{"levels", Pattern::kZeros, {4, true}},
                                         DoesNot{"levels", Pattern::kFew, {4, true}}));

TEST_P(RefusedLayout, GivesWayToTheSmallest) {
  const auto& [name, pattern, element] = GetParam();
  const TestTensor tensor = make_tensor(pattern, element, 1500, 3, {10, 15, 0});
  const LayoutEncoder& layout = *find_layout_encoder(name);
  EXPECT_EQ(encode_with(layout, tensor.view(), {}), std::nullopt);
  EncodeOptions options;
  options.layout = layout.id();
  EXPECT_EQ(encode_tensor(tensor.view(), options), encode_tensor(tensor.view(), {}));
}

// Few elements for each of many channels: the tables of the reader are as large as the tensor, and
// every stream is inflated by zstd.
TEST(ChannelPaletteLayout, TakesNoMoreChannelsThanItsReaderMayHold) {
  for (const Element element : {Element{1, false}, Element{2, true}, Element{4, true}}) {
    constexpr std::size_t kCount = 1200000;
    TestTensor tensor{Bytes(kCount * element.width), element, {kCount / 3, 3, 0}};
    for (std::size_t i = 0; i < kCount; ++i) tensor.data[i * element.width] = i % 6 == 1 ? 2 : 1;
    EncodeOptions options;
    options.layout = LayoutId::kChannelPalette;
    // encode_tensor() throws when what it wrote does not decode.
    EXPECT_NO_THROW(encode_tensor(tensor.view(), options)) << 8 * element.width << " bits";
  }
}

// NaNs whose payload a conversion might change, and values one bit beside what narrows exactly.
TEST(NarrowLayout, TakesOnlyWhatComesBackBitForBit) {
  const LayoutEncoder& narrow = *find_layout_encoder(std::string_view("narrow"));
  const auto applies = [&](Element element, std::uint64_t pattern) {
    TestTensor tensor{Bytes(std::size_t{4} * element.width), element};
    for (std::size_t i = 0; i < 4; ++i) {
      store_pattern(tensor.data.data() + i * element.width, element.width, pattern);
    }
    return round_trip(narrow, tensor, {});
  };
  constexpr Element kSingle = {4, true};
  constexpr Element kDouble = {8, true};
  EXPECT_TRUE(applies(kSingle, 0x80000000));           // -0
  EXPECT_TRUE(applies(kSingle, 0x7f800000));           // infinity
  EXPECT_TRUE(applies(kSingle, 0x7f810000));           // a signalling NaN that bfloat16 holds
  EXPECT_TRUE(applies(kSingle, 0x7f802000));           // one that binary16 holds
  EXPECT_FALSE(applies(kSingle, 0x7f800001));          // one that neither does
  EXPECT_TRUE(applies(kSingle, 0x33800000));           // the smallest binary16 denormal
  EXPECT_TRUE(applies(kSingle, 0x33000000));           // half of it, a bfloat16
  EXPECT_FALSE(applies(kSingle, 0x33004000));          // too small for one, too fine for the other
  EXPECT_FALSE(applies(kSingle, 0x00000001));          // a float32 denormal
  EXPECT_TRUE(applies(kDouble, 0x8000000000000000));   // -0
  EXPECT_TRUE(applies(kDouble, 0x7ff0000000000000));   // infinity
  EXPECT_FALSE(applies(kDouble, 0x7ff8000000000000));  // a NaN
  EXPECT_TRUE(applies(kDouble, 0x36a0000000000000));   // the smallest float32 denormal
  EXPECT_FALSE(applies(kDouble, 0x3690000000000000));  // half of it
  EXPECT_TRUE(applies(kDouble, 0x47efffffe0000000));   // the largest float32
  EXPECT_FALSE(applies(kDouble, 0x47effffff0000000));  // half a step above it
  EXPECT_FALSE(applies(kDouble, 0x0000000000000001));  // a double denormal
}

}  // namespace
}  // namespace qc::test
