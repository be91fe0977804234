#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "system/page_buffer.h"

namespace qc {
namespace {

TEST(PageBuffer, IsZeroAndKeepsWhatIsWrittenWhenPopulated) {
  // Several steps of populating and a part of one, of whole pages and of none.
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, (std::size_t{5} << 24) + 12345}) {
    const PageBuffer buffer(size);
    const MutableBytes bytes = buffer.bytes();
    ASSERT_EQ(bytes.size(), size);
    for (std::size_t at = 0; at < size; at += 1000003) bytes[at] = 7;
    buffer.populate(3);
    for (std::size_t at = 0; at < size; ++at) {
      ASSERT_EQ(bytes[at], at % 1000003 == 0 ? 7 : 0) << at;
    }
  }
}

TEST(PageBufferPool, GivesBuffersThatAreLargeEnough) {
  PageBufferPool pool;
  PageBuffer buffer = pool.take(10000);
  std::ranges::fill(buffer.bytes(), std::uint8_t{1});
  const std::uint8_t* const first = buffer.bytes().data();
  pool.give(std::move(buffer));
  PageBuffer again = pool.take(5000);
  EXPECT_EQ(again.bytes().data(), first);
  EXPECT_GE(again.bytes().size(), 5000U);
  pool.give(std::move(again));
  EXPECT_GE(pool.take(20000).bytes().size(), 20000U);
}

}  // namespace
}  // namespace qc
