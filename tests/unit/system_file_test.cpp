#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "core/random.h"
#include "harness.h"
#include "system/file.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::TestWithParam<Sync> {
 protected:
  std::string content() const { return harness::read_file(path_); }

  harness::TempDir folder_;
  fs::path path_ = folder_ / "out";
};

TEST_P(AtomicFileTest, HoldsPiecesOfAnySizeInOrder) {
  // Gathered ones, ones that are written at once, and more in all than starts a sync.
  Bytes all(20'000'000);
  SplitMix64 random(3);
  for (std::uint8_t& byte : all) byte = static_cast<std::uint8_t>(random.next());
  AtomicFile file(path_, Overwrite::kRefuse, GetParam());
  file.write(ByteView(all).first(70'000));
  file.restart();
  for (ByteView rest(all); !rest.empty();) {
    const std::size_t most = std::size_t{1} << (random.next() % 22);
    const ByteView piece = rest.first(std::min<std::size_t>(rest.size(), random.next() % most));
    file.write(piece);
    rest = rest.subspan(piece.size());
  }
  EXPECT_EQ(file.size(), all.size());
  file.start_sync();
  EXPECT_TRUE(harness::list_files(folder_.path()).empty());
  file.commit();
  EXPECT_TRUE(content() == as_text(all));
  EXPECT_EQ(harness::list_files(folder_.path()).size(), 1U);
}

TEST_P(AtomicFileTest, ReplacesAFileOnlyWhenAllowed) {
  AtomicFile first(path_, Overwrite::kRefuse, GetParam());
  AtomicFile second(path_, Overwrite::kRefuse, GetParam());
  AtomicFile third(path_, Overwrite::kReplace, GetParam());
  first.write(as_bytes("first"));
  second.write(as_bytes("second"));
  third.write(as_bytes("third"));
  first.commit();
  EXPECT_THROW(second.commit(), Error);
  EXPECT_EQ(content(), "first");
  third.commit();
  EXPECT_EQ(content(), "third");
  EXPECT_EQ(harness::list_files(folder_.path()).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(EitherWay, AtomicFileTest, testing::Values(Sync::kToDisk, Sync::kLater),
                         [](const auto& sync) {
                           return sync.param == Sync::kToDisk ? "ToDisk" : "Later";
                         });

}  // namespace
}  // namespace qc
