// Damage: every cut and every flipped bit of small containers is refused, and below the checksums
// the decoders keep within their memory and their output, whatever they read.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "container_cases.h"
#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "heap_meter.h"
#include "model_builder.h"
#include "model_files.h"

namespace qc::test {
namespace {

// What reading may take beside twice the size of the model: the contexts of zstd, the budget that
// every DecodeContext has whatever the tensor, and the tables of the container.
constexpr std::size_t kFixedHeap = std::size_t{3} << 20;

std::size_t total_size(const Files& files) {
  std::size_t size = 0;
  for (const auto& file : files) size += file.second.size();
  return size;
}

class NullSink final : public ByteSink {
 public:
  void write(ByteView /*bytes*/) override {}
  void restart() override {}
};

/// Opens and decodes a container; the code of the error it ends with, or nothing. On one thread, so
/// that the heap does not depend on the machine.
std::optional<ErrorCode> error_of(ByteView container) {
  try {
    const QcReader reader = QcReader::from_bytes(container);
    NullSink nowhere;
    reader.decode_files(std::vector<ByteSink*>(reader.files().size(), &nowhere), 1, {});
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

class Corruption : public testing::TestWithParam<ContainerCase> {
 protected:
  void SetUp() override {
    files_ = files_of(GetParam());
    container_ = pack(OnnxModel::from_memory(files_), GetParam().options);
    ASSERT_EQ(error_of(container_), std::nullopt);
  }

  Files files_;
  Bytes container_;
};

INSTANTIATE_TEST_SUITE_P(Containers, Corruption, testing::ValuesIn(container_cases()),
                         [](const auto& test) { return test.param.name; });

TEST_P(Corruption, StartsFromAContainerThatIsWhatItShouldBe) {
  const QcReader reader = QcReader::from_bytes(container_);
  EXPECT_TRUE(unpack(container_) == files_);
  EXPECT_TRUE(!GetParam().has || GetParam().has(reader));
  if (!GetParam().layout) return;
  std::set<LayoutId> layouts;
  for (const QcUnit& unit : reader.units()) {
    DecodeContext context;
    CodedTensorInfo info;
    ASSERT_EQ(describe_tensor(unit.stored, unit.size, context, info), nullptr);
    layouts.insert(info.stats.layouts().front()->id);
  }
  EXPECT_EQ(layouts.count(*GetParam().layout), 1u);
}

TEST_P(Corruption, RefusesEveryTruncatedPrefix) {
  for (std::size_t size = 0; size < container_.size(); ++size) {
    // A copy of its own: reading past its end is seen by AddressSanitizer.
    const Bytes prefix(container_.begin(), container_.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(error_of(prefix), ErrorCode::kCorrupt)
        << size << " of " << container_.size() << " bytes";
  }
}

TEST_P(Corruption, RefusesEveryFlippedBit) {
  for (std::size_t bit = 0; bit < 8 * container_.size(); ++bit) {
    container_[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    ASSERT_EQ(error_of(container_), ErrorCode::kCorrupt)
        << "bit " << bit % 8 << " of byte " << bit / 8 << " of " << container_.size();
    container_[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
}

TEST_P(Corruption, RefusesBytesPutInOrLeftOut) {
  for (std::size_t at = 0; at <= container_.size(); at += 3) {
    const auto here = container_.begin() + static_cast<std::ptrdiff_t>(at);
    Bytes longer(container_.begin(), here);
    longer.push_back(0);
    longer.insert(longer.end(), here, container_.end());
    ASSERT_EQ(error_of(longer), ErrorCode::kCorrupt) << "a byte more at " << at;
    if (here == container_.end()) break;
    Bytes shorter(container_.begin(), here);
    shorter.insert(shorter.end(), std::next(here), container_.end());
    ASSERT_EQ(error_of(shorter), ErrorCode::kCorrupt) << "a byte less at " << at;
  }
}

TEST_P(Corruption, KeepsTheHeapSmall) {
  const std::size_t limit = 2 * total_size(files_) + kFixedHeap;
  error_of(container_);  // what libraries set up once
  const auto peak_of = [&](std::size_t bit) {
    container_[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const HeapMeter meter;
    error_of(container_);
    container_[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    return meter.peak();
  };
  std::size_t most = 0;
  for (std::size_t bit = 0; bit < 8 * container_.size(); ++bit) most = std::max(most, peak_of(bit));
  EXPECT_LT(most, limit);
  const HeapMeter meter;
  error_of(container_);
  EXPECT_LT(meter.peak(), limit);
  EXPECT_GT(meter.peak(), 0u) << "nothing was counted";
}

// Large units are aligned; the bytes between them are checked too.
TEST(CorruptPadding, IsRefused) {
  ModelBuilder builder;
  for (const char* name : {"v", "w", "x"}) {
    add_tensor(builder, name, Pattern::kBell, DataType::kFloat, {3, 3001},
               static_cast<std::uint64_t>(*name));
  }
  Bytes container = pack(builder.open());
  const QcReader reader = QcReader::from_bytes(container);
  std::size_t padding = 0;
  const std::uint8_t* end = container.data() + kQcHeaderSize;
  for (const QcUnit& unit : reader.units()) {
    for (const std::uint8_t* byte = end; byte < unit.stored.data(); ++byte) {
      ++padding;
      const auto at = static_cast<std::size_t>(byte - container.data());
      container[at] ^= 0x10;
      EXPECT_EQ(error_of(container), ErrorCode::kCorrupt) << at;
      container[at] ^= 0x10;
    }
    end = unit.stored.data() + unit.stored.size();
  }
  EXPECT_GT(padding, 0u);
}

}  // namespace
}  // namespace qc::test
