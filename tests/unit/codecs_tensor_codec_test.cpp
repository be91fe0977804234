// encode_tensor() chooses well, always the same, and its description adds up.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"
#include "core/error.h"
#include "core/float_types.h"
#include "report/breakdown.h"
#include "system/page_buffer.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

// The head of a tensor and of the one stream in raw: layout, element, stage, length, bit width.
constexpr std::size_t kRawOverhead = 2 + 1 + 5 + 1;

struct AnyTensor {
  TestTensor tensor;
  Pattern pattern;
};

AnyTensor any_tensor() {
  const Element element = *rc::gen::elementOf(kElements);
  const auto pattern = static_cast<Pattern>(*rc::gen::inRange<std::size_t>(0, kPatternCount));
  const auto count = *rc::gen::inRange<std::size_t>(0, 2000);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  return {make_tensor(pattern, element, count, seed, {8, 11, 0}), pattern};
}

CodedTensorInfo described(ByteView coded, std::size_t size) {
  DecodeContext context;
  CodedTensorInfo info;
  EXPECT_EQ(describe_tensor(coded, size, context, info), nullptr);
  return info;
}

RC_GTEST_PROP(EncodeTensor, IsDeterministic, ()) {
  const AnyTensor any = any_tensor();
  const Bytes copy = any.tensor.data;  // elsewhere in memory
  const TensorView moved{copy, any.tensor.element, any.tensor.channels};
  RC_ASSERT(encode_tensor(any.tensor.view(), {}) == encode_tensor(moved, {}));
}

RC_GTEST_PROP(EncodeTensor, IsNeverMuchLargerThanTheBytes, ()) {
  const AnyTensor any = any_tensor();
  RC_ASSERT(encode_tensor(any.tensor.view(), {}).size() <= any.tensor.data.size() + kRawOverhead);
}

RC_GTEST_PROP(EncodeTensor, TakesTheSmallestLayout, ()) {
  const AnyTensor any = any_tensor();
  const std::size_t fast = encode_tensor(any.tensor.view(), {}).size();
  const std::size_t size = encode_tensor(any.tensor.view(), {.slow_layouts = true}).size();
  RC_ASSERT(size <= fast);
  const Analysis analysis(any.tensor.view());
  for (const LayoutEncoder* layout : layout_encoders()) {
    if (!worth_trying(*layout, analysis)) continue;
    EncodeOptions options;
    options.layout = layout->id();
    // Slow stages are tried only for less than there is.
    options.bytes_to_beat = layout->slow ? size : fast;
    const std::size_t forced = encode_tensor(any.tensor.view(), options).size();
    RC_ASSERT((layout->slow ? size : fast) <= forced);
  }
}

TEST(DecodeTensor, StreamsTheSameBytes) {
  for (const Pattern pattern : {Pattern::kSparseFew, Pattern::kHalfZero, Pattern::kBell}) {
    const TestTensor tensor = make_tensor(pattern, {4, true}, (std::size_t{1} << 19) + 13, 1);
    const Bytes coded = encode_tensor(tensor.view(), presets::kFast);
    const std::size_t size = tensor.data.size();
    const PageBuffer memory(size + 64);
    DecodeContext context;
    for (const std::size_t offset : {0u, 4u}) {  // aligned to a line, and not
      const MutableBytes out = memory.bytes().subspan(offset, size);
      ASSERT_EQ(decode_tensor(coded, out, context, StoreMode::kStreaming), nullptr);
      EXPECT_TRUE(std::equal(out.begin(), out.end(), tensor.data.begin()));
    }
  }
}

RC_GTEST_PROP(EncodeTensor, TakesTheSmallestStage, ()) {
  const AnyTensor any = any_tensor();
  EncodeOptions huffman;
  huffman.stages = StageChoice::kHuffman;
  RC_ASSERT(encode_tensor(any.tensor.view(), {}).size() <=
            encode_tensor(any.tensor.view(), huffman).size());
}

RC_GTEST_PROP(DescribeTensor, AccountsForEveryByte, ()) {
  const AnyTensor any = any_tensor();
  EncodeOptions options;
  const auto layouts = layout_encoders();
  options.layout = layouts[*rc::gen::inRange<std::size_t>(0, layouts.size())]->id();
  options.stages = *rc::gen::element(StageChoice::kSmallest, StageChoice::kHuffman);
  const Bytes coded = encode_tensor(any.tensor.view(), options);
  const CodedTensorInfo info = described(coded, any.tensor.data.size());
  const CodedStats& stats = info.stats;
  const std::uint64_t told =
      stats.value_bytes + stats.index_bytes + stats.codebook_bytes + stats.table_bytes;
  RC_ASSERT(told <= coded.size());
  // What is left are ids, counts and lengths: at most 8 planes, or a few streams and layouts.
  RC_ASSERT(coded.size() - told <= 64u);
  RC_ASSERT(info.element == any.tensor.element);
  RC_ASSERT(static_cast<std::uint8_t>(info.stats.layouts().front()->id) == coded.front());
  RC_ASSERT(stats.value_symbols <= any.tensor.view().count());
}

// Han et al., figure 2: gaps of 3 bits, the last one bridged by a filler.
TEST(DescribeTensor, CountsStoredValuesGapsAndFillers) {
  TestTensor tensor{Bytes(16), {1, false}};
  tensor.data[1] = 34;
  tensor.data[4] = 9;
  tensor.data[15] = 17;
  EncodeOptions options;
  options.layout = LayoutId::kCsr;
  options.gap_bits = 3;
  options.gap_mode = GapMode::kFiller;
  const CodedTensorInfo fillers = described(encode_tensor(tensor.view(), options), 16);
  EXPECT_EQ(fillers.stats.value_symbols, 4u);
  EXPECT_EQ(fillers.stats.index_symbols, 4u);
  EXPECT_EQ(fillers.stats.index_bits, 3u);
  options.gap_mode = GapMode::kEscape;
  const CodedTensorInfo escapes = described(encode_tensor(tensor.view(), options), 16);
  EXPECT_EQ(escapes.stats.value_symbols, 3u);
  EXPECT_EQ(escapes.stats.index_symbols, 4u);
}

TEST(DescribeTensor, KnowsTheInnerLayoutAndItsCodebook) {
  const TestTensor tensor = make_tensor(Pattern::kSparseFew, {4, true}, 20000, 1);
  EncodeOptions options;
  options.layout = LayoutId::kCsr;
  const CodedTensorInfo info = described(encode_tensor(tensor.view(), options), tensor.data.size());
  EXPECT_EQ(layout_names(info.stats), "csr+palette");
  EXPECT_TRUE(info.stats.has_palette);
  EXPECT_EQ(info.stats.codebook_size, 15u);
  EXPECT_EQ(info.stats.value_bits, 4u);
  EXPECT_EQ(info.stats.value_symbols, tensor.data.size() / 4 - Analysis(tensor.view()).zeros());
}

TEST(DescribeTensor, NamesEveryNestedLayout) {
  // Sparse values that fit halves, few of them: stored as ranks of halves.
  TestTensor tensor = make_tensor(Pattern::kSparseFew, {4, true}, 20000, 1);
  for (std::size_t at = 0; at < tensor.data.size(); at += sizeof(float)) {
    const float value = load_le<float>(tensor.data.data() + at);
    store_le(tensor.data.data() + at, half_to_float(float_to_half(value)));
  }
  const Analysis analysis(tensor.view());
  const NonZeros& nonzeros = analysis.nonzeros();
  Bytes coded{static_cast<std::uint8_t>(LayoutId::kBitmap), element_code(tensor.element)};
  append_varint(coded, nonzeros.values.size() / sizeof(float));
  Encoding streams;
  encode_stream(std::vector<Symbol>(nonzeros.bitmap.begin(), nonzeros.bitmap.end()), 256,
                StageChoice::kSmallest, streams);
  streams.bytes.push_back(static_cast<std::uint8_t>(LayoutId::kNarrow));
  ASSERT_TRUE(find_layout_encoder(LayoutId::kNarrow)
                  ->encode(Analysis({nonzeros.values, tensor.element}), {}, streams));
  append(coded, streams.bytes);
  EXPECT_EQ(decode(coded, tensor.data.size()), tensor.data);
  EXPECT_EQ(layout_names(described(coded, tensor.data.size()).stats), "bitmap+narrow+palette");
}

TEST(DescribeTensor, CountsTheBitmapInBytes) {
  const TestTensor tensor = make_tensor(Pattern::kHalfZero, {4, true}, 1001, 1);
  EncodeOptions options;
  options.layout = LayoutId::kBitmap;
  const CodedTensorInfo info = described(encode_tensor(tensor.view(), options), tensor.data.size());
  EXPECT_EQ(info.stats.index_symbols, 126u);
  EXPECT_EQ(info.stats.index_bits, 8u);
  EXPECT_LE(info.stats.index_bytes, 126u + 1);
}

TEST(DescribeTensor, TellsHuffmanFromTheRest) {
  const TestTensor skewed = make_tensor(Pattern::kSparseFew, {4, true}, 20000, 1);
  EncodeOptions options;
  options.stages = StageChoice::kHuffman;
  const CodedTensorInfo info = described(encode_tensor(skewed.view(), options), skewed.data.size());
  EXPECT_TRUE(info.stats.index_huffman);
  EXPECT_GT(info.stats.table_bytes, 0u);
  const TestTensor uniform = make_tensor(Pattern::kUniform, {4, true}, 2000, 1);
  const CodedTensorInfo plain = described(encode_tensor(uniform.view(), {}), uniform.data.size());
  EXPECT_FALSE(plain.stats.value_huffman);
  EXPECT_EQ(plain.stats.table_bytes, 0u);
}

// What the structure of a tensor must be worth.
TEST(EncodeTensor, FindsTheStructure) {
  const auto coded_size = [](Pattern pattern, ChannelMap channels = {}) {
    return encode_tensor(make_tensor(pattern, {4, true}, 10000, 5, channels).view(), {}).size();
  };
  EXPECT_LE(coded_size(Pattern::kZero), 6u);
  EXPECT_LE(coded_size(Pattern::kConstant), 6u);
  EXPECT_LE(coded_size(Pattern::kZeros), 10000 / 8 + 32u);
  EXPECT_LE(coded_size(Pattern::kHalfExact), 20000 + 32u);
  EXPECT_LE(coded_size(Pattern::kBfloatExact), 20000 + 32u);
  EXPECT_LE(coded_size(Pattern::kChannelAlpha, {50, 200, 0}), 10000 / 8 + 50 * 9 + 32u);
  EXPECT_LE(coded_size(Pattern::kBell), 40000 * 0.93);
}

TEST(DecodeTensor, RefusesWhatIsNotAnEncodedTensor) {
  DecodeContext context;
  Bytes out(8);
  const auto failure = [&](const Bytes& coded) { return decode_tensor(coded, out, context); };
  EXPECT_STREQ(failure({}), "it names an unknown layout");
  EXPECT_STREQ(failure({99, 4}), "it names an unknown layout");
  EXPECT_STREQ(failure({3, 3, 0, 0, 0}), "it names an unknown element");
  EXPECT_STREQ(failure({3, 0x20 | 4, 0, 0, 0, 0}), "it names an unknown element");
  EXPECT_STREQ(failure({3, 4, 1, 2, 3}), "a constant is cut short");
  EXPECT_STREQ(failure({3, 4, 1, 2, 3, 4, 5}), "it has bytes left over");
  EXPECT_EQ(failure({3, 4, 1, 2, 3, 4}), nullptr);
  EXPECT_EQ(out, (Bytes{1, 2, 3, 4, 1, 2, 3, 4}));
  Bytes odd(7);  // no whole number of elements
  EXPECT_STREQ(decode_tensor(Bytes{3, 4, 1, 2, 3, 4}, odd, context), "it names an unknown element");
}

}  // namespace
}  // namespace qc::test
