// Bit fields and byte strings, written and read back.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "codecs/decode/bit_reader.h"
#include "codecs/encode/bit_writer.h"
#include "core/bytes.h"

namespace qc::test {
namespace {

using Fields = std::vector<std::pair<std::uint64_t, unsigned>>;  // value, bits

std::uint64_t low_bits(std::uint64_t value, unsigned count) {
  return count >= 64 ? value : value & ((std::uint64_t{1} << count) - 1);
}

/// The same bits one by one, the lowest of the first field first.
std::string bit_text(const Fields& fields) {
  std::string text;
  for (const auto& [value, count] : fields) {
    for (unsigned bit = 0; bit < count; ++bit) text += (value >> bit & 1) != 0 ? '1' : '0';
  }
  return text;
}

Fields any_fields(unsigned widest) {
  Fields fields = *rc::gen::container<Fields>(
      rc::gen::pair(rc::gen::arbitrary<std::uint64_t>(), rc::gen::inRange(0u, widest + 1)));
  for (auto& [value, count] : fields) value = low_bits(value, count);
  return fields;
}

RC_GTEST_PROP(BitIo, FieldsComeBack, ()) {
  const Fields fields = any_fields(56);
  Bytes bytes;
  BitWriter writer(bytes);
  for (const auto& [value, count] : fields) writer.put(value, count);
  writer.finish();
  const std::string text = bit_text(fields);
  RC_ASSERT(bytes.size() == (text.size() + 7) / 8);
  for (std::size_t i = 0; i < text.size(); ++i) {
    RC_ASSERT((bytes[i / 8] >> (i % 8) & 1) == text[i] - '0');
  }
  BitReader reader(bytes);
  for (const auto& [value, count] : fields) RC_ASSERT(reader.get(count) == value);
  RC_ASSERT(reader.in_range());
  RC_ASSERT(reader.finish());
  RC_ASSERT(reader.bytes_used() == bytes.size());
}

RC_GTEST_PROP(BitIo, WideFieldsComeBack, ()) {
  const Fields fields = any_fields(64);
  Bytes bytes;
  BitWriter writer(bytes);
  for (const auto& [value, count] : fields) writer.put_wide(value, count);
  writer.finish();
  RC_ASSERT(bytes.size() == (bit_text(fields).size() + 7) / 8);
  BitReader reader(bytes);
  for (const auto& [value, count] : fields) RC_ASSERT(reader.get_wide(count) == value);
  RC_ASSERT(reader.finish());
}

TEST(BitReader, ReadsZerosPastTheEndAndTells) {
  const Bytes bytes = {0xff, 0xff};
  BitReader reader(bytes);
  EXPECT_EQ(reader.get(12), 0xfffu);
  EXPECT_TRUE(reader.in_range());
  EXPECT_EQ(reader.get(12), 0xfu);
  EXPECT_FALSE(reader.in_range());
  EXPECT_EQ(reader.get(56), 0u);
  EXPECT_FALSE(reader.finish());
}

TEST(BitReader, WantsZerosAfterTheLastField) {
  const auto finishes = [](const Bytes& bytes, unsigned count) {
    BitReader reader(bytes);
    reader.skip(count);
    return reader.finish();
  };
  EXPECT_TRUE(finishes({}, 0));
  EXPECT_TRUE(finishes({0x1f}, 5));
  EXPECT_FALSE(finishes({0x3f}, 5)) << "a bit set in the padding";
  EXPECT_FALSE(finishes({0x1f, 0}, 5)) << "a byte left over";
  EXPECT_FALSE(finishes({0x1f}, 9)) << "read past the end";
  EXPECT_TRUE(finishes(Bytes(20), 153));
}

TEST(BitReader, PeeksAtLeast56Bits) {
  const Bytes bytes(32, 0xff);
  for (unsigned skipped = 0; skipped < 64; ++skipped) {
    BitReader reader(bytes);
    reader.skip(skipped);
    EXPECT_EQ(low_bits(reader.peek(), 56), low_bits(~std::uint64_t{0}, 56)) << skipped;
  }
}

TEST(BitReader, TakesWholeBytesBetweenFields) {
  const Bytes bytes = {0x21, 0x43, 0x65, 0x87};
  BitReader reader(bytes);
  EXPECT_EQ(reader.get(4), 1U);
  EXPECT_TRUE(reader.take_bytes(1).empty()) << "inside a byte";
  EXPECT_EQ(reader.get(4), 2U);
  EXPECT_TRUE(reader.take_bytes(4).empty()) << "only three are left";
  const ByteView two = reader.take_bytes(2);
  EXPECT_EQ(Bytes(two.begin(), two.end()), (Bytes{0x43, 0x65}));
  EXPECT_EQ(reader.get(8), 0x87U);
  EXPECT_TRUE(reader.take_bytes(0).empty());
  EXPECT_TRUE(reader.finish());
  reader.skip(64);
  EXPECT_TRUE(reader.take_bytes(1).empty()) << "past the end";
}

RC_GTEST_PROP(ByteReader, VarintsComeBack, (const std::vector<std::uint64_t>& values)) {
  Bytes bytes;
  for (const std::uint64_t value : values) append_varint(bytes, value);
  ByteReader in(bytes);
  for (const std::uint64_t value : values) RC_ASSERT(in.varint() == value);
  RC_ASSERT(in.ok());
  RC_ASSERT(in.at_end());
}

TEST(ByteReader, RefusesVarintsBeyond64Bits) {
  const auto valid = [](const Bytes& bytes) {
    ByteReader in(bytes);
    in.varint();
    return in.ok();
  };
  const Bytes nine(9, 0xff);
  const auto with = [&](std::uint8_t last) {
    Bytes bytes = nine;
    bytes.push_back(last);
    return bytes;
  };
  EXPECT_TRUE(valid(with(1)));
  EXPECT_FALSE(valid(with(2)));
  EXPECT_FALSE(valid(with(0x81)));
  EXPECT_FALSE(valid(nine));
  EXPECT_FALSE(valid({}));
}

TEST(ByteReader, StaysBrokenAfterTheEnd) {
  const Bytes bytes = {1, 2, 3, 4, 5};
  ByteReader in(bytes);
  EXPECT_EQ(in.le<std::uint32_t>(), 0x04030201u);
  EXPECT_EQ(in.le<std::uint16_t>(), 0u);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0u);
  EXPECT_TRUE(in.take(UINT64_MAX).empty());
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace qc::test
