// Sequences of pieces against a flat copy of their bytes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <vector>

#include "core/byte_pieces.h"
#include "core/bytes.h"

namespace qc {
namespace {

Bytes copy_of(const BytePieces& pieces, std::uint64_t offset, std::uint64_t size) {
  Bytes out;
  pieces.append_range(offset, size, out);
  return out;
}

Bytes bytes_of(ByteView view) { return {view.begin(), view.end()}; }

TEST(BytePieces, AreEmptyAtFirst) {
  BytePieces pieces;
  EXPECT_EQ(pieces.size(), 0U);
  EXPECT_EQ(copy_of(pieces, 0, 0), Bytes());
  ASSERT_TRUE(pieces.view(0, 0));
  EXPECT_TRUE(pieces.view(0, 0)->empty());
  pieces.add({});
  EXPECT_EQ(pieces.size(), 0U);
}

TEST(BytePieces, OfOneViewAreThatView) {
  const Bytes bytes = {1, 2, 3, 4};
  const BytePieces pieces{ByteView(bytes)};
  EXPECT_EQ(pieces.size(), 4U);
  const auto view = pieces.view(1, 3);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->data(), bytes.data() + 1);
  EXPECT_EQ(view->size(), 3U);
  EXPECT_TRUE(pieces.view(4, 0));
}

TEST(BytePieces, AreReadOverTheirBorders) {
  const Bytes first = {1, 2};
  const Bytes second = {3, 4, 5};
  BytePieces pieces{ByteView(first)};
  pieces.add({});
  pieces.add(second);
  EXPECT_EQ(pieces.size(), 5U);
  EXPECT_EQ(copy_of(pieces, 0, 5), Bytes({1, 2, 3, 4, 5}));
  EXPECT_EQ(copy_of(pieces, 1, 2), Bytes({2, 3}));
  EXPECT_FALSE(pieces.view(1, 2));
  ASSERT_TRUE(pieces.view(2, 3));
  EXPECT_EQ(pieces.view(2, 3)->data(), second.data());
  ASSERT_TRUE(pieces.view(0, 2));
  EXPECT_EQ(pieces.view(0, 2)->data(), first.data());
}

RC_GTEST_PROP(BytePieces, EqualAFlatCopy, (const std::vector<Bytes>& parts)) {
  BytePieces pieces;
  Bytes flat;
  for (const Bytes& part : parts) {
    pieces.add(part);
    append(flat, part);
  }
  RC_ASSERT(pieces.size() == flat.size());
  const auto offset = *rc::gen::inRange<std::size_t>(0, flat.size() + 1);
  const auto size = *rc::gen::inRange<std::size_t>(0, flat.size() - offset + 1);
  const Bytes expected = bytes_of(ByteView(flat).subspan(offset, size));
  Bytes appended = {7};
  pieces.append_range(offset, size, appended);
  RC_ASSERT(bytes_of(ByteView(appended).subspan(1)) == expected);
  Bytes visited;
  std::size_t visits = 0;
  pieces.each(offset, size, [&](ByteView part) {
    RC_ASSERT(!part.empty());
    append(visited, part);
    ++visits;
  });
  RC_ASSERT(visited == expected);
  const auto view = pieces.view(offset, size);
  RC_ASSERT(view.has_value() == (visits <= 1));
  if (view) RC_ASSERT(bytes_of(*view) == expected);
}

}  // namespace
}  // namespace qc
