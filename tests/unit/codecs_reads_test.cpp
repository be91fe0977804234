// Readers of layouts give the same elements however many are asked for at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/layout.h"
#include "codecs/encode/tensor_encoder.h"
#include "codecs/shared/simd/stream_copy.h"
#include "core/random.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

constexpr std::size_t kHead = 2;  // the bytes of layout and element
constexpr std::size_t kLine = 64;

// More elements than a bitmap's reader holds at a time, and a last read that is no whole unit.
constexpr std::size_t kCount = 8 * kBlock + 5 * kReadUnit + 77;

/// Memory that the reader's stores past the caches may go to.
class Lines {
 public:
  explicit Lines(std::size_t size)
      : size_(size),
        memory_(
            static_cast<std::uint8_t*>(std::aligned_alloc(kLine, (size + kLine) / kLine * kLine))) {
    std::fill_n(memory_.get(), size, 0xee);
  }

  std::uint8_t* at(std::size_t offset) { return memory_.get() + offset; }
  ByteView bytes() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const noexcept { std::free(memory); }
  };

  std::size_t size_;
  std::unique_ptr<std::uint8_t[], Free> memory_;
};

/// The size of the next read, in elements; a multiple of kReadUnit.
class Sizes {
 public:
  explicit Sizes(std::uint64_t seed) : random_(seed) {}

  std::size_t next(std::size_t most_units) {
    switch (random_.next() % 3) {
      case 0:
        return kReadUnit;
      case 1:
        return std::min(kBlock, most_units * kReadUnit);
      default:
        return kReadUnit * (1 + random_.next() % most_units);
    }
  }

 private:
  SplitMix64 random_;
};

enum class Calls { kRead, kStream, kBoth };

/// What the reader of a coded tensor gives in pieces; nothing when it says that they are wrong.
std::optional<Lines> read_in_pieces(const LayoutEncoder& layout, const TestTensor& tensor,
                                    ByteView coded, std::uint64_t seed, Calls calls) {
  DecodeContext context;
  context.reset(tensor.data.size());
  ByteReader in(coded.subspan(kHead));
  const unsigned width = tensor.element.width;
  const std::size_t count = tensor.data.size() / width;
  ElementReader* reader = layout.decoder.open(in, tensor.element, count, context, nullptr);
  if (reader == nullptr) return std::nullopt;
  Lines out(tensor.data.size());
  std::vector<std::uint8_t> scratch(kBlock * width);
  Sizes sizes(seed);
  SplitMix64 coin(seed + 1);
  for (std::size_t done = 0; done < count;) {
    const bool streams = calls == Calls::kStream || (calls == Calls::kBoth && coin.next() % 2 == 0);
    // A stream is of a block at most.
    const std::size_t wanted = sizes.next((streams ? 1 : 3) * kBlock / kReadUnit);
    const std::size_t some = std::min(wanted, count - done);
    if (streams) {
      reader->stream(out.at(done * width), some, width, scratch.data());
    } else {
      reader->read(out.at(done * width), some);
    }
    done += some;
  }
  stream_fence();
  if (!reader->finish()) return std::nullopt;
  return out;
}

void expect_same_in_pieces(const LayoutEncoder& layout, const TestTensor& tensor, ByteView coded) {
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    for (const Calls calls : {Calls::kRead, Calls::kStream, Calls::kBoth}) {
      const auto pieces = read_in_pieces(layout, tensor, coded, seed, calls);
      ASSERT_TRUE(pieces) << "seed " << seed << ", calls " << static_cast<int>(calls);
      ASSERT_TRUE(std::ranges::equal(pieces->bytes(), tensor.data))
          << "seed " << seed << ", calls " << static_cast<int>(calls);
    }
  }
}

class Reads : public testing::TestWithParam<const LayoutEncoder*> {};

INSTANTIATE_TEST_SUITE_P(Layouts, Reads, testing::ValuesIn(layout_encoders()),
                         [](const auto& test) {
                           std::string name(test.param->name());
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(Reads, AnyLegalSizesGiveTheSameElements) {
  const LayoutEncoder& layout = *GetParam();
  EncodeOptions options;
  options.stages = StageChoice::kHuffman;
  // Repeats are slow to find where nearly all elements are alike.
  const std::size_t count = layout.id() == LayoutId::kRepeats ? kCount / 4 : kCount;
  std::size_t written = 0;
  for (const Element element : {Element{1, false}, Element{4, true}}) {
    for (const Pattern pattern :
         {Pattern::kFew, Pattern::kHalfZero, Pattern::kVerySparse, Pattern::kConstant,
          Pattern::kChannelAlpha, Pattern::kFiveLevels, Pattern::kHalfExact}) {
      SCOPED_TRACE(describe(pattern, element, count));
      const TestTensor tensor = make_tensor(pattern, element, count, 5, {16, 25, 1000});
      const auto coded = encode_with(layout, tensor.view(), options);
      if (!coded) continue;
      ++written;
      expect_same_in_pieces(layout, tensor, *coded);
    }
  }
  EXPECT_GT(written, 0u);
}

}  // namespace
}  // namespace qc::test
