#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "core/error.h"
#include "system/byte_size.h"

namespace qc {
namespace {

TEST(ByteSize, HasDecimalAndBinaryUnits) {
  EXPECT_EQ(parse_byte_size("0"), 0u);
  EXPECT_EQ(parse_byte_size("123456"), 123'456u);
  EXPECT_EQ(parse_byte_size("7B"), 7u);
  EXPECT_EQ(parse_byte_size("3kB"), 3'000u);
  EXPECT_EQ(parse_byte_size("400MB"), 400'000'000u);
  EXPECT_EQ(parse_byte_size("400 mb"), 400'000'000u);
  EXPECT_EQ(parse_byte_size("5GB"), 5'000'000'000u);
  EXPECT_EQ(parse_byte_size("1TB"), 1'000'000'000'000u);
  EXPECT_EQ(parse_byte_size("3KiB"), 3'072u);
  EXPECT_EQ(parse_byte_size("3MiB"), 3u << 20);
  EXPECT_EQ(parse_byte_size("2GiB"), std::uint64_t{2} << 30);
  EXPECT_EQ(parse_byte_size("2TiB"), std::uint64_t{2} << 40);
}

TEST(ByteSize, TheLargestIsTheLastBelow2To64) {
  EXPECT_EQ(parse_byte_size("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_byte_size("16777215TiB"), ((std::uint64_t{1} << 24) - 1) << 40);
  for (const std::string text :
       {"18446744073709551616", "16777216TiB", "99999999999999999999 MB"}) {
    EXPECT_THROW(parse_byte_size(text), Error) << text;
  }
}

TEST(ByteSize, RefusesWhatIsNoSize) {
  for (const std::string text :
       {"", " ", "MB", "-1", "-1MB", "+1", "1.5GB", "1 M B", "1MB ", "1XB", "0x10", " 1", "1M"}) {
    try {
      parse_byte_size(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage) << text;
      EXPECT_NE(std::string(error.what()).find("400MB or 2GiB"), std::string::npos) << text;
    }
  }
}

TEST(ByteSize, TheMachineHasMemory) { EXPECT_GT(machine_memory(), std::uint64_t{1} << 20); }

}  // namespace
}  // namespace qc
