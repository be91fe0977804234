// Length-limited Huffman codes against plain Huffman, exhaustive search and RFC 1951.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "codecs/encode/stages/huffman_lengths.h"
#include "codecs/shared/huffman_code.h"
#include "core/random.h"

namespace qc::test {
namespace {

using Counts = std::vector<std::uint32_t>;
using Lengths = std::vector<std::uint8_t>;

std::uint64_t cost_of(const Counts& counts, const Lengths& lengths) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) bits += std::uint64_t{counts[i]} * lengths[i];
  return bits;
}

/// In units of 2^-limit; a complete code has 2^limit.
std::uint64_t kraft_sum(const Lengths& lengths, unsigned limit) {
  std::uint64_t sum = 0;
  for (const std::uint8_t length : lengths) {
    if (length > 0) sum += std::uint64_t{1} << (limit - length);
  }
  return sum;
}

struct Plain {
  std::uint64_t cost = 0;  // bits
  unsigned depth = 0;      // of the shallowest optimal tree
};

/// Huffman's algorithm without a limit: the sum of all merged weights. Of equal weights the
/// shallower tree is merged first, which gives the least depth (Schwartz, 1964).
Plain plain_huffman(const Counts& counts) {
  using Node = std::pair<std::uint64_t, unsigned>;
  std::priority_queue<Node, std::vector<Node>, std::greater<>> nodes;
  for (const std::uint32_t count : counts) {
    if (count > 0) nodes.emplace(count, 0);
  }
  Plain plain;
  while (nodes.size() > 1) {
    const Node first = nodes.top();
    nodes.pop();
    const Node second = nodes.top();
    nodes.pop();
    const std::uint64_t weight = first.first + second.first;
    plain.cost += weight;
    plain.depth = std::max(first.second, second.second) + 1;
    nodes.emplace(weight, plain.depth);
  }
  return plain;
}

/// The least cost of all codes with lengths of 1 to `limit`, by trying every one of them.
std::uint64_t exhaustive_cost(const Counts& counts, unsigned limit) {
  std::uint64_t least = UINT64_MAX;
  const std::uint64_t whole = std::uint64_t{1} << limit;
  const std::function<void(std::size_t, std::uint64_t, std::uint64_t)> extend =
      [&](std::size_t symbol, std::uint64_t kraft, std::uint64_t cost) {
        if (kraft > whole) return;
        if (symbol == counts.size()) {
          least = std::min(least, cost);
          return;
        }
        for (unsigned length = 1; length <= limit; ++length) {
          extend(symbol + 1, kraft + (whole >> length),
                 cost + std::uint64_t{counts[symbol]} * length);
        }
      };
  extend(0, 0, 0);
  return least;
}

/// Lengths that form a complete code of at most `limit` bits for just the symbols that occur.
void expect_complete(const Counts& counts, const Lengths& lengths, unsigned limit) {
  ASSERT_EQ(lengths.size(), counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    EXPECT_EQ(lengths[i] > 0, counts[i] > 0) << "symbol " << i;
    EXPECT_LE(lengths[i], limit) << "symbol " << i;
  }
  EXPECT_EQ(kraft_sum(lengths, limit), std::uint64_t{1} << limit);
}

/// Every symbol's code as text, in the order in which its bits are written.
std::vector<std::string> code_texts(const Lengths& lengths) {
  std::vector<std::uint16_t> codes(lengths.size());
  canonical_codes(lengths, codes);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    std::string text;
    for (unsigned bit = 0; bit < lengths[i]; ++bit) text += (codes[i] >> bit & 1) != 0 ? '1' : '0';
    EXPECT_EQ(codes[i] >> lengths[i], 0) << "bits beyond the code of symbol " << i;
    texts.push_back(text);
  }
  return texts;
}

RC_GTEST_PROP(HuffmanLengths, AreOptimalWhereTheLimitDoesNotBind, ()) {
  const auto counts = *rc::gen::suchThat(
      rc::gen::resize(16, rc::gen::container<Counts>(rc::gen::inRange<std::uint32_t>(0, 1u << 20))),
      [](const Counts& all) {
        return all.size() <= 16 && std::count(all.begin(), all.end(), 0u) + 2 <= std::ssize(all);
      });
  // 16 symbols need at most 15 bits.
  const Lengths lengths = huffman_lengths(counts, kMaxCodeLength);
  expect_complete(counts, lengths, kMaxCodeLength);
  RC_ASSERT(cost_of(counts, lengths) == plain_huffman(counts).cost);
}

TEST(HuffmanLengths, AreOptimalForLargeAlphabets) {
  SplitMix64 random(1);
  for (const std::size_t size : {2u, 17u, 256u, 1000u, 4096u, 10000u}) {
    Counts counts(size);
    for (std::uint32_t& count : counts)
      count = static_cast<std::uint32_t>(random.next() % 500 + 400);
    const Lengths lengths = huffman_lengths(counts, kMaxCodeLength);
    expect_complete(counts, lengths, kMaxCodeLength);
    const Plain plain = plain_huffman(counts);
    ASSERT_LE(plain.depth, kMaxCodeLength) << "the case tests nothing";
    EXPECT_EQ(cost_of(counts, lengths), plain.cost) << size;
  }
}

TEST(HuffmanLengths, AreOptimalWhereTheLimitBinds) {
  SplitMix64 random(2);
  int bound = 0;
  for (int round = 0; round < 400; ++round) {
    Counts counts(2 + random.next() % 5);
    // Powers of two make deep trees.
    for (std::uint32_t& count : counts) {
      count =
          static_cast<std::uint32_t>(1 + random.next() % (std::uint64_t{1} << random.next() % 16));
    }
    for (unsigned limit = 1; limit <= 5; ++limit) {
      if (counts.size() > std::size_t{1} << limit) continue;
      const Lengths lengths = huffman_lengths(counts, limit);
      expect_complete(counts, lengths, limit);
      EXPECT_EQ(cost_of(counts, lengths), exhaustive_cost(counts, limit));
      if (plain_huffman(counts).depth > limit) ++bound;
    }
  }
  EXPECT_GT(bound, 100) << "the limit hardly ever bound";
}

// The counts with the deepest tree for their sum.
TEST(HuffmanLengths, StayWithinTheLimitForFibonacciCounts) {
  Counts counts = {1, 1};
  while (counts.size() < 40)
    counts.push_back(counts[counts.size() - 1] + counts[counts.size() - 2]);
  EXPECT_EQ(plain_huffman(counts).depth, 39u);
  for (unsigned limit = 6; limit <= kMaxCodeLength; ++limit) {
    expect_complete(counts, huffman_lengths(counts, limit), limit);
  }
}

TEST(HuffmanLengths, FillTheLimitToTheLastCode) {
  for (const unsigned limit : {1u, 8u, 14u}) {
    Counts counts(std::size_t{1} << limit, 1);
    counts.front() = 1000000;
    EXPECT_EQ(huffman_lengths(counts, limit),
              Lengths(counts.size(), static_cast<std::uint8_t>(limit)));
  }
}

TEST(HuffmanLengths, SurviveTheLargestCounts) {
  const Counts counts(300, UINT32_MAX);
  const Lengths lengths = huffman_lengths(counts, kMaxCodeLength);
  expect_complete(counts, lengths, kMaxCodeLength);
  EXPECT_EQ(cost_of(counts, lengths), plain_huffman(counts).cost);
}

TEST(CanonicalCodes, AreThoseOfRfc1951) {
  const std::vector<std::string> expected = {"010", "011", "100",  "101",
                                             "110", "00",  "1110", "1111"};
  EXPECT_EQ(code_texts({3, 3, 3, 3, 3, 2, 4, 4}), expected);
}

TEST(CanonicalCodes, LeaveAbsentSymbolsAlone) {
  const std::vector<std::string> expected = {"", "0", "", "10", "11", ""};
  EXPECT_EQ(code_texts({0, 1, 0, 2, 2, 0}), expected);
}

RC_GTEST_PROP(CanonicalCodes, AreFreeOfPrefixesAndInOrder, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(2, 600);
  SplitMix64 random(*rc::gen::arbitrary<std::uint64_t>());
  Counts counts(size);
  for (std::uint32_t& count : counts) {
    count = random.next() % 3 == 0
                ? 0
                : static_cast<std::uint32_t>(random.next() >> (32 + random.next() % 32));
  }
  counts.front() = 1;
  counts.back() = 1;
  const Lengths lengths = huffman_lengths(counts, kMaxCodeLength);
  const std::vector<std::string> texts = code_texts(lengths);
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < size; ++i) {
    if (lengths[i] > 0) used.push_back(i);
  }
  std::stable_sort(used.begin(), used.end(),
                   [&](std::size_t a, std::size_t b) { return lengths[a] < lengths[b]; });
  // Sorted by length and symbol the codes rise; where neighbours are no prefixes, none are.
  for (std::size_t i = 1; i < used.size(); ++i) {
    const std::string& before = texts[used[i - 1]];
    const std::string& code = texts[used[i]];
    RC_ASSERT(before < code);
    RC_ASSERT(code.compare(0, before.size(), before) != 0);
  }
}

}  // namespace
}  // namespace qc::test
