// A layout that nothing else knows: two rows and the functions in them are all that a layout is.
#include <gtest/gtest.h>

#include <algorithm>

#include "codecs/decode/layout.h"
#include "codecs/encode/layout.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

// Elements in even places, then those in odd places, each as the best dense layout has them.
class AlternateReader final : public ElementReader {
 public:
  std::array<ElementReader*, 2> halves{};
  std::uint8_t* blocks = nullptr;  // of each half
  unsigned width = 1;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    while (count > 0) {
      const std::size_t some = std::min(count, 2 * kBlock);
      std::uint8_t* const odd = blocks + kBlock * width;
      halves[0]->read(blocks, some - some / 2);
      halves[1]->read(odd, some / 2);
      for (std::size_t i = 0; i < some; ++i) {
        std::memcpy(out + i * width, (i % 2 == 0 ? blocks : odd) + i / 2 * width, width);
      }
      out += some * width;
      count -= some;
    }
  }

  bool finish() noexcept override { return halves[0]->finish() && halves[1]->finish(); }
};

ElementReader* open(ByteReader& in, Element element, std::uint64_t count, DecodeContext& context,
                    CodedStats* stats) noexcept {
  auto* reader = context.make<AlternateReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->width = element.width;
  reader->blocks = context.make_array<std::uint8_t>(2 * kBlock * element.width);
  reader->halves[0] = open_dense(in, element, count - count / 2, context, stats);
  if (reader->blocks == nullptr || reader->halves[0] == nullptr) return nullptr;
  reader->halves[1] = open_dense(in, element, count / 2, context, stats);
  return reader->halves[1] != nullptr ? reader : nullptr;
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const unsigned width = tensor.element().width;
  std::array<Bytes, 2> halves;
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    append(halves[i % 2], tensor.tensor().data.subspan(i * width, width));
  }
  for (const Bytes& half : halves) encode_dense({half, tensor.element()}, options, out);
  return true;
}

const LayoutDecoder kAlternateDecoder = {
    .id = LayoutId{200}, .name = "alternate", .is_dense = false, .open = open};
const LayoutEncoder kAlternateEncoder = {.decoder = kAlternateDecoder,
                                         .help = "even elements, then odd ones",
                                         .element_ps = 500,
                                         .encode = encode};

TEST(OwnLayout, ComesBackThroughItsRows) {
  constexpr std::size_t kCount = 20001;
  const TestTensor tensor = make_tensor(Pattern::kFew, {4, true}, kCount, 1);
  Encoding coded;
  ASSERT_TRUE(encode_layout(kAlternateEncoder, Analysis(tensor.view()), {}, coded));
  EXPECT_LT(coded.bytes.size(), tensor.data.size() / 4);
  EXPECT_GE(coded.decode_ps, 500 * kCount);

  DecodeContext context;
  context.reset(tensor.data.size());
  ByteReader in(coded.bytes);
  CodedStats stats;
  ElementReader* reader = kAlternateDecoder.open(in, {4, true}, kCount, context, &stats);
  ASSERT_NE(reader, nullptr) << context.reason();
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(stats.value_symbols, kCount);
  Bytes out(tensor.data.size());
  reader->read(out.data(), kCount);
  EXPECT_TRUE(reader->finish());
  EXPECT_EQ(out, tensor.data);
}

}  // namespace
}  // namespace qc::test
