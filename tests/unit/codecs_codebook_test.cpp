// Codebooks as bytes, and the order of their entries.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "codecs/decode/bit_reader.h"
#include "codecs/decode/codebook.h"
#include "codecs/encode/analysis.h"
#include "codecs/encode/bit_writer.h"
#include "codecs/encode/codebook.h"
#include "core/float_types.h"
#include "core/random.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

using Patterns = std::vector<std::uint64_t>;

constexpr Element kHalf = {2, true};
constexpr Element kSingle = {4, true};
constexpr Element kDouble = {8, true};

/// The distinct patterns cut to the element's width, as write_codebook() wants them.
Patterns codebook_of(Patterns patterns, Element element) {
  const unsigned unused = 64 - 8u * element.width;
  for (std::uint64_t& pattern : patterns) pattern = pattern << unused >> unused;
  std::sort(patterns.begin(), patterns.end(), [&](std::uint64_t a, std::uint64_t b) {
    return order_key(a, element) < order_key(b, element);
  });
  patterns.erase(std::unique(patterns.begin(), patterns.end()), patterns.end());
  return patterns;
}

Bytes written(const Patterns& book, Element element) {
  Bytes out;
  write_codebook(book, element, out);
  return out;
}

/// Nothing when the bytes are refused; `left` tells how many were not read.
std::optional<Patterns> read(ByteView bytes, std::size_t count, Element element,
                             std::size_t& left) {
  DecodeContext context;
  context.reset(count * element.width);
  ByteReader in(bytes);
  Bytes book(count * element.width);
  if (!read_codebook(in, count, element, book.data(), context, nullptr)) return std::nullopt;
  left = in.rest().size();
  Patterns patterns;
  for (std::size_t i = 0; i < count; ++i) {
    patterns.push_back(load_pattern(book.data() + i * element.width, element.width));
  }
  return patterns;
}

void expect_back(const Patterns& book, Element element) {
  Bytes bytes = written(book, element);
  bytes.insert(bytes.end(), {0xaa, 0xbb, 0xcc});  // what follows must be left alone
  std::size_t left = 0;
  EXPECT_EQ(read(bytes, book.size(), element, left), book);
  EXPECT_EQ(left, 3u);
}

RC_GTEST_PROP(Codebook, ComesBack, (Patterns patterns)) {
  const Element element = *rc::gen::elementOf(kElements);
  const Patterns book = codebook_of(std::move(patterns), element);
  const Bytes bytes = written(book, element);
  std::size_t left = 1;
  RC_ASSERT(read(bytes, book.size(), element, left) == book);
  RC_ASSERT(left == 0u);
  // Cut short it is refused.
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    RC_ASSERT(!read(ByteView(bytes).first(size), book.size(), element, left));
  }
}

RC_GTEST_PROP(Codebook, OfClusteredValuesComesBack, ()) {
  const Element element = *rc::gen::elementOf(kElements);
  const auto count = *rc::gen::inRange<std::size_t>(1, 400);
  const TestTensor tensor =
      make_tensor(Pattern::kBell, element, count, *rc::gen::arbitrary<std::uint64_t>());
  Patterns patterns;
  for (std::size_t i = 0; i < count; ++i) {
    patterns.push_back(load_pattern(tensor.data.data() + i * element.width, element.width));
  }
  const Patterns book = codebook_of(patterns, element);
  std::size_t left = 1;
  RC_ASSERT(read(written(book, element), book.size(), element, left) == book);
}

TEST(Codebook, HoldsTheExtremes) {
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  for (const Element element : kElements) {
    const std::uint64_t sign = std::uint64_t{1} << (8 * element.width - 1);
    for (const Patterns& patterns :
         std::vector<Patterns>{{0},
                               {kAll},
                               {sign},
                               {0, kAll},
                               {0, sign},
                               {1, kAll - 1},
                               {sign - 1, sign, sign + 1},
                               {0, 1, 2, sign, kAll - 2, kAll - 1, kAll}}) {
      SCOPED_TRACE(8 * element.width);
      expect_back(codebook_of(patterns, element), element);
    }
  }
}

TEST(Codebook, HoldsEveryByte) {
  Patterns all;
  for (std::uint64_t i = 0; i < 256; ++i) all.push_back(i);
  for (const bool is_float : {false, true}) {
    const Element element{1, is_float};
    const Patterns book = codebook_of(all, element);
    ASSERT_EQ(book.size(), 256u);
    expect_back(book, element);
    EXPECT_LE(written(book, element).size(), 5u) << "differences of nothing cost nothing";
  }
}

TEST(Codebook, StoresTheMagnitudesOfASymmetricOneOnce) {
  SplitMix64 random(1);
  Patterns positive;
  for (int i = 0; i < 100; ++i) positive.push_back(random.next() >> 1);
  Patterns both = positive;
  for (const std::uint64_t pattern : positive) both.push_back(pattern | std::uint64_t{1} << 63);
  const Patterns symmetric = codebook_of(both, kDouble);
  ASSERT_EQ(symmetric.size(), 200u);
  expect_back(symmetric, kDouble);
  const std::size_t half = written(codebook_of(positive, kDouble), kDouble).size();
  EXPECT_LE(written(symmetric, kDouble).size(), half + 1);
  // One entry less, and both signs are stored.
  Patterns nearly = symmetric;
  nearly.pop_back();
  expect_back(nearly, kDouble);
  EXPECT_GT(written(nearly, kDouble).size(), 2 * half - 20);
}

// Values of few significant bits, as fixed-point centroids are, take few bits.
TEST(Codebook, DropsCommonLowZeros) {
  Patterns grid;
  for (int i = 1; i <= 32; ++i) {
    grid.push_back(std::bit_cast<std::uint32_t>(static_cast<float>(i) / 32));
  }
  const Patterns book = codebook_of(grid, kSingle);
  expect_back(book, kSingle);
  EXPECT_LE(written(book, kSingle).size(), 32u);
}

// Lengths from 1 to 24 that hardly change from one difference to the next cost little beside the
// bits below the leading ones; as numbers of 5 bits each they would not fit.
TEST(Codebook, LengthsThatChangeLittleTakeFewBits) {
  Patterns sorted;
  std::uint64_t value = 0;
  std::size_t bits_below = 0;
  for (unsigned length = 1; length <= 24; ++length) {
    for (unsigned i = 0; i < 8; ++i) {
      value += (std::uint64_t{1} << length) - (i % 2);
      sorted.push_back(value);
      bits_below += length - 1;
    }
  }
  for (const Element element : {kSingle, Element{4, false}}) {
    const Patterns book = codebook_of(sorted, element);
    expect_back(book, element);
    EXPECT_LE(written(book, element).size(), (bits_below + 2 * book.size()) / 8 + 4);
  }
}

TEST(Codebook, RefusesWhatNoneCanBe) {
  std::size_t left = 0;
  const auto refused = [&](const Bytes& bytes, std::size_t count, Element element) {
    return !read(bytes, count, element, left).has_value();
  };
  EXPECT_TRUE(refused({}, 1, kSingle));
  EXPECT_TRUE(refused({4, 0, 0, 0, 0, 0, 0}, 1, kSingle)) << "more negatives than entries";
  EXPECT_TRUE(refused({3, 0, 0, 0, 0, 0, 0}, 3, kSingle)) << "an odd symmetric codebook";
  EXPECT_TRUE(refused({0, 0x7f, 0, 0, 0, 0}, 1, kSingle)) << "a shift of 127";
  // shift 0, base 33, spread 0: wider than the element.
  EXPECT_TRUE(refused({0x80, 0x10, 0, 0, 0, 0, 0}, 1, {4, false}));
  EXPECT_FALSE(refused({0x00, 0x10, 0, 0, 0, 0, 0}, 1, {4, false})) << "length 32 is not";
  // shift 0, spread 7: from a length of 1 two steps down, or from 64 one up.
  EXPECT_TRUE(refused({0x80, 0xc0, 0x0f, 0, 0, 0, 0}, 1, {4, false}));
  EXPECT_TRUE(refused({0x00, 0xe0, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1, {8, false}));
  EXPECT_FALSE(refused({0x80, 0xc0, 0x03, 0, 0, 0, 0}, 1, {4, false})) << "one step down is fine";
}

TEST(Codebook, RefusesNumbersAfterTheLargest) {
  const auto codebook = [](bool goes_on) {
    Bytes bytes;
    BitWriter bits(bytes);
    bits.put(0, 7);
    bits.put(64, 7);
    bits.put(7, 3);  // steps
    bits.put(0, 1);  // length 64: the largest number
    bits.put_wide(~std::uint64_t{0} >> 1, 63);
    if (goes_on) {
      for (int one = 0; one < 127; ++one) bits.put(1, 1);
      bits.put(0, 1);  // length 0: the number after it
    }
    bits.finish();
    return bytes;
  };
  std::size_t left = 0;
  EXPECT_TRUE(read(codebook(false), 1, {8, false}, left).has_value());
  EXPECT_FALSE(read(codebook(true), 2, {8, false}, left).has_value());
}

TEST(CountDistinct, SortsByValueAndGivesUpInTime) {
  const TestTensor tensor = make_tensor(Pattern::kFew, kSingle, 500, 4);
  const auto all = count_distinct(tensor.view(), 1000);
  ASSERT_TRUE(all.has_value());
  std::size_t total = 0;
  for (std::size_t i = 0; i < all->size(); ++i) {
    total += (*all)[i].second;
    if (i == 0) continue;
    EXPECT_LT(order_key((*all)[i - 1].first, kSingle), order_key((*all)[i].first, kSingle));
  }
  EXPECT_EQ(total, 500u);
  EXPECT_TRUE(count_distinct(tensor.view(), all->size()).has_value());
  EXPECT_FALSE(count_distinct(tensor.view(), all->size() - 1).has_value());
}

template <typename Float, typename Pattern>
void expect_sorted_by_value(Element element) {
  SplitMix64 random(1);
  int compared = 0;
  for (int i = 0; i < 100000; ++i) {
    const auto a = static_cast<Pattern>(random.next());
    // Every other time a neighbour, perhaps across zero.
    const auto b = static_cast<Pattern>(i % 2 == 0 ? random.next() : a + random.next() % 3);
    const auto x = std::bit_cast<Float>(a);
    const auto y = std::bit_cast<Float>(b);
    if (std::isnan(x) || std::isnan(y) || x == y) continue;
    ++compared;
    ASSERT_EQ(x < y, order_key(a, element) < order_key(b, element)) << x << ' ' << y;
  }
  EXPECT_GT(compared, 50000);
}

TEST(OrderKey, SortsFloatsByValue) {
  expect_sorted_by_value<float, std::uint32_t>(kSingle);
  expect_sorted_by_value<double, std::uint64_t>(kDouble);
}

TEST(OrderKey, SortsEveryHalfByValue) {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  std::sort(halves.begin(), halves.end(),
            [](auto a, auto b) { return order_key(a, kHalf) < order_key(b, kHalf); });
  // 1023 NaNs at each end, and in between what rises, but for -0 before +0.
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const bool end = i < 1023 || i >= halves.size() - 1023;
    ASSERT_EQ(std::isnan(half_to_float(halves[i])), end) << i;
    if (end || i == 1023) continue;
    const float before = half_to_float(halves[i - 1]);
    const float value = half_to_float(halves[i]);
    ASSERT_TRUE(before < value || (halves[i - 1] == 0x8000 && halves[i] == 0)) << i;
  }
}

TEST(OrderKey, LeavesIntegersAsTheyAre) {
  EXPECT_EQ(order_key(0xffff, {2, false}), 0xffffu);
  EXPECT_EQ(order_key(7, {8, false}), 7u);
}

TEST(ElementCode, ComesBackAndNothingElseDoes) {
  int known = 0;
  for (unsigned code = 0; code < 256; ++code) {
    Element element;
    if (!element_from_code(static_cast<std::uint8_t>(code), element)) continue;
    ++known;
    EXPECT_EQ(element_code(element), code);
    EXPECT_NE(std::find(kElements.begin(), kElements.end(), element), kElements.end());
  }
  EXPECT_EQ(known, 8);
}

}  // namespace
}  // namespace qc::test
