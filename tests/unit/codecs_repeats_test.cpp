// Tensors whose values repeat: found by estimates, coded by runs, and never larger than what zstd
// makes of them.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/decode/zstd_bytes.h"
#include "codecs/encode/layouts/repeats_parse.h"
#include "codecs/encode/repetition.h"
#include "codecs/encode/tensor_encoder.h"
#include "codecs/encode/zstd_compress.h"
#include "core/random.h"
#include "structured_tensors.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

constexpr int kZstdLevel = 19;

struct Structured {
  std::string name;
  TestTensor tensor;
};

std::vector<Structured> structured_tensors() {
  std::vector<Structured> all;
  for (const std::uint64_t size : {256U, 400U, 512U}) {
    for (const FourierPart part : {FourierPart::kCosine, FourierPart::kSine}) {
      for (const FourierWindow window : {FourierWindow::kNone, FourierWindow::kHann}) {
        const std::string name = "fourier " + std::to_string(size) +
                                 (part == FourierPart::kSine ? " sine" : " cosine") +
                                 (window == FourierWindow::kHann ? " with a window" : "");
        all.push_back({name, fourier_filters(size, part, window)});
      }
    }
    all.push_back({"mel " + std::to_string(size), mel_filters(size, 64)});
  }
  all.push_back({"positions", position_table(512, 64)});
  all.push_back({"mirrored", mirrored_matrix(100, 80)});
  all.push_back({"tiled", tiled_matrix(96, 96, 24)});
  return all;
}

TEST(StructuredTensors, AreNeverLargerThanZstdMakesThem) {
  for (const auto& [name, tensor] : structured_tensors()) {
    const std::size_t zstd = zstd_compress(tensor.data, kZstdLevel).size();
    for (const EncodeOptions& preset : {presets::kDefault, presets::kMax}) {
      EXPECT_LE(encode_tensor(tensor.view(), preset).size(), zstd) << name;
    }
  }
}

// A mirrored row is stored once, and so is a tile: what is left is half, or a sixteenth.
TEST(StructuredTensors, AreStoredOnce) {
  const auto part_left = [](const TestTensor& tensor) {
    const std::size_t size = encode_tensor(tensor.view(), presets::kDefault).size();
    return static_cast<double>(size) / static_cast<double>(tensor.data.size());
  };
  EXPECT_LT(part_left(mirrored_matrix(100, 80)), 0.5);
  EXPECT_LT(part_left(tiled_matrix(96, 96, 24)), 1.0 / 16 + 0.02);
  EXPECT_LT(part_left(fourier_filters(512, FourierPart::kSine, FourierWindow::kHann)), 0.16);
}

// Elements put together again as the format says, one by one.
template <typename T>
std::vector<T> expand(const RepeatParse& parse, std::size_t count, T sign) {
  std::vector<T> order;
  std::size_t taken = 0;
  const auto literal = [&] {
    order.push_back(load_le<T>(parse.literals.data() + taken++ * sizeof(T)));
  };
  std::uint64_t next = 0;
  for (const RepeatRun& run : parse.runs) {
    for (std::uint64_t i = 0; i < run.skip; ++i) literal();
    std::uint64_t source = order.size() - run.distance;
    if (run.distance == kGoesOn) {
      EXPECT_TRUE(source_going_on(next, run.skip, run.backward, source));
    }
    for (std::uint64_t i = 0; i < run.length; ++i) {
      const std::uint64_t from = run.backward ? source - i : source + i;
      order.push_back(order.at(from) ^ (run.negated ? sign : T{0}));
    }
    next = run.backward ? source - run.length : source + run.length;
  }
  while (order.size() < count) literal();
  EXPECT_EQ(taken * sizeof(T), parse.literals.size());
  return order;
}

RC_GTEST_PROP(ParseRepeats, GivesEveryElementItsPlace, ()) {
  const auto rows = *rc::gen::inRange<std::uint64_t>(1, 30);
  const auto columns = *rc::gen::inRange<std::uint64_t>(1, 30);
  const auto values = *rc::gen::inRange<std::uint64_t>(1, 40);
  SplitMix64 random(*rc::gen::arbitrary<std::uint64_t>());
  TestTensor tensor{{}, {4, true}, {}, {}};
  while (tensor.data.size() < rows * columns * 4) {
    // Runs of what was there, some backward, some negated, and a few new values.
    const std::uint64_t there = tensor.data.size() / 4;
    const std::uint64_t length = there == 0 ? 0 : random.next() % 12;
    const std::uint64_t source = there == 0 ? 0 : random.next() % there;
    const bool backward = random.next() % 2 == 0;
    const std::uint32_t flip = random.next() % 3 == 0 ? 0x80000000U : 0;
    for (std::uint64_t i = 0; i < length && tensor.data.size() < rows * columns * 4; ++i) {
      if (backward && i > source) break;
      const std::uint64_t from = backward ? source - i : source + i;
      append_le(tensor.data, load_le<std::uint32_t>(tensor.data.data() + 4 * from) ^ flip);
    }
    if (tensor.data.size() < rows * columns * 4) {
      append_le(tensor.data, static_cast<std::uint32_t>(random.next() % values));
    }
  }
  const RepeatParse parse = parse_repeats(tensor.view(), columns, 28);
  const auto order = expand<std::uint32_t>(parse, rows * columns, 0x80000000U);
  const std::uint64_t height = rows * columns / parse.columns;
  for (std::uint64_t i = 0; i < order.size(); ++i) {
    const std::uint64_t element = i % height * parse.columns + i / height;
    RC_ASSERT(order[i] == load_le<std::uint32_t>(tensor.data.data() + 4 * element));
  }
}

TEST(CountDuplicates, IsExactForFewElementsAndCloseForMany) {
  for (const std::uint64_t values : {1U, 3U, 20U, 1000U, 1000000U}) {
    for (const std::size_t count : {500U, 4000U, 10000U, 300000U}) {
      SplitMix64 random(values + count);
      TestTensor tensor{{}, {4, true}, {}, {}};
      std::set<std::uint32_t> seen;
      std::size_t repeated = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const auto value = static_cast<std::uint32_t>(1 + random.next() % values);
        repeated += seen.insert(value).second ? 0 : 1;
        append_le(tensor.data, value | (random.next() % 2 == 0 ? 0x80000000U : 0));
      }
      const auto found = static_cast<double>(count_duplicates(tensor.view()));
      const double allowed = count <= 4096 ? 0 : 0.06 * static_cast<double>(count);
      EXPECT_NEAR(found, static_cast<double>(repeated), allowed) << values << ' ' << count;
    }
  }
}

TEST(CountDuplicates, TakesNegativeZerosForRepeatsAndLeavesZerosOut) {
  TestTensor tensor{{}, {4, true}, {}, {}};
  for (std::uint32_t i = 0; i < 100; ++i) append_le(tensor.data, i < 30 ? 0x80000000U : 0U);
  append_le(tensor.data, 7U);
  EXPECT_EQ(count_duplicates(tensor.view()), 30U);
}

// Of a stream without matches the entropy is left, of one that repeats itself little.
TEST(MatchedEntropy, FallsWithWhatRepeats) {
  SplitMix64 random(1);
  std::vector<Symbol> symbols(20000);
  for (Symbol& symbol : symbols) symbol = static_cast<Symbol>(random.next() % 200);
  const SymbolStream unlike(symbols, 200);
  EXPECT_EQ(matched_entropy_bits(unlike), unlike.entropy);
  for (std::size_t i = 2000; i < symbols.size(); ++i) symbols[i] = symbols[i - 2000];
  const SymbolStream alike(symbols, 200);
  EXPECT_LT(matched_entropy_bits(alike), alike.entropy / 8);
}

}  // namespace
}  // namespace qc::test
