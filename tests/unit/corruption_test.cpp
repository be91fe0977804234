// Damage: every cut and every flipped bit of small containers is refused, and below the checksums
// the decoders keep within their memory and their output, whatever they read.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"
#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/qc_writer.h"
#include "heap_meter.h"
#include "model_builder.h"
#include "model_files.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

constexpr Element kSingle = {4, true};

// What reading may take beside twice the size of the model: the contexts of zstd, the budget that
// every DecodeContext has whatever the tensor, and the tables of the container.
constexpr std::size_t kFixedHeap = std::size_t{3} << 20;

std::size_t total_size(const Files& files) {
  std::size_t size = 0;
  for (const auto& file : files) size += file.second.size();
  return size;
}

/// A container to damage.
struct Case {
  std::string name;
  std::function<void(ModelBuilder&)> build;
  PackOptions options = {};
  std::optional<LayoutId> layout = {};            ///< that some unit must have
  std::function<bool(const QcReader&)> has = {};  ///< what it was made for
  bool external = false;  ///< the first initializer goes to a file of its own
};

void add(ModelBuilder& builder, const std::string& name, Pattern pattern, DataType type,
         const std::vector<std::int64_t>& dims, std::uint64_t seed = 3) {
  const ChannelMap channels = channel_map(dims, 0);
  const TestTensor tensor =
      make_tensor(pattern, element_of(type), *element_count(dims), seed, channels);
  builder.add_initializer(name, type, dims, tensor.data);
}

// For the name of a test that fails.
std::ostream& operator<<(std::ostream& out, const Case& test) { return out << test.name; }

Case layout_case(LayoutId id, Pattern pattern, DataType type,
                 const std::vector<std::int64_t>& dims) {
  Case made{std::string(find_layout_decoder(static_cast<std::uint8_t>(id))->name),
            [=](ModelBuilder& builder) {
              add(builder, "w", pattern, type, dims);
              builder.add_node("Conv", {"w"});
            }};
  std::replace(made.name.begin(), made.name.end(), '-', '_');
  made.options.encode.layout = id;
  made.layout = id;
  return made;
}

std::vector<Case> all_cases() {
  // Each with values for which the layout beats the model as a whole through zstd.
  std::vector<Case> cases = {
      layout_case(LayoutId::kRaw, Pattern::kDenormals, DataType::kInt8, {10, 20}),
      layout_case(LayoutId::kPlanes, Pattern::kBfloatExact, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kNarrow, Pattern::kHalfExact, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kPalette, Pattern::kFew, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kChannelPalette, Pattern::kChannelAlpha, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kCsr, Pattern::kHalfZero, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kBitmap, Pattern::kHalfZero, DataType::kFloat16, {10, 20}),
      layout_case(LayoutId::kLevels, Pattern::kSparseTernary, DataType::kFloat, {10, 100}),
      layout_case(LayoutId::kContextPalette, Pattern::kSparseFew, DataType::kFloat, {10, 9, 3, 3}),
      layout_case(LayoutId::kContextFloats, Pattern::kBell, DataType::kFloat, {10, 2, 3, 3}),
  };
  Case constant = layout_case(LayoutId::kConstant, Pattern::kConstant, DataType::kFloat, {10, 100});
  constant.build = [](ModelBuilder& builder) {
    add(builder, "w", Pattern::kConstant, DataType::kFloat, {10, 100});
    add(builder, "v", Pattern::kChannelAlpha, DataType::kDouble, {4, 50});
    builder.add_node("Conv", {"w"}).add_node("Conv", {"v"});
  };
  cases.push_back(constant);
  Case huffman = layout_case(LayoutId::kCsr, Pattern::kSparseFew, DataType::kFloat, {10, 300});
  huffman.name = "csr_with_fillers_and_huffman";
  huffman.options.encode.stages = StageChoice::kHuffman;
  huffman.options.encode.gap_mode = GapMode::kFiller;
  huffman.options.encode.gap_bits = 4;
  cases.push_back(huffman);

  cases.push_back({"pool",
                   [](ModelBuilder& builder) {
                     for (int i = 0; i < 8; ++i) {
                       add(builder, fmt::format("w{}", i), Pattern::kBell, DataType::kFloat, {32},
                           static_cast<std::uint64_t>(i));
                     }
                   },
                   {},
                   {},
                   [](const QcReader& reader) {
                     return std::any_of(reader.units().begin(), reader.units().end(),
                                        [](const QcUnit& unit) { return unit.slot_count > 1; });
                   }});
  cases.push_back({"repeat",
                   [](ModelBuilder& builder) {
                     add(builder, "w", Pattern::kHalfExact, DataType::kFloat, {10, 20});
                     add(builder, "v", Pattern::kHalfExact, DataType::kFloat, {10, 20});
                   },
                   {},
                   {},
                   [](const QcReader& reader) {
                     return std::any_of(
                         reader.slots().begin(), reader.slots().end(),
                         [](const QcSlot& slot) { return slot.repeat_of.has_value(); });
                   }});
  cases.push_back({"transposed_repeat",
                   [](ModelBuilder& builder) {
                     const TestTensor tensor = make_tensor(Pattern::kBell, kSingle, 160, 1);
                     Bytes turned(tensor.data.size());
                     transpose(tensor.data, {10, 16, 4}, turned);
                     builder.add_initializer("w", DataType::kFloat, {10, 16}, tensor.data);
                     builder.add_initializer("v", DataType::kFloat, {16, 10}, turned);
                   },
                   {},
                   {},
                   [](const QcReader& reader) {
                     return std::any_of(
                         reader.slots().begin(), reader.slots().end(),
                         [](const QcSlot& slot) { return slot.transposed.has_value(); });
                   }});
  cases.push_back({"external",
                   [](ModelBuilder& builder) {
                     add(builder, "w", Pattern::kChannelAlpha, DataType::kDouble, {10, 20});
                     builder.add_node("Conv", {"w"});
                   },
                   {},
                   {},
                   [](const QcReader& reader) {
                     return reader.manifest().files.size() == 2 && !reader.slots().empty();
                   },
                   true});
  Case chunks{"chunks",
              [](ModelBuilder& builder) {
                add(builder, "w", Pattern::kSparseFew, DataType::kFloat, {100, 83});
              },
              {},
              {},
              [](const QcReader& reader) { return reader.units().size() == 5; }};
  chunks.options.chunk_bytes = 8000;
  cases.push_back(chunks);
  cases.push_back(
      {"whole_model",
       [](ModelBuilder& builder) { add(builder, "w", Pattern::kConstant, DataType::kFloat, {10}); },
       {},
       {},
       [](const QcReader& reader) { return reader.units().empty(); }});
  return cases;
}

/// The model of a case as files.
Files files_of(const Case& test) {
  ModelBuilder builder;
  test.build(builder);
  Files files;
  if (test.external) {
    onnx::TensorProto& tensor = *builder.proto().mutable_graph()->mutable_initializer(0);
    const ByteView raw = as_bytes(tensor.raw_data());
    files.emplace_back("m.bin", Bytes(raw.begin(), raw.end()));
    set_external(tensor, "m.bin");
  }
  files.emplace(files.begin(), "m.onnx", builder.bytes());
  return files;
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
    reader.decode_files(std::vector<ByteSink*>(reader.manifest().files.size(), &nowhere), 1, {});
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

class Corruption : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    files_ = files_of(GetParam());
    container_ = pack(OnnxModel::from_memory(files_), GetParam().options);
    ASSERT_EQ(error_of(container_), std::nullopt);
  }

  Files files_;
  Bytes container_;
};

INSTANTIATE_TEST_SUITE_P(Containers, Corruption, testing::ValuesIn(all_cases()),
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
    add(builder, name, Pattern::kBell, DataType::kFloat, {3, 3001},
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
