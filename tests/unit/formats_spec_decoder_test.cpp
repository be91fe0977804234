// What the encoders write, read by the decoder that was written from FORMAT.md.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <map>
#include <set>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"
#include "spec_decoder.h"
#include "test_tensors.h"

namespace qc {
namespace {

using test::encode_with;
using test::kElements;
using test::kPatternCount;
using test::make_tensor;
using test::Pattern;
using test::TestTensor;

constexpr std::uint8_t kHuffmanId = 1;
constexpr std::uint8_t kZstdId = 2;

// Options for every choice that changes the form of what is written.
std::vector<EncodeOptions> option_list() {
  std::vector<EncodeOptions> all;
  for (const StageChoice stages : {StageChoice::kSmallest, StageChoice::kFast}) {
    for (const GapMode mode : {GapMode::kEscape, GapMode::kFiller}) {
      for (const unsigned gap_bits : {2U, 5U, 8U}) {
        all.push_back({.stages = stages,
                       .slow_layouts = gap_bits == 5,
                       .layout = {},
                       .gap_bits = gap_bits,
                       .gap_mode = mode});
      }
    }
  }
  return all;
}

class SpecDecoder : public testing::TestWithParam<const LayoutEncoder*> {};

TEST_P(SpecDecoder, ReadsEveryTensorOfTheLayout) {
  const std::vector<EncodeOptions> options = option_list();
  std::size_t decoded = 0;
  std::uint64_t seed = 0;
  for (const Element element : kElements) {
    for (std::size_t pattern = 0; pattern < kPatternCount; ++pattern) {
      for (const std::size_t count : {1U, 17U, 1200U}) {
        const ChannelMap channels = {.count = count > 6 ? 6U : 1U, .stride = 5, .first = seed % 40};
        TestTensor tensor =
            make_tensor(static_cast<Pattern>(pattern), element, count, ++seed, channels);
        tensor.grid = {.columns = 3, .taps = 9, .width = 3, .first = seed % 100};
        const auto coded = encode_with(*GetParam(), tensor.view(), options[seed % options.size()]);
        if (!coded) continue;
        SCOPED_TRACE(test::describe(static_cast<Pattern>(pattern), element, count));
        ASSERT_EQ(spec::decode_tensor(*coded, tensor.data.size()), tensor.data);
        ++decoded;
      }
    }
  }
  EXPECT_GE(decoded, 10U);
}

INSTANTIATE_TEST_SUITE_P(Layouts, SpecDecoder,
                         testing::ValuesIn(layout_encoders().begin(), layout_encoders().end()),
                         [](const auto& test) {
                           std::string name(test.param->name());
                           std::erase(name, '-');
                           return name;
                         });

// Long enough for streams in 4, 64 and 128 parts.
TEST(SpecDecoderParts, ReadsLongStreams) {
  EncodeOptions options;
  options.stages = StageChoice::kHuffman;
  std::set<int> log_parts;
  for (const std::size_t count : {5000U, 140000U, 300000U}) {
    const TestTensor tensor = make_tensor(Pattern::kBell, {1, false}, count, 5);
    const auto coded = encode_with(*find_layout_encoder("raw"), tensor.view(), options);
    ASSERT_TRUE(coded);
    ASSERT_EQ((*coded)[2], kHuffmanId);
    ByteReader head(ByteView(*coded).subspan(3));
    head.varint();
    log_parts.insert(head.u8() >> 4);
    ASSERT_EQ(spec::decode_tensor(*coded, tensor.data.size()), tensor.data) << count;
  }
  EXPECT_THAT(log_parts, testing::ElementsAre(2, 6, 7));
}

TEST(SpecDecoderStages, ReadsSymbolsOfTwoBytes) {
  // Ranks that repeat at a distance, which only zstd sees.
  std::vector<Symbol> symbols(6000);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    symbols[i] = static_cast<Symbol>((i % 300) * 7 % 1000);
  }
  Encoding stream;
  encode_stream(symbols, 1000, StageChoice::kSmallest, stream);
  const Bytes& coded = stream.bytes;
  ASSERT_EQ(coded.front(), kZstdId);
  spec::Input in(coded);
  EXPECT_THAT(spec::decode_stream(in, symbols.size(), 1000), testing::ElementsAreArray(symbols));
  EXPECT_TRUE(in.at_end());
}

RC_GTEST_PROP(SpecDecoderProperty, ReadsWhatTheEncoderChooses, ()) {
  const auto pattern = static_cast<Pattern>(*rc::gen::inRange<std::size_t>(0, kPatternCount));
  const Element element = *rc::gen::elementOf(kElements);
  const auto count = *rc::gen::inRange<std::size_t>(0, 3000);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const ChannelMap channels = {.count = *rc::gen::inRange<std::uint64_t>(1, 9),
                               .stride = *rc::gen::inRange<std::uint64_t>(1, 50),
                               .first = *rc::gen::inRange<std::uint64_t>(0, 100)};
  TestTensor tensor = make_tensor(pattern, element, count, seed, channels);
  tensor.grid = {.columns = *rc::gen::inRange<std::uint64_t>(1, 9),
                 .taps = *rc::gen::inRange<std::uint64_t>(1, 80),
                 .width = 1,
                 .first = *rc::gen::inRange<std::uint64_t>(0, 100)};
  tensor.grid.width = *rc::gen::inRange<std::uint64_t>(1, tensor.grid.taps + 1);
  const Bytes coded = encode_tensor(tensor.view(), *rc::gen::elementOf(option_list()));
  RC_ASSERT(spec::decode_tensor(coded, tensor.data.size()) == tensor.data);
}

// A codebook with every form of difference: random streams of bits as codebooks of each element.
RC_GTEST_PROP(SpecDecoderProperty, ReadsSortedCodebooks, ()) {
  const Element element = *rc::gen::elementOf(kElements);
  const auto wanted =
      *rc::gen::container<std::set<std::uint64_t>>(rc::gen::arbitrary<std::uint64_t>());
  const auto shift = *rc::gen::inRange<unsigned>(0, 60);
  // Twice each value, so that a codebook pays.
  TestTensor tensor{{}, element};
  for (int copy = 0; copy < 2; ++copy) {
    for (const std::uint64_t value : wanted) {
      const std::size_t at = tensor.data.size();
      tensor.data.resize(at + element.width);
      store_pattern(tensor.data.data() + at, element.width, value << shift % (8U * element.width));
    }
  }
  RC_PRE(!wanted.empty());
  const auto coded = encode_with(*find_layout_encoder("palette"), tensor.view(), {});
  RC_ASSERT(coded.has_value());
  RC_ASSERT(spec::decode_tensor(*coded, tensor.data.size()) == tensor.data);
}

TEST(SpecDecoderRefusals, BrokenRules) {
  const TestTensor tensor = make_tensor(Pattern::kSparseFew, {4, true}, 300, 1);
  Bytes coded = encode_tensor(tensor.view(), {});
  ASSERT_EQ(coded[0], static_cast<std::uint8_t>(LayoutId::kCsr));
  EXPECT_THROW(spec::decode_tensor(coded, 10 * sizeof(float)), spec::Broken);
  EXPECT_THROW(spec::decode_tensor(ByteView(coded).first(coded.size() - 1), tensor.data.size()),
               spec::Broken);
  coded.push_back(0);
  EXPECT_THROW(spec::decode_tensor(coded, tensor.data.size()), spec::Broken);
}

}  // namespace
}  // namespace qc
