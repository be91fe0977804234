// Kernels for vector instructions against plain loops, and every level of them against the others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "codecs/encode/stage.h"
#include "codecs/encode/stage_table.h"
#include "codecs/shared/simd/compress.h"
#include "codecs/shared/simd/cpu.h"
#include "codecs/shared/simd/expand.h"
#include "codecs/shared/simd/join_planes.h"
#include "codecs/shared/simd/look_up.h"
#include "codecs/shared/simd/stream_copy.h"
#include "core/random.h"
#include "system/page_buffer.h"

namespace qc::test {
namespace {

using Symbols = std::vector<Symbol>;

/// Calls body(level) at every level that this machine has.
template <typename Body>
void at_every_level(Body&& body) {
  for (const SimdLevel level : available_simd_levels()) {
    SCOPED_TRACE(simd_level_name(level));
    const ScopedSimdLevel scope(level);
    body(level);
  }
}

TEST(SimdLevels, BeginWithTheOneThatEveryMachineHas) {
  EXPECT_EQ(available_simd_levels().front(), SimdLevel::kScalar);
  const SimdLevel before = simd_level();
  at_every_level([](SimdLevel level) { EXPECT_EQ(simd_level(), level); });
  EXPECT_EQ(simd_level(), before);
}

/// Symbols below `alphabet` whose code lengths differ: each of `steps` as likely as all after it.
Symbols skewed_symbols(std::uint32_t alphabet, unsigned steps, std::size_t count,
                       std::uint64_t seed) {
  SplitMix64 random(seed);
  Symbols symbols(count);
  for (Symbol& symbol : symbols) {
    std::uint64_t at = 0;
    while (at < steps && random.next() % 2 == 0) ++at;
    if (at == steps) at += random.next() % alphabet;
    symbol = static_cast<Symbol>(at % alphabet);
  }
  return symbols;
}

/// What a level makes of a stream; nothing when it refuses it.
std::optional<Symbols> decode_coded(const StageEncoder& stage, ByteView coded, std::size_t count,
                                    std::uint32_t alphabet) {
  DecodeContext context;
  context.reset(2 * count);
  std::uint64_t table_bytes = 0;
  SymbolReader* reader = stage.decoder.open(coded, count, alphabet, context, table_bytes);
  if (reader == nullptr) return std::nullopt;
  Symbols symbols(count);
  for (std::size_t at = 0; at < count; at += kBlock) {
    reader->read(std::span(symbols).subspan(at, std::min(kBlock, count - at)));
  }
  EXPECT_TRUE(std::all_of(symbols.begin(), symbols.end(),
                          [&](Symbol symbol) { return symbol < alphabet; }));
  if (!reader->finish()) return std::nullopt;
  return symbols;
}

/// One element of the planes, bit by bit.
std::uint64_t joined(std::span<const PlaneBlock> planes, unsigned width, bool turned,
                     std::size_t at) {
  std::uint64_t value = 0;
  for (const PlaneBlock& plane : planes) {
    const std::uint64_t bits = plane.bytes != nullptr ? plane.bytes[at] : plane.symbols[at];
    value |= bits << plane.shift;
  }
  if (!turned) return value;
  return value >> 1 | (value & 1) << (8 * width - 1);
}

TEST(JoinPlanes, GivesEveryBitItsPlaceAtEveryLevel) {
  constexpr std::size_t kCount = 1100;  // more than a step, and not a whole number of vectors
  SplitMix64 random(5);
  for (const unsigned width : {2U, 4U, 8U}) {
    for (const unsigned head_bits : {8U, 11U}) {
      // Bytes and symbols by turns below a head of symbols.
      std::vector<Bytes> bytes(width, Bytes(kCount));
      std::vector<Symbols> symbols(width, Symbols(kCount));
      std::vector<PlaneBlock> planes;
      for (unsigned plane = 0; plane < width; ++plane) {
        const unsigned bits = plane + 1 == width   ? head_bits
                              : plane + 2 == width ? 16 - head_bits
                                                   : 8;
        for (std::size_t i = 0; i < kCount; ++i) {
          symbols[plane][i] = static_cast<Symbol>(random.next() % (1U << bits));
          bytes[plane][i] = static_cast<std::uint8_t>(symbols[plane][i]);
        }
        const bool as_bytes = plane % 2 == 0 && bits <= 8;
        const unsigned shift = plane + 1 == width ? 8 * width - head_bits : 8 * plane;
        planes.push_back({as_bytes ? bytes[plane].data() : nullptr,
                          as_bytes ? nullptr : symbols[plane].data(), shift});
      }
      for (const bool turned : {false, true}) {
        at_every_level([&](SimdLevel) {
          Bytes out(kCount * width + 1, 0xee);
          join_planes(planes, width, turned, out.data(), kCount);
          for (std::size_t i = 0; i < kCount; ++i) {
            std::uint64_t value = 0;
            std::memcpy(&value, out.data() + i * width, width);
            ASSERT_EQ(value, joined(planes, width, turned, i)) << width << " " << i;
          }
          EXPECT_EQ(out.back(), 0xee);
        });
      }
    }
  }
}

struct StreamCase {
  std::uint32_t alphabet;
  unsigned steps;
};

// Huffman tables in registers, of 5, 7 and 8 bits, and in memory up to the longest codes.
constexpr StreamCase kStreamCases[] = {{2, 0},  {5, 2},    {17, 1},   {64, 2},  {64, 8},
                                       {65, 1}, {256, 12}, {2000, 3}, {300, 20}};
// Just below and above one and two groups of parts, and a last row that is not full.
constexpr std::size_t kStreamCounts[] = {65535, 65536, 70001, 262143, 262144, 300001};

/// The stages with kernels.
class StageKernels : public testing::TestWithParam<const StageEncoder*> {};

INSTANTIATE_TEST_SUITE_P(Simd, StageKernels, testing::Values(&kHuffmanEncoder, &kRansEncoder),
                         [](const auto& test) { return std::string(test.param->decoder.name); });

TEST_P(StageKernels, GiveTheSymbolsBackAtEveryLevel) {
  const StageEncoder& stage = *GetParam();
  for (const StreamCase& test : kStreamCases) {
    for (const std::size_t count : kStreamCounts) {
      SCOPED_TRACE(testing::Message() << test.alphabet << " symbols, " << count);
      const Symbols symbols = skewed_symbols(test.alphabet, test.steps, count, count);
      Bytes coded;
      ASSERT_TRUE(stage.encode(SymbolStream(symbols, test.alphabet), SIZE_MAX, coded));
      at_every_level([&](SimdLevel) {
        EXPECT_TRUE(decode_coded(stage, coded, count, test.alphabet) == symbols);
        Bytes again;
        stage.encode(SymbolStream(symbols, test.alphabet), SIZE_MAX, again);
        EXPECT_TRUE(again == coded);
      });
    }
  }
}

TEST_P(StageKernels, AgreeOnDamagedStreams) {
  const StageEncoder& stage = *GetParam();
  SplitMix64 random(7);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    const StreamCase& test = kStreamCases[random.next() % std::size(kStreamCases)];
    const std::size_t count = kStreamCounts[random.next() % 3];
    const Symbols symbols = skewed_symbols(test.alphabet, test.steps, count, random.next());
    Bytes coded;
    ASSERT_TRUE(stage.encode(SymbolStream(symbols, test.alphabet), SIZE_MAX, coded));
    switch (random.next() % 3) {
      case 0:  // in the head, the tables and what follows them, or anywhere
        coded[random.next() % (round % 2 == 0 ? 200 : coded.size())] ^=
            static_cast<std::uint8_t>(1 + random.next() % 255);
        break;
      case 1:
        coded.resize(random.next() % coded.size());
        break;
      default:  // noise from somewhere on
        for (std::size_t i = random.next() % coded.size(); i < coded.size(); ++i) {
          coded[i] = static_cast<std::uint8_t>(random.next());
        }
    }
    std::optional<std::optional<Symbols>> first;
    at_every_level([&](SimdLevel) {
      std::optional<Symbols> result = decode_coded(stage, coded, count, test.alphabet);
      if (!first) {
        first = std::move(result);
      } else {
        EXPECT_TRUE(result == *first);
      }
    });
    if (!*first) ++refused;
  }
  EXPECT_GT(refused, 200);
}

/// Elements of which about `density` of 256 are not zero.
Bytes sparse_elements(unsigned width, std::size_t count, unsigned density, SplitMix64& random) {
  Bytes data(count * width);
  for (std::size_t i = 0; i < count; ++i) {
    if (random.next() % 256 < density) {
      data[i * width + random.next() % width] = static_cast<std::uint8_t>(1 + random.next() % 255);
    }
  }
  return data;
}

TEST(CompressNonzeros, KeepsTheirPlacesAndValues) {
  SplitMix64 random(5);
  for (const unsigned width : {1u, 2u, 4u, 8u}) {
    for (const std::size_t count : {0u, 1u, 7u, 8u, 15u, 16u, 17u, 1000u}) {
      for (const unsigned density : {0u, 25u, 200u, 256u}) {
        const Bytes data = sparse_elements(width, count, density, random);
        Bytes bitmap((count + 7) / 8);
        Bytes values;
        for (std::size_t i = 0; i < count; ++i) {
          const ByteView element = ByteView(data).subspan(i * width, width);
          if (std::all_of(element.begin(), element.end(), [](auto byte) { return byte == 0; })) {
            continue;
          }
          bitmap[i / 8] = static_cast<std::uint8_t>(bitmap[i / 8] | (1u << (i % 8)));
          append(values, element);
        }
        at_every_level([&](SimdLevel) {
          Bytes its_bitmap(bitmap.size(), 0xa5);
          Bytes its_values(values.size() + kCompressSlack);
          compress_nonzeros(data.data(), count, width, its_bitmap.data(), its_values.data());
          its_values.resize(values.size());
          EXPECT_TRUE(its_bitmap == bitmap) << width << " bytes wide, " << count;
          EXPECT_TRUE(its_values == values) << width << " bytes wide, " << count;
        });
      }
    }
  }
}

TEST(ExpandBits, PutsTheValuesWhereBitsAreSet) {
  SplitMix64 random(3);
  for (const unsigned width : {1u, 2u, 4u, 8u}) {
    for (const std::size_t bytes : {0u, 1u, 2u, 3u, 16u, 511u}) {
      for (const unsigned density : {0u, 25u, 128u, 256u}) {
        Bytes bitmap(bytes);
        std::vector<std::size_t> set;
        for (std::size_t i = 0; i < 8 * bytes; ++i) {
          if (random.next() % 256 >= density) continue;
          bitmap[i / 8] = static_cast<std::uint8_t>(bitmap[i / 8] | (1u << (i % 8)));
          set.push_back(i);
        }
        ASSERT_EQ(count_bits(bitmap.data(), bytes), set.size());
        Bytes values(set.size() * width + kExpandSlack);
        for (std::uint8_t& byte : values) byte = static_cast<std::uint8_t>(random.next());
        Bytes expected(8 * bytes * width);
        for (std::size_t i = 0; i < set.size(); ++i) {
          std::memcpy(expected.data() + set[i] * width, values.data() + i * width, width);
        }
        at_every_level([&](SimdLevel) {
          Bytes out(expected.size(), 0xa5);
          expand_bits(bitmap.data(), bytes, values.data(), width, out.data());
          EXPECT_TRUE(out == expected) << width << " bytes wide, " << bytes << " of bitmap";
          const PageBuffer aligned(expected.size() + 1);
          expand_bits(bitmap.data(), bytes, values.data(), width, aligned.bytes().data(),
                      StoreMode::kStreaming);
          stream_fence();
          EXPECT_TRUE(std::equal(expected.begin(), expected.end(), aligned.bytes().begin()));
        });
      }
    }
  }
}

TEST(LookUp, GivesTheEntryOfEveryRank) {
  SplitMix64 random(4);
  for (const unsigned width : {1u, 2u, 4u, 8u}) {
    for (const std::size_t entries : {1u, 2u, 15u, 16u, 17u, 31u, 32u, 33u, 300u}) {
      for (const std::size_t count : {0u, 1u, 15u, 16u, 100u}) {
        Bytes book(entries * width);  // no slack: a read past it is a fault under the sanitizer
        for (std::uint8_t& byte : book) byte = static_cast<std::uint8_t>(random.next());
        Symbols ranks(count);
        Bytes expected;
        for (Symbol& rank : ranks) {
          rank = static_cast<Symbol>(random.next() % entries);
          append(expected, ByteView(book).subspan(std::size_t{rank} * width, width));
        }
        at_every_level([&](SimdLevel) {
          Bytes out(expected.size());
          look_up(ranks, book.data(), entries, width, out.data());
          EXPECT_TRUE(out == expected) << width << " bytes wide, " << entries << " entries";
        });
      }
    }
  }
}

TEST(StreamCopy, CopiesFromAndToAnyAddress) {
  Bytes from(1000);
  std::iota(from.begin(), from.end(), std::uint8_t{0});
  for (std::size_t offset = 0; offset < 70; ++offset) {
    for (const std::size_t size : {0u, 1u, 63u, 64u, 65u, 128u, 800u}) {
      Bytes to(1100, 0xa5);
      Bytes expected = to;
      std::memcpy(expected.data() + offset, from.data() + offset / 2, size);
      stream_copy(to.data() + offset, from.data() + offset / 2, size);
      stream_fence();
      EXPECT_TRUE(to == expected) << offset << ", " << size;
    }
  }
}

}  // namespace
}  // namespace qc::test
