#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "core/error.h"
#include "core/memory_size.h"

namespace qc {
namespace {

// As a machine of 32 bits would have it.
TEST(MemorySize, RefusesWhatItWouldCutShort) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(memory_size<std::uint32_t>(0), 0u);
  EXPECT_EQ(memory_size<std::uint32_t>(kMost), kMost);
  for (const std::uint64_t size : {kMost + 1, kMost + 17, std::uint64_t{1} << 62}) {
    try {
      memory_size<std::uint32_t>(size);
      ADD_FAILURE() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLimit);
      EXPECT_NE(std::string(error.what()).find(std::to_string(size)), std::string::npos);
    }
  }
}

TEST(MemorySize, TakesAllThatThisMachineHas) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(memory_size(kMost), kMost);
}

}  // namespace
}  // namespace qc
