// What a container is made of.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "core/error.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/packed/packed_tensors.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/manifest_writer.h"
#include "harness.h"
#include "model_files.h"
#include "spec_container.h"

namespace qc {
namespace {

using test::bell_payload;
using test::Files;
using test::noise;
using test::open_model;
using test::pack;
using test::serialize;
using test::set_external;
using test::set_raw;

constexpr std::int32_t kFloat = onnx::TensorProto::FLOAT;

Files files_of(const OnnxModel& model) {
  Files files;
  for (const ModelFile& file : model.files()) {
    files.emplace_back(file.relative, file.bytes.joined());
  }
  return files;
}

void add_floats(onnx::ModelProto& model, const std::string& name,
                const std::vector<std::int64_t>& dims, const Bytes& payload) {
  set_raw(*model.mutable_graph()->add_initializer(), name, kFloat, dims, payload);
}

// The elements of 4 bytes of a matrix in the order of the transposed one.
Bytes transposed(const Bytes& payload, std::size_t rows, std::size_t columns) {
  Bytes out;
  for (std::size_t column = 0; column < columns; ++column) {
    for (std::size_t row = 0; row < rows; ++row) {
      append(out, ByteView(payload).subspan(4 * (row * columns + column), 4));
    }
  }
  return out;
}

// A container with its reader, checked to hold the model.
struct Packed {
  explicit Packed(const OnnxModel& model, const PackOptions& options = {})
      : bytes(pack(model, options)), reader(QcReader::from_bytes(bytes)) {
    EXPECT_EQ(reader.decode_to_memory(1), files_of(model));
    std::vector<spec::File> expected;
    for (const auto& [path, content] : files_of(model)) expected.push_back({path, content});
    EXPECT_EQ(spec::read_container(bytes, graph_dictionary()), expected);
  }

  std::size_t repeats() const {
    return static_cast<std::size_t>(
        std::count_if(reader.slots().begin(), reader.slots().end(),
                      [](const QcSlot& slot) { return slot.repeat_of.has_value(); }));
  }

  Bytes bytes;
  QcReader reader;
};

TEST(Pack, StoresEqualTensorsOnce) {
  onnx::ModelProto model;
  add_floats(model, "a", {40, 50}, bell_payload(2000, 1));
  add_floats(model, "b", {2000}, bell_payload(2000, 2));
  add_floats(model, "c", {2000}, bell_payload(2000, 1));
  const Packed packed(open_model(model));
  ASSERT_EQ(packed.reader.slots().size(), 3U);
  EXPECT_EQ(packed.repeats(), 1U);
  EXPECT_EQ(packed.reader.slots()[2].repeat_of, 0U);
  EXPECT_FALSE(packed.reader.slots()[2].transposed);
}

TEST(Pack, StoresTransposedTensorsOnce) {
  const Bytes payload = bell_payload(2000, 1);
  onnx::ModelProto model;
  add_floats(model, "a", {40, 50}, payload);
  add_floats(model, "b", {50, 40}, transposed(payload, 40, 50));
  const Packed packed(open_model(model));
  EXPECT_EQ(packed.reader.units().size(), 1U);
  ASSERT_TRUE(packed.reader.slots()[1].transposed);
  EXPECT_EQ(packed.reader.slots()[1].transposed->rows, 40U);
  EXPECT_EQ(packed.reader.slots()[1].transposed->columns, 50U);
  EXPECT_EQ(packed.reader.slots()[1].transposed->width, 4U);
}

TEST(Pack, CopiesOfATransposedTensorComeFromTheOriginal) {
  const Bytes payload = bell_payload(2000, 1);
  onnx::ModelProto model;
  add_floats(model, "a", {40, 50}, payload);
  for (const char* name : {"b", "c", "d"}) {
    add_floats(model, name, {50, 40}, transposed(payload, 40, 50));
  }
  add_floats(model, "e", {40, 50}, payload);
  const Packed packed(open_model(model));
  EXPECT_EQ(packed.reader.units().size(), 1U);
  EXPECT_EQ(packed.repeats(), 4U);
  DecodeContext context;
  EXPECT_EQ(packed.reader.decode_slot(3, context), transposed(payload, 40, 50));
}

TEST(Pack, CutsLargeTensorsInChunks) {
  onnx::ModelProto model;
  add_floats(model, "a", {101, 130}, bell_payload(13130, 1));
  PackOptions options;
  options.chunk_bytes = 10001;
  const Packed packed(open_model(model), options);
  // 52520 bytes in chunks of whole elements.
  ASSERT_EQ(packed.reader.units().size(), 6U);
  for (const QcUnit& unit : packed.reader.units()) {
    EXPECT_LE(unit.size, 10001U);
    EXPECT_EQ(unit.size % 4, 0U);
    EXPECT_EQ(unit.first_slot, 0U);
  }
}

// Two values for each of 64 channels, alpha and a multiple of it: each chunk needs to know where in
// them it is.
void expect_chunks(float multiple, LayoutId layout) {
  Bytes payload;
  const Bytes signs = noise(25600, 1);
  for (std::size_t i = 0; i < signs.size(); ++i) {
    const std::size_t channel = i / 400;
    const float alpha = 0.01F * static_cast<float>(1 + channel);
    append_le(payload, signs[i] % 2 == 0 ? alpha : multiple * alpha);
  }
  onnx::ModelProto model;
  add_floats(model, "w", {64, 400}, payload);
  test::add_node(*model.mutable_graph(), "Conv", {"x", "w"}, "y");
  PackOptions options;
  options.chunk_bytes = 34200;
  const Packed packed(open_model(model), options);
  ASSERT_EQ(packed.reader.units().size(), 3U);
  for (const QcUnit& unit : packed.reader.units()) {
    EXPECT_EQ(unit.stored[0], static_cast<std::uint8_t>(layout));
  }
}

TEST(Pack, ChunksKnowTheirChannels) {
  expect_chunks(3, LayoutId::kChannelPalette);
  expect_chunks(-1, LayoutId::kLevels);
}

TEST(Pack, AlignsLargeUnits) {
  onnx::ModelProto model;
  for (std::uint64_t i = 0; i < 3; ++i) {
    add_floats(model, fmt::format("w{}", i), {10007}, noise(40028, i));
  }
  add_floats(model, "small", {1000}, bell_payload(1000, 9));
  const Packed packed(open_model(model));
  std::size_t large = 0;
  std::size_t stored = 0;
  for (const QcUnit& unit : packed.reader.units()) {
    stored += unit.stored.size();
    if (unit.stored.size() < 16384) continue;
    EXPECT_EQ((unit.stored.data() - packed.bytes.data()) % 64, 0);
    ++large;
  }
  EXPECT_EQ(large, 3U);
  const QcOverhead& overhead = packed.reader.overhead();
  EXPECT_EQ(stored + overhead.framing + overhead.index, packed.bytes.size());
}

TEST(Pack, PoolsSmallTensorsWithoutStructure) {
  onnx::ModelProto model;
  for (std::uint64_t i = 0; i < 30; ++i) {
    add_floats(model, fmt::format("w{}", i), {64}, bell_payload(64, i));
  }
  const Packed packed(open_model(model));
  ASSERT_EQ(packed.reader.units().size(), 1U);
  EXPECT_EQ(packed.reader.units()[0].slot_count, 30U);
  EXPECT_EQ(packed.reader.units()[0].size, 30U * 256);
  DecodeContext context;
  EXPECT_EQ(packed.reader.decode_slot(7, context), bell_payload(64, 7));
}

TEST(Pack, LeavesWhatIsTinyInTheGraph) {
  onnx::ModelProto model;
  add_floats(model, "w", {8}, bell_payload(8, 1));
  const Packed packed(open_model(model));
  EXPECT_TRUE(packed.reader.units().empty());
  EXPECT_TRUE(packed.reader.slots().empty());
  EXPECT_EQ(packed.reader.files()[0].literal.size(), serialize(model).size());
}

TEST(Pack, GappedFilesHaveTheGraph) {
  onnx::ModelProto proto;
  add_floats(proto, "a", {40, 50}, bell_payload(2000, 1));
  add_floats(proto, "b", {3}, bell_payload(3, 2));
  const OnnxModel model = open_model(proto);
  const Packed packed(model);
  ASSERT_EQ(packed.reader.slots().size(), 1U);
  const GappedBytes gapped = gapped_file(packed.reader, 0);
  const OnnxFile wire = read_onnx(gapped);
  ASSERT_EQ(wire.tensors.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(wire.tensors[i].name, model.tensors()[i].name);
    EXPECT_EQ(wire.tensors[i].offset, model.tensors()[i].offset);
  }
}

TEST(Pack, KeepsMetadataAndPathsOfAnyBytes) {
  onnx::ModelProto proto;
  test::describe_tensor(*proto.mutable_graph()->add_initializer(), "w", kFloat, {500});
  set_external(*proto.mutable_graph()->mutable_initializer(0), "d\xffr/w\xc3.bin");
  const OnnxModel model = test::open_files(
      {{"m\xe9.onnx", serialize(proto)}, {"d\xffr/w\xc3.bin", bell_payload(500, 1)}});
  PackOptions options;
  options.metadata = {{"recipe", "prune \xff"}, {"empty", ""}};
  const Packed packed(model, options);
  EXPECT_EQ(packed.reader.metadata(), options.metadata);
  EXPECT_EQ(packed.reader.writer(), kWriter);
}

// A model with a tensor in a file of its own, at a location that says so in its own way.
onnx::ModelProto model_at(const std::string& location) {
  onnx::ModelProto proto;
  test::describe_tensor(*proto.mutable_graph()->add_initializer(), "w", kFloat, {500});
  set_external(*proto.mutable_graph()->mutable_initializer(0), location);
  return proto;
}

TEST(Pack, WritesPlainPathsWhateverTheModelSays) {
  for (const char* location : {"d/w.bin", "./d/w.bin", "d//w.bin", "d/./w.bin", ".//d/w.bin"}) {
    const OnnxModel model = test::open_files(
        {{"m.onnx", serialize(model_at(location))}, {"d/w.bin", bell_payload(500, 1)}});
    const Packed packed(model);
    EXPECT_EQ(packed.reader.files()[1].path, "d/w.bin") << location;
    EXPECT_EQ(packed.reader.units().size(), 1U) << location;
  }
}

TEST(Pack, RefusesFilesThatNoContainerMayHold) {
  const auto expect_unsupported = [](const Files& files) {
    try {
      pack(test::open_files(files));
      ADD_FAILURE() << "packed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_THAT(error.what(), testing::HasSubstr("rename it"));
    }
  };
  const Bytes payload = bell_payload(500, 1);
  for (const char* name : {"d\\w.bin", "C:w.bin"}) {
    expect_unsupported({{"m.onnx", serialize(model_at(name))}, {name, payload}});
  }
  expect_unsupported({{"m\\n.onnx", serialize(model_at("w.bin"))}, {"w.bin", payload}});
  expect_unsupported({{"m.onnx", serialize(model_at("m.onnx/w"))}, {"m.onnx/w", payload}});
}

TEST(Pack, TakesOneOfOverlappingTensors) {
  onnx::ModelProto proto;
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges = {
      {0, 4000}, {0, 4000}, {2000, 4000}, {5000, 3000}, {4000, 1000}};
  for (const auto& [offset, size] : ranges) {
    onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
    test::describe_tensor(tensor, "w", kFloat, {static_cast<std::int64_t>(size / 4)});
    set_external(tensor, "w.bin", offset, size);
  }
  const OnnxModel model =
      test::open_files({{"m.onnx", serialize(proto)}, {"w.bin", bell_payload(2500, 1)}});
  const Packed packed(model);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> slots;
  for (const QcSlot& slot : packed.reader.slots()) slots.emplace_back(slot.offset, slot.size);
  EXPECT_THAT(slots, testing::ElementsAre(ranges[0], ranges[4], ranges[3]));
  EXPECT_EQ(packed.reader.files()[1].literal.size(), 2000U);
}

TEST(Pack, DoesNotDependOnThreads) {
  onnx::ModelProto proto;
  for (std::uint64_t i = 0; i < 12; ++i) {
    add_floats(proto, fmt::format("w{}", i), {100 + 40 * static_cast<std::int64_t>(i * i)},
               bell_payload(100 + 40 * i * i, i));
  }
  const OnnxModel model = open_model(proto);
  PackOptions options;
  options.chunk_bytes = 5000;
  options.threads = 1;
  const Bytes one = pack(model, options);
  for (const unsigned threads : {1U, 2U}) {
    options.threads = threads;
    EXPECT_EQ(pack(model, options), one);
  }
  const QcReader reader = QcReader::from_bytes(one);
  EXPECT_EQ(reader.decode_to_memory(2), reader.decode_to_memory(1));
}

TEST(Pack, ReportsProgressOverAllPayloads) {
  onnx::ModelProto proto;
  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < 5; ++i) {
    const std::uint64_t count = 100 + 3000 * i;
    add_floats(proto, fmt::format("w{}", i), {static_cast<std::int64_t>(count)},
               bell_payload(count, i));
    expected += 4 * count;
  }
  PackOptions options;
  std::uint64_t done = 0;
  options.progress = [&](std::uint64_t bytes) { done += bytes; };
  pack(open_model(proto), options);
  EXPECT_EQ(done, expected);
}

// What is written through a mapping need not change the time at once.
TEST(Pack, RefusesAModelThatChangesMeanwhile) {
  const harness::TempDir folder;
  const std::filesystem::path path = folder / "model.onnx";
  onnx::ModelProto model;
  add_floats(model, "weights", {256, 1024}, bell_payload(256 * 1024, 1));
  harness::write_file(path, model.SerializeAsString());
  const OnnxModel opened = OnnxModel::open(path);
  struct stat before {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  PackOptions options;
  options.threads = 1;
  options.chunk_bytes = std::uint64_t{1} << 18;
  options.progress = [&](std::uint64_t) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.put('!');
    file.close();
    const std::array<timespec, 2> times = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
  };
  try {
    pack(opened, options);
    FAIL() << "was packed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFile);
    EXPECT_THAT(error.what(), testing::HasSubstr("was changed while"));
  }
}

}  // namespace
}  // namespace qc
