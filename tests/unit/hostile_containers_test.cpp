// Containers of a few hundred bytes that stand for gigabytes: what they take is bounded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"
#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/manifest_writer.h"
#include "heap_meter.h"
#include "raw_container.h"
#include "report/breakdown.h"

namespace qc {
namespace {

using test::HeapMeter;
using testing::HasSubstr;

constexpr std::uint64_t kUnit = kQcMaxUnit;
constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
// For every container up to 100 kB.
constexpr std::uint64_t kMostMemory = 400'000'000;
constexpr std::size_t kSmall = 100'000;

/// Nothing is kept.
class Nowhere final : public ByteSink {
 public:
  void write(ByteView bytes) override { size += bytes.size(); }
  void restart() override {}
  std::uint64_t size = 0;
};

/// A container of one file, most of it in units of nothing but zeros.
struct Bomb {
  Manifest manifest;
  std::vector<Bytes> units;
  Bytes literals;

  Bomb() {
    manifest.files.resize(1);
    manifest.files[0].path = "model.onnx";
  }

  /// A unit that takes a few bytes, and decodes to any number of zeros.
  std::size_t add_unit(std::uint64_t size) {
    units.push_back(encode_tensor({Bytes(64), {1, false}, {}}, {}));
    manifest.units.push_back(test::unit_entry(units.back(), size));
    return units.size() - 1;
  }

  void add_slot(std::uint64_t size, std::size_t unit) {
    manifest.slots.push_back({0, size, unit, {}, {}, {}});
  }

  void add_repeat(std::size_t of, const std::optional<Transposition>& how = {}) {
    manifest.slots.push_back({0, manifest.slots[of].size, 0, of, how, {}});
  }

  Bytes container() {
    ManifestFile& file = manifest.files[0];
    file.slots = manifest.slots.size();
    file.size = literals.size();
    for (const ManifestSlot& slot : manifest.slots) file.size += slot.size;
    return test::raw_container(units, literals, serialize_manifest(manifest));
  }
};

/// The checksum of so many zeros.
Digest digest_of_zeros(std::uint64_t size) {
  const Bytes some(kMebi);
  Hasher hasher;
  for (; size > some.size(); size -= some.size()) hasher.update(some);
  hasher.update(ByteView(some).first(size));
  return hasher.digest();
}

/// What the calls of all commands do to the container, each by itself; the error of each, or "".
std::vector<std::string> treat(ByteView container, const ReadLimits& limits = {}) {
  const std::vector<std::function<void(const QcReader&)>> uses = {
      [](const QcReader& reader) {
        Nowhere nowhere;
        reader.decode_files({&nowhere}, 2, {});
      },
      [](const QcReader& reader) {
        OnnxModel::from_memory(reader.decode_to_memory(2), reader.limits().memory);
      },
      [](const QcReader& reader) { break_down(reader, 2); },
      [](const QcReader& reader) { break_down(reader, 2, BreakdownDepth::kIndex); },
  };
  std::vector<std::string> errors;
  for (const auto& use : uses) {
    try {
      use(QcReader::from_bytes(container, limits));
      errors.emplace_back();
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kLimit || error.code() == ErrorCode::kCorrupt)
          << error.what();
      errors.emplace_back(error.what());
    }
  }
  return errors;
}

/// The same, which must stay within the bounds of a small container.
std::vector<std::string> treat_within_bounds(Bomb& bomb) {
  const Bytes container = bomb.container();
  EXPECT_LE(container.size(), kSmall);
  const HeapMeter heap;
  auto errors = treat(container);
  EXPECT_LT(heap.peak(), kMostMemory);
  return errors;
}

Bomb many_shared_units(std::size_t count) {
  Bomb bomb;
  for (std::size_t i = 0; i < count; ++i) bomb.add_slot(1, bomb.add_unit(kUnit));
  for (std::size_t i = 0; i < count; ++i) bomb.add_slot(kUnit - 1, i);
  return bomb;
}

TEST(HostileContainer, OfSharedUnitsIsRefusedByItsSize) {
  for (const std::size_t count : {40U, 1000U}) {
    Bomb bomb = many_shared_units(count);
    const auto errors = treat_within_bounds(bomb);
    for (std::size_t use = 0; use < 3; ++use) EXPECT_THAT(errors[use], HasSubstr("--max-size"));
  }
}

TEST(HostileContainer, OfSharedUnitsTakesNoMoreThanItsMemory) {
  Bomb bomb = many_shared_units(6);
  const Bytes container = bomb.container();
  const HeapMeter heap;
  const auto errors = treat(container, {.memory = 256 * kMebi, .model = UINT64_MAX});
  EXPECT_THAT(errors[0], HasSubstr("--max-memory"));
  EXPECT_THAT(errors[1], HasSubstr("--max-memory"));
  EXPECT_LT(heap.peak(), 300 * kMebi);
}

TEST(HostileContainer, SharedUnitsAreGivenBackAfterTheirLastSlot) {
  Bomb bomb;
  for (int i = 0; i < 6; ++i) {
    const std::size_t unit = bomb.add_unit(kUnit);
    bomb.add_slot(1, unit);
    bomb.add_slot(kUnit - 1, unit);
  }
  bomb.manifest.files[0].digest = digest_of_zeros(6 * kUnit);
  const Bytes container = bomb.container();
  const QcReader reader =
      QcReader::from_bytes(container, {.memory = 256 * kMebi, .model = UINT64_MAX});
  const HeapMeter heap;
  Nowhere nowhere;
  reader.decode_files({&nowhere}, 2, {});
  EXPECT_EQ(nowhere.size, 6 * kUnit);
  EXPECT_LT(heap.peak(), 300 * kMebi);
}

TEST(HostileContainer, OfOneByteSlotsIsRefusedByTheirNumber) {
  Bomb bomb;
  constexpr std::size_t kSlots = std::size_t{1} << 22;
  bomb.add_unit(kSlots);
  for (std::size_t i = 0; i < kSlots; ++i) bomb.add_slot(1, 0);
  for (const std::string& error : treat_within_bounds(bomb)) {
    EXPECT_THAT(error, HasSubstr("--max-memory"));
  }
}

// Two thousand such slots took minutes when every one decoded the unit.
TEST(HostileContainer, DecodesAUnitOnceForAllRepeatsOfItsSlots) {
  Bomb bomb;
  const std::size_t unit = bomb.add_unit(kUnit);
  bomb.add_slot(1, unit);
  bomb.add_slot(kUnit - 1, unit);
  for (int i = 0; i < 20'000; ++i) bomb.add_repeat(0, Transposition{1, 1, 1});
  for (int i = 0; i < 20'000; ++i) bomb.add_repeat(0);
  bomb.manifest.files[0].digest = digest_of_zeros(kUnit + 40'000);
  EXPECT_EQ(treat_within_bounds(bomb)[0], "");
}

TEST(HostileContainer, OfRepeatsIsRefusedByItsSize) {
  Bomb bomb;
  bomb.add_slot(kUnit, bomb.add_unit(kUnit));
  for (int i = 0; i < 100'000; ++i) bomb.add_repeat(0);
  const auto errors = treat_within_bounds(bomb);
  for (std::size_t use = 0; use < 3; ++use) EXPECT_THAT(errors[use], HasSubstr("--max-size"));
}

TEST(HostileContainer, SizesOfFilesDoNotOverflow) {
  Bomb bomb;
  bomb.manifest.files.resize(9, {"", std::uint64_t{1} << 62, {}, 0});
  for (std::size_t i = 1; i < 9; ++i) bomb.manifest.files[i].path = std::to_string(i);
  for (const std::string& error : treat_within_bounds(bomb)) EXPECT_NE(error, "");
}

TEST(HostileContainer, WithALargeIndexIsRefusedBeforeItIsInflated) {
  Bomb bomb;
  bomb.literals = Bytes(512 * kMebi);
  const Bytes container = bomb.container();
  bomb.literals = {};
  EXPECT_LE(container.size(), kSmall);
  const HeapMeter heap;
  for (const std::string& error : treat(container)) EXPECT_THAT(error, HasSubstr("its index"));
  EXPECT_LT(heap.peak(), kMebi);
}

/// A graph of so many messages without content.
Bytes graph_of_empty(int field, std::size_t count) {
  Bytes graph;
  for (std::size_t i = 0; i < count; ++i) {
    graph.push_back(static_cast<std::uint8_t>(field << 3 | 2));
    graph.push_back(0);
  }
  constexpr std::uint8_t kGraphTag = 7 << 3 | 2;
  Bytes model = {kGraphTag};
  append_varint(model, graph.size());
  append(model, graph);
  return model;
}

TEST(HostileContainer, WithAGraphThatTakesFarMoreMemoryParsed) {
  for (const int field : {1, 5, 11, 15}) {  // node, initializer, input, sparse_initializer
    Bomb bomb;
    bomb.literals = graph_of_empty(field, 20'000'000);
    bomb.manifest.files[0].digest = xxh3_128(bomb.literals);
    const auto errors = treat_within_bounds(bomb);
    EXPECT_EQ(errors[0], "");
    EXPECT_THAT(errors[1], HasSubstr("its graph could take"));
    EXPECT_THAT(errors[2], HasSubstr("its graph could take"));
  }
}

TEST(DecodeContext, BlocksThatAreTooSmallAreGivenBack) {
  const HeapMeter heap;
  DecodeContext context;
  for (std::uint64_t size = 1; size <= 32; ++size) {
    context.reset(size * kMebi);
    ASSERT_FALSE(context.take(size * kMebi).empty());
  }
  EXPECT_LT(heap.peak(), 40 * kMebi);
}

TEST(DecodeContext, TellsThatMoreMemoryWouldDo) {
  DecodeContext context(2 * kMebi);
  context.reset(kMebi);
  EXPECT_TRUE(context.take(3 * kMebi).empty());
  EXPECT_TRUE(context.wanted_more());
  context.reset(100);  // its own budget is less than what is allowed
  EXPECT_TRUE(context.take(3 * kMebi).empty());
  EXPECT_FALSE(context.wanted_more());
}

}  // namespace
}  // namespace qc
