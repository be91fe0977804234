// What FORMAT.md refuses, and that the code and the decoder written from the document refuse alike.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/layout_table.h"
#include "codecs/encode/stage.h"
#include "codecs/encode/tensor_encoder.h"
#include "core/random.h"
#include "spec_decoder.h"
#include "spec_document.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

constexpr StageId kBitwise[] = {StageId::kBitpack, StageId::kHuffman, StageId::kRadix,
                                StageId::kRans};

/// What the document's decoder makes of a tensor; nothing when it refuses.
std::optional<Bytes> spec_decode(ByteView coded, std::size_t size) {
  try {
    return spec::decode_tensor(coded, size);
  } catch (const spec::Broken&) {
    return std::nullopt;
  }
}

void expect_refused(const Bytes& coded, std::size_t size) {
  EXPECT_EQ(decode(coded, size), std::nullopt);
  EXPECT_EQ(spec_decode(coded, size), std::nullopt);
}

struct Stream {
  std::vector<Symbol> symbols;
  std::uint32_t alphabet = 0;
  Bytes coded;  ///< with the head of a stream
};

/// What the code makes of a stream; nothing when it refuses.
std::optional<std::vector<Symbol>> decode_symbols(const Stream& stream) {
  DecodeContext context;
  context.reset(2 * stream.symbols.size());
  ByteReader in(stream.coded);
  SymbolReader* reader =
      open_stream(in, stream.symbols.size(), stream.alphabet, StreamUse::kValues, context, nullptr);
  if (reader == nullptr || !in.at_end()) return std::nullopt;
  std::vector<Symbol> symbols(stream.symbols.size());
  reader->read(symbols);
  if (!reader->finish()) return std::nullopt;
  return symbols;
}

std::optional<std::vector<Symbol>> spec_symbols(const Stream& stream) {
  try {
    spec::Input in(stream.coded);
    const auto symbols = spec::decode_stream(in, stream.symbols.size(), stream.alphabet);
    if (!in.at_end()) return std::nullopt;
    return std::vector<Symbol>(symbols.begin(), symbols.end());
  } catch (const spec::Broken&) {
    return std::nullopt;
  }
}

/// A stream of that stage, with its size in one byte; nothing when these symbols do not allow it.
std::optional<Stream> make_stream(StageId id, std::uint32_t alphabet, std::uint64_t seed) {
  SplitMix64 random(seed);
  Stream stream{std::vector<Symbol>(id == StageId::kRans ? 600 : 90), alphabet, {}};
  for (Symbol& symbol : stream.symbols) {
    // Mostly 0, so that every stage makes the stream short.
    const std::uint64_t draw = random.next() % 24;
    symbol = static_cast<Symbol>(draw < alphabet ? draw : 0);
  }
  const auto stages = stage_encoders();
  const auto stage =
      std::ranges::find_if(stages, [&](const StageEncoder* row) { return row->id() == id; });
  Bytes body;
  if (!(*stage)->encode(SymbolStream(stream.symbols, alphabet), SIZE_MAX / 128, body) ||
      body.size() > 126) {
    return std::nullopt;
  }
  stream.coded = {static_cast<std::uint8_t>(id), static_cast<std::uint8_t>(body.size())};
  append(stream.coded, body);
  return stream;
}

std::vector<Stream> streams() {
  std::vector<Stream> all;
  for (const StageId id : kBitwise) {
    const std::size_t before = all.size();
    for (const std::uint32_t alphabet : {2U, 3U, 4U, 5U, 7U}) {
      for (std::uint64_t seed = 0; seed < 4; ++seed) {
        if (auto stream = make_stream(id, alphabet, seed)) all.push_back(std::move(*stream));
      }
    }
    EXPECT_GT(all.size(), before + 3) << static_cast<int>(id);
  }
  return all;
}

// A table may say that some symbols have no code where all have one, and choose its Rice parameter.
bool is_free_choice(const Stream& stream, std::size_t bit) {
  const bool has_table = stream.coded[0] == static_cast<std::uint8_t>(StageId::kHuffman) ||
                         stream.coded[0] == static_cast<std::uint8_t>(StageId::kRans);
  return has_table && bit >= 40 && bit < 43;  // after id, size, head, first and inner
}

// Padding in the tables and in the symbols, and whatever else could be there in vain.
TEST(SpecRefusals, EveryBitOfAStreamHasAMeaning) {
  for (Stream stream : streams()) {
    ASSERT_EQ(decode_symbols(stream), stream.symbols);
    ASSERT_EQ(spec_symbols(stream), stream.symbols);
    for (std::size_t bit = 0; bit < 8 * stream.coded.size(); ++bit) {
      stream.coded[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      const auto decoded = decode_symbols(stream);
      EXPECT_TRUE(decoded != stream.symbols || is_free_choice(stream, bit))
          << "stage " << int{stream.coded[0]} << ", bit " << bit;
      ASSERT_EQ(decoded, spec_symbols(stream))
          << "stage " << int{stream.coded[0]} << ", bit " << bit;
      stream.coded[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    }
  }
}

/// The bytes with the one at `at` as a varint of two bytes.
Bytes with_longer_varint(const Bytes& bytes, std::size_t at) {
  Bytes longer = bytes;
  longer[at] |= 0x80;
  longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(at) + 1, 0);
  return longer;
}

TEST(SpecRefusals, NoVarintInAStreamIsLongerThanItNeedBe) {
  std::size_t tried = 0;
  for (const Stream& stream : streams()) {
    for (std::size_t at = 2; at < stream.coded.size(); ++at) {
      if (stream.coded[at] >= 0x80) continue;
      Stream longer = stream;
      longer.coded = with_longer_varint(stream.coded, at);
      ++longer.coded[1];
      ASSERT_NE(decode_symbols(longer), stream.symbols) << "byte " << at;
      ASSERT_NE(spec_symbols(longer), stream.symbols) << "byte " << at;
      ++tried;
    }
  }
  EXPECT_GT(tried, 500U);
}

/// Tensors in every layout.
struct Coded {
  Bytes original;
  Bytes coded;
};

std::vector<Coded> coded_tensors() {
  constexpr std::size_t kCount = 70;
  constexpr Pattern kSome[] = {Pattern::kBell,      Pattern::kSparseFew,    Pattern::kHalfZero,
                               Pattern::kConstant,  Pattern::kChannelAlpha, Pattern::kHalfExact,
                               Pattern::kFiveLevels};
  std::vector<Coded> all;
  for (const LayoutEncoder* layout : layout_encoders()) {
    const std::size_t before = all.size();
    for (const Element element : kElements) {
      for (const Pattern pattern : kSome) {
        TestTensor tensor = make_tensor(pattern, element, kCount, all.size(), {5, 14, 0});
        tensor.grid = {.columns = 2, .taps = 4, .width = 2, .first = 0};
        const EncodeOptions options = {.gap_mode = all.size() % 2 == 0 ? GapMode::kEscape
                                                                       : GapMode::kFiller};
        const auto coded = encode_with(*layout, tensor.view(), options);
        if (coded) all.push_back({tensor.data, *coded});
      }
    }
    EXPECT_GT(all.size(), before) << layout->name();
  }
  return all;
}

TEST(SpecRefusals, NoVarintOfALayoutIsLongerThanItNeedBe) {
  for (const Coded& tensor : coded_tensors()) {
    for (std::size_t at = 2; at < tensor.coded.size(); ++at) {
      if (tensor.coded[at] >= 0x80) continue;
      const Bytes longer = with_longer_varint(tensor.coded, at);
      ASSERT_NE(decode(longer, tensor.original.size()), tensor.original)
          << "layout " << int{tensor.coded[0]} << ", byte " << at;
      ASSERT_NE(spec_decode(longer, tensor.original.size()), tensor.original)
          << "layout " << int{tensor.coded[0]} << ", byte " << at;
    }
  }
}

TEST(SpecRefusals, PaddingOfACodebookIsZero) {
  // Two of its bits pad the byte 07 of the codebook; see 11.2.
  const Bytes container = spec::example_bytes("container");
  Bytes unit(container.begin() + 0x10, container.begin() + 0x31);
  ASSERT_EQ(unit[0x19], 0x07);
  constexpr std::size_t kSize = 768;
  ASSERT_NE(decode(unit, kSize), std::nullopt);
  ASSERT_EQ(decode(unit, kSize), spec_decode(unit, kSize));
  for (const unsigned bits : {0x40U, 0x80U, 0xc0U}) {
    unit[0x19] = static_cast<std::uint8_t>(0x07 | bits);
    expect_refused(unit, kSize);
  }
}

TEST(SpecRefusals, NoEscapeComesLast) {
  // csr of bytes, gaps of two bits with escapes; one value, 9.
  const Bytes fine = {6, 1, 2, 1, 1, 0, 2, 2, 0x01, 3, 9};
  const Bytes expected = {0, 9, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(decode(fine, 8), expected);
  EXPECT_EQ(spec_decode(fine, 8), expected);
  const Bytes escape_first = {6, 1, 2, 1, 2, 0, 2, 2, 0x07, 3, 9};
  const Bytes later = {0, 0, 0, 0, 9, 0, 0, 0};
  EXPECT_EQ(decode(escape_first, 8), later);
  EXPECT_EQ(spec_decode(escape_first, 8), later);
  expect_refused({6, 1, 2, 1, 2, 0, 2, 2, 0x0d, 3, 9}, 8);
  expect_refused({6, 1, 2, 0, 1, 0, 2, 2, 0x03, 3, 9}, 8);
  // As a filler's gap it is a gap like others.
  const Bytes filler = {6, 1, 0x12, 2, 2, 0, 2, 2, 0x0d, 3, 9};
  EXPECT_EQ(decode(filler, 8), (Bytes{0, 9, 0, 0, 0, 9, 0, 0}));
  EXPECT_EQ(decode(filler, 8), spec_decode(filler, 8));
}

TEST(SpecRefusals, FiveLevelsAreNotForFloatsOfOneByte) {
  const auto levels = [](std::uint8_t element, std::uint8_t mantissa, const Bytes& scale) {
    Bytes coded = {8, element, 5, mantissa, 1, 1, 0, 3};
    append(coded, scale);
    append(coded,
           Bytes{1, 0, 2, 3, 0x04});  // groups of one; symbol 4 in three bits: twice the scale
    return coded;
  };
  const Bytes half = levels(0x12, 10, {0x00, 0x3c});
  EXPECT_EQ(decode(half, 2), (Bytes{0x00, 0x40}));
  EXPECT_EQ(spec_decode(half, 2), (Bytes{0x00, 0x40}));
  for (unsigned mantissa = 0; mantissa < 256; ++mantissa) {
    expect_refused(levels(0x11, static_cast<std::uint8_t>(mantissa), {0x38}), 1);
  }
}

// Damaged tensors: both decoders refuse them, or both make the same elements of them.
TEST(SpecRefusals, BothDecodersTreatDamageAlike) {
  SplitMix64 random(1);
  std::size_t refused = 0;
  std::size_t accepted = 0;
  for (const Coded& tensor : coded_tensors()) {
    for (int round = 0; round < 40; ++round) {
      Bytes coded = tensor.coded;
      for (std::uint64_t left = 1 + random.next() % 3; left > 0; --left) {
        const std::size_t at = 1 + random.next() % (coded.size() - 1);
        const bool flips = random.next() % 4 != 0;
        coded[at] = static_cast<std::uint8_t>(flips ? coded[at] ^ (1U << (random.next() % 8))
                                                    : random.next());
      }
      const auto decoded = decode(coded, tensor.original.size());
      ASSERT_EQ(decoded, spec_decode(coded, tensor.original.size()))
          << "layout " << int{tensor.coded[0]} << ", round " << round;
      ++(decoded ? accepted : refused);
    }
  }
  EXPECT_GT(refused, 1000U);
  EXPECT_GT(accepted, 1000U);
}

}  // namespace
}  // namespace qc::test
