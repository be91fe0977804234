// Streams of symbols through every entropy stage.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "codecs/encode/entropy.h"
#include "codecs/encode/stage.h"
#include "codecs/encode/stage_table.h"
#include "core/random.h"

namespace qc::test {
namespace {

using Symbols = std::vector<Symbol>;

enum class Skew { kUniform, kSteep, kSingle, kPeriodic, kEnds };
constexpr std::array kSkews = {Skew::kUniform, Skew::kSteep, Skew::kSingle, Skew::kPeriodic,
                               Skew::kEnds};

Symbols make_symbols(Skew skew, std::uint32_t alphabet, std::size_t count, std::uint64_t seed) {
  SplitMix64 random(seed);
  Symbols symbols(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t symbol = 0;
    switch (skew) {
      case Skew::kUniform:
        symbol = random.next();
        break;
      case Skew::kSteep:  // each half as likely as the one before
        while (random.next() % 2 == 0) ++symbol;
        break;
      case Skew::kSingle:
        symbol = alphabet - 1;
        break;
      case Skew::kPeriodic:
        symbol = i % 7;
        break;
      case Skew::kEnds:
        symbol = random.next() % 9 == 0 ? alphabet - 1 : 0;
        break;
    }
    symbols[i] = static_cast<Symbol>(symbol % alphabet);
  }
  return symbols;
}

const auto kNoLimit = std::numeric_limits<std::size_t>::max();

std::optional<Bytes> encode(const StageEncoder& stage, const Symbols& symbols,
                            std::uint32_t alphabet, std::size_t limit = kNoLimit) {
  Bytes out;
  if (!stage.encode(SymbolStream(symbols, alphabet), limit, out)) {
    EXPECT_TRUE(out.empty()) << "a refusal must leave nothing";
    return std::nullopt;
  }
  return out;
}

/// Reads in steps of `step`; nothing when the stream is refused before or after.
std::optional<Symbols> read_all(SymbolReader* reader, std::size_t count, std::size_t step,
                                std::uint32_t alphabet) {
  if (reader == nullptr) return std::nullopt;
  Symbols symbols(count);
  for (std::size_t at = 0; at < count; at += step) {
    reader->read(std::span(symbols).subspan(at, std::min(step, count - at)));
  }
  // Whatever the input was, a layout may use symbols as indices.
  for (const Symbol symbol : symbols) EXPECT_LT(symbol, alphabet);
  if (!reader->finish()) return std::nullopt;
  return symbols;
}

std::optional<Symbols> decode(const StageEncoder& stage, ByteView coded, std::size_t count,
                              std::uint32_t alphabet, std::size_t step = kBlock) {
  DecodeContext context;
  context.reset(2 * count);
  std::uint64_t table_bytes = 0;
  return read_all(stage.decoder.open(coded, count, alphabet, context, table_bytes), count, step,
                  alphabet);
}

constexpr std::array<std::uint32_t, 14> kAlphabets = {
    1, 2, 3, 5, 6, 16, 255, 256, 257, 300, 512, 4096, 16383, kMaxAlphabet};

/// `alphabet`, or the largest that the stage takes.
std::uint32_t alphabet_for(const StageEncoder& stage, std::uint32_t alphabet) {
  return stage.id() == StageId::kRadix ? 6 : alphabet;
}

class EveryStage : public testing::TestWithParam<const StageEncoder*> {};

INSTANTIATE_TEST_SUITE_P(Stages, EveryStage,
                         testing::ValuesIn(stage_encoders().begin(), stage_encoders().end()),
                         [](const auto& test) { return std::string(test.param->decoder.name); });

TEST_P(EveryStage, GivesTheSymbolsBack) {
  int coded_streams = 0;
  for (const std::uint32_t alphabet : kAlphabets) {
    for (const Skew skew : kSkews) {
      for (const std::size_t count : {0U, 1U, 2U, 63U, 64U, 65U, 1000U, 4095U, 4096U, 4097U}) {
        const Symbols symbols = make_symbols(skew, alphabet, count, count);
        const std::optional<Bytes> coded = encode(*GetParam(), symbols, alphabet);
        if (!coded) continue;
        ++coded_streams;
        for (const std::size_t step : {kReadUnit, 3 * kReadUnit, kBlock}) {
          EXPECT_TRUE(decode(*GetParam(), *coded, count, alphabet, step) == symbols)
              << alphabet << " symbols, skew " << static_cast<int>(skew) << ", count " << count;
        }
      }
    }
  }
  // Digits are for few alphabets, rANS for long streams.
  const bool limited = GetParam()->id() == StageId::kRadix || GetParam()->id() == StageId::kRans;
  EXPECT_GT(coded_streams, limited ? 100 : 200);
}

// The Huffman stage cuts its stream into 1, 4, 64 or 128 parts.
TEST_P(EveryStage, GivesLongStreamsBack) {
  for (const std::size_t boundary : {1u << 12, 1u << 16, 1u << 18}) {
    for (const std::size_t count : {boundary - 1, boundary + 0, boundary + 65}) {
      // zstd has no parts, and takes long over what it cannot compress.
      const Skew skew = GetParam()->id() == StageId::kZstd ? Skew::kPeriodic : Skew::kSteep;
      const std::uint32_t alphabet = alphabet_for(*GetParam(), 300);
      const Symbols symbols = make_symbols(skew, alphabet, count, 9);
      const std::optional<Bytes> coded = encode(*GetParam(), symbols, alphabet);
      ASSERT_TRUE(coded.has_value());
      EXPECT_TRUE(decode(*GetParam(), *coded, count, alphabet) == symbols) << count;
    }
  }
}

TEST_P(EveryStage, RefusesBytesLeftOverAndBytesMissing) {
  const std::uint32_t alphabet = alphabet_for(*GetParam(), 40);
  const Symbols symbols = make_symbols(Skew::kSteep, alphabet, 5000, 3);
  const std::optional<Bytes> coded = encode(*GetParam(), symbols, alphabet);
  ASSERT_TRUE(coded.has_value());
  Bytes longer = *coded;
  longer.push_back(0);
  EXPECT_EQ(decode(*GetParam(), longer, symbols.size(), alphabet), std::nullopt);
  for (std::size_t size = 0; size < coded->size(); ++size) {
    EXPECT_EQ(decode(*GetParam(), ByteView(*coded).first(size), symbols.size(), alphabet),
              std::nullopt)
        << size << " of " << coded->size() << " bytes";
  }
}

TEST_P(EveryStage, RefusesSymbolsOutsideTheAlphabet) {
  const std::uint32_t alphabet = alphabet_for(*GetParam(), 200);
  const Symbols symbols = make_symbols(Skew::kUniform, alphabet, 3000, 3);
  const std::optional<Bytes> coded = encode(*GetParam(), symbols, alphabet);
  ASSERT_TRUE(coded.has_value());
  EXPECT_EQ(decode(*GetParam(), *coded, symbols.size(), alphabet - 1), std::nullopt);
  EXPECT_EQ(decode(*GetParam(), *coded, symbols.size(), 1), std::nullopt);
}

TEST_P(EveryStage, RefusesAnotherNumberOfSymbols) {
  const std::uint32_t alphabet = alphabet_for(*GetParam(), 40);
  const Symbols symbols = make_symbols(Skew::kSteep, alphabet, 5000, 3);
  const std::optional<Bytes> coded = encode(*GetParam(), symbols, alphabet);
  ASSERT_TRUE(coded.has_value());
  for (const std::size_t count : {0u, 1u, 4000u, 4900u, 5100u, 6000u}) {
    EXPECT_EQ(decode(*GetParam(), *coded, count, alphabet), std::nullopt) << count;
  }
}

TEST_P(EveryStage, KeepsToTheLimit) {
  const std::uint32_t alphabet = alphabet_for(*GetParam(), 40);
  const Symbols symbols = make_symbols(Skew::kSteep, alphabet, 5000, 3);
  const std::size_t size = encode(*GetParam(), symbols, alphabet)->size();
  EXPECT_TRUE(encode(*GetParam(), symbols, alphabet, size + 1).has_value());
  EXPECT_EQ(encode(*GetParam(), symbols, alphabet, size), std::nullopt);
  EXPECT_EQ(encode(*GetParam(), symbols, alphabet, 1), std::nullopt);
}

RC_GTEST_PROP(Stream, TakesTheSmallestStageAllowed, ()) {
  const auto alphabet = *rc::gen::inRange<std::uint32_t>(1, 1000);
  const auto count = *rc::gen::inRange<std::size_t>(0, 3000);
  const auto skew = *rc::gen::elementOf(kSkews);
  const Symbols symbols = make_symbols(skew, alphabet, count, *rc::gen::arbitrary<std::uint64_t>());
  for (const StageChoice& choice : {StageChoice::kSmallest, StageChoice::kHuffman,
                                    StageChoice::kBalanced, StageChoice::kFast}) {
    Encoding encoding;
    encode_stream(symbols, alphabet, choice, encoding);
    const Bytes& coded = encoding.bytes;
    DecodeContext context;
    context.reset(2 * count);
    ByteReader in(coded);
    SymbolReader* reader = open_stream(in, count, alphabet, StreamUse::kValues, context, nullptr);
    RC_ASSERT(read_all(reader, count, kReadUnit, alphabet) == symbols);
    RC_ASSERT(in.at_end());
    const auto id = static_cast<StageId>(coded.front());
    const auto allowed = [&](StageId stage) {
      return !choice.huffman_only || stage == StageId::kBitpack || stage == StageId::kHuffman;
    };
    RC_ASSERT(allowed(id));
    constexpr std::uint64_t kHead = 4;  // id and length
    for (const StageEncoder* stage : stage_encoders()) {
      if (!allowed(stage->id())) continue;
      // Slow ones are tried only where their estimate is below what there is to beat.
      const std::uint64_t time = std::uint64_t{stage->symbol_ps} * count;
      const std::uint64_t left = choice.cost(encoding) - std::min(choice.cost(encoding), time);
      const std::uint64_t limit = choice.byte_ps == 0 ? coded.size() : left / choice.byte_ps;
      const SymbolStream stream(symbols, alphabet);
      if (stage->may_win != nullptr && !stage->may_win(stream, limit - std::min(limit, kHead))) {
        continue;
      }
      const std::optional<Bytes> other = encode(*stage, symbols, alphabet);
      if (!other) continue;
      const Encoding alone{Bytes(other->size() + kHead), std::uint64_t{stage->symbol_ps} * count};
      RC_ASSERT(choice.cost(encoding) <= choice.cost(alone));
    }
  }
}

TEST(Stream, NamesWhatIsWrongWithItsHead) {
  const auto refusal = [](const Bytes& bytes) {
    DecodeContext context;
    context.reset(100);
    ByteReader in(bytes);
    EXPECT_EQ(open_stream(in, 8, 256, StreamUse::kValues, context, nullptr), nullptr);
    return std::string(context.reason());
  };
  EXPECT_EQ(refusal({}), "a stream is cut short");
  EXPECT_EQ(refusal({0}), "a stream is cut short");
  EXPECT_EQ(refusal({0, 3, 0, 0}), "a stream is cut short");
  EXPECT_EQ(refusal({5, 0}), "a stream names an unknown entropy stage");
  EXPECT_EQ(refusal({0, 1, 15}), "a bit width is out of range");
  EXPECT_EQ(refusal({0, 2, 8, 0}), "a packed stream is too short");
  EXPECT_EQ(refusal({1, 1, 0x80}), "a Huffman header is damaged");
  EXPECT_EQ(refusal({2, 0}), "a zstd stream is damaged");
  EXPECT_EQ(refusal({3, 1, 4}), "an unknown base of digits");
  EXPECT_EQ(refusal({3, 2, 3, 0}), "a stream of digits has the wrong length");
  EXPECT_EQ(refusal({4, 1, 0}), "an rANS header is damaged");
  EXPECT_EQ(refusal({4, 1, 0x7f}), "an rANS header is damaged");
}

double reference_entropy(std::span<const std::uint32_t> counts) {
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  double bits = 0;
  for (const std::uint32_t count : counts) {
    if (count > 0) bits += count * std::log2(total / count);
  }
  return bits;
}

RC_GTEST_PROP(Entropy, IsThatOfTheHistogram, (std::vector<std::uint32_t> counts, bool small)) {
  if (small) {
    for (std::uint32_t& count : counts) count %= 20;
  }
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double difference = static_cast<double>(entropy_bits(counts)) - reference_entropy(counts);
  RC_ASSERT(std::abs(difference) <= 0.01 * total + 1);
}

TEST(Entropy, IsExactForPowersOfTwo) {
  EXPECT_EQ(entropy_bits(std::vector<std::uint32_t>{}), 0u);
  EXPECT_EQ(entropy_bits(std::vector<std::uint32_t>{0, 77, 0}), 0u);
  EXPECT_EQ(entropy_bits(std::vector<std::uint32_t>{1, 1}), 2u);
  EXPECT_EQ(entropy_bits(std::vector<std::uint32_t>(256, 16)), 256u * 16 * 8);
  EXPECT_EQ(entropy_bits(std::vector<std::uint32_t>{4, 2, 1, 1}), 14u);
}

RC_GTEST_PROP(HuffmanStage, TakesLessThanABitPerSymbolBeyondTheEntropy, ()) {
  const auto alphabet = *rc::gen::inRange<std::uint32_t>(2, 500);
  const auto skew = *rc::gen::element(Skew::kUniform, Skew::kSteep, Skew::kEnds);
  const Symbols symbols = make_symbols(skew, alphabet, 6000, *rc::gen::arbitrary<std::uint64_t>());
  const SymbolStream stream(symbols, alphabet);
  const std::optional<Bytes> coded = encode(kHuffmanEncoder, symbols, alphabet);
  RC_ASSERT(coded.has_value());
  DecodeContext context;
  context.reset(symbols.size());
  std::uint64_t table_bytes = 0;
  kHuffmanEncoder.decoder.open(*coded, symbols.size(), alphabet, context, table_bytes);
  // 6000 symbols are in four parts: three lengths, and padding in each.
  const double bits = 8.0 * static_cast<double>(coded->size() - table_bytes);
  const auto count = static_cast<double>(symbols.size());
  RC_ASSERT(bits <= reference_entropy(stream.counts) + count + 4 * 7 + 3 * 16);
  RC_ASSERT(bits >= reference_entropy(stream.counts));
}

TEST(RadixStage, PutsFiveTernaryDigitsInAByte) {
  const Symbols symbols = {2, 0, 1, 1, 0, 2};
  EXPECT_EQ(encode(kRadixEncoder, symbols, 3), (Bytes{3, 2 + 0 * 3 + 1 * 9 + 1 * 27 + 0 * 81, 2}));
  EXPECT_EQ(decode(kRadixEncoder, Bytes{3, 38, 2}, 6, 3), symbols);
  EXPECT_EQ(decode(kRadixEncoder, Bytes{3, 243, 2}, 6, 3), std::nullopt) << "no five digits";
  EXPECT_EQ(decode(kRadixEncoder, Bytes{3, 38, 5}, 6, 3), std::nullopt) << "padding is not zero";
  EXPECT_EQ(encode(kRadixEncoder, {0, 1, 0}, 3), std::nullopt) << "two symbols are bits";
}

TEST(SymbolBits, HoldTheAlphabet) {
  EXPECT_EQ(symbol_bits(0), 0u);
  EXPECT_EQ(symbol_bits(1), 0u);
  for (unsigned bits = 1; bits <= 14; ++bits) {
    EXPECT_EQ(symbol_bits((1u << bits) + 1), bits + 1);
    EXPECT_EQ(symbol_bits(1u << bits), bits);
  }
}

TEST(SymbolStream, CountsWhatOccurs) {
  const Symbols symbols = {5, 0, 5, 2};
  const SymbolStream stream(symbols, 9);
  EXPECT_EQ(stream.alphabet(), 9u);
  EXPECT_EQ(stream.used_alphabet(), 6u);
  EXPECT_EQ(stream.distinct(), 3u);
  EXPECT_EQ(stream.counts, (std::vector<std::uint32_t>{1, 0, 1, 0, 0, 2, 0, 0, 0}));
}

}  // namespace
}  // namespace qc::test
