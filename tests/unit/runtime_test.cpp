// libqcompress: it reads what the program writes, and keeps within its memory whatever it is given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include "container_cases.h"
#include "formats/packed/packed_tensors.h"
#include "harness.h"
#include "model_files.h"
#include "qcompress/qcompress.h"
#include "qcompress/qcompress.hpp"

namespace qc::test {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

/// Counts what a container takes, and may give nothing from some allocation on.
class CountedMemory {
 public:
  explicit CountedMemory(std::size_t allowed = SIZE_MAX) : allowed_(allowed) {}

  qcompress_options options(std::uint64_t max_memory = 0) {
    return {.max_memory = max_memory,
            .allocate =
                [](void* self, std::size_t size) {
                  return static_cast<CountedMemory*>(self)->allocate(size);
                },
            .release = [](void* self,
                          void* memory) { static_cast<CountedMemory*>(self)->release(memory); },
            .context = this};
  }

  std::size_t live() const { return live_; }
  std::size_t peak() const { return peak_; }
  std::size_t allocations() const { return allocations_; }

 private:
  // The size stands in front; malloc's alignment is kept, and no more.
  static constexpr std::size_t kHead = 16;

  void* allocate(std::size_t size) {
    if (allocations_++ >= allowed_) return nullptr;
    auto* block = static_cast<std::uint8_t*>(std::malloc(size + kHead));
    std::memcpy(block, &size, sizeof size);
    live_ += size;
    peak_ = std::max(peak_, live_);
    return block + kHead;
  }

  void release(void* memory) {
    auto* block = static_cast<std::uint8_t*>(memory) - kHead;
    std::size_t size = 0;
    std::memcpy(&size, block, sizeof size);
    live_ -= size;
    std::free(block);
  }

  std::size_t allowed_;
  std::size_t allocations_ = 0;
  std::size_t live_ = 0;
  std::size_t peak_ = 0;
};

/// What all calls together say of a container: the worst status and its text. Takes nothing but
/// from `options`.
qcompress_error use(ByteView bytes, const qcompress_options& options) {
  qcompress_error error;
  qcompress_container* model = nullptr;
  if (qcompress_open_memory(bytes.data(), bytes.size(), &options, &model, &error) != QCOMPRESS_OK) {
    EXPECT_EQ(model, nullptr);
    return error;
  }
  qcompress_error worst;
  if (qcompress_verify(model, &worst) == QCOMPRESS_OK) {
    for (std::size_t i = 0; i < qcompress_tensor_count(model); ++i) {
      qcompress_tensor tensor;
      EXPECT_EQ(qcompress_get_tensor(model, i, &tensor), QCOMPRESS_OK);
      Bytes out(tensor.size);
      if (qcompress_decode_tensor(model, i, out.data(), out.size(), &error) != QCOMPRESS_OK) {
        worst = error;
      }
    }
  }
  qcompress_close(model);
  return worst;
}

std::vector<std::byte> bytes_of(ByteView bytes) {
  std::vector<std::byte> copy(bytes.size());
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

std::span<const std::byte> view(const Bytes& bytes) { return std::as_bytes(std::span(bytes)); }

class Runtime : public testing::TestWithParam<ContainerCase> {
 protected:
  void SetUp() override {
    files_ = files_of(GetParam());
    container_ = pack(OnnxModel::from_memory(files_), GetParam().options);
  }

  Files files_;
  Bytes container_;
};

INSTANTIATE_TEST_SUITE_P(Containers, Runtime, testing::ValuesIn(container_cases()),
                         [](const auto& test) { return test.param.name; });

TEST_P(Runtime, GivesTheFilesThatWerePacked) {
  const auto model = qcompress::Container::open(view(container_));
  ASSERT_EQ(model.file_count(), files_.size());
  for (std::size_t i = 0; i < files_.size(); ++i) {
    EXPECT_EQ(model.file(i).path, files_[i].first);
    EXPECT_EQ(model.read_file(i), bytes_of(files_[i].second));
  }
  model.verify();
}

TEST_P(Runtime, GivesTheTensorsThatTheProgramGives) {
  const auto model = qcompress::Container::open(view(container_));
  const QcReader reader = QcReader::from_bytes(container_);
  const auto tensors = packed_graph(reader).tensors;
  ASSERT_EQ(model.tensor_count(), tensors.size());
  for (const TensorInfo& expected : tensors) {
    const auto tensor = model.find(expected.name);
    ASSERT_TRUE(tensor) << expected.name;
    EXPECT_EQ(tensor->type, static_cast<std::int32_t>(expected.type));
    EXPECT_THAT(tensor->dims(), ElementsAreArray(expected.dims));
    EXPECT_EQ(model.decode(*tensor), bytes_of(packed_elements(reader, expected)));
  }
}

TEST_P(Runtime, RefusesEveryTruncatedPrefix) {
  for (std::size_t size = 0; size < container_.size(); ++size) {
    const Bytes prefix(container_.begin(), container_.begin() + static_cast<std::ptrdiff_t>(size));
    // A vector of nothing may have no address.
    const std::uint8_t nothing = 0;
    const ByteView bytes = prefix.empty() ? ByteView(&nothing, 0) : ByteView(prefix);
    ASSERT_EQ(use(bytes, {}).status, QCOMPRESS_ERROR_CORRUPT) << size;
  }
}

TEST_P(Runtime, RefusesEveryFlippedBitAndGivesAllMemoryBack) {
  CountedMemory memory;
  for (std::size_t bit = 0; bit < 8 * container_.size(); ++bit) {
    container_[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const qcompress_error error = use(container_, memory.options());
    ASSERT_EQ(error.status, QCOMPRESS_ERROR_CORRUPT) << "bit " << bit << ": " << error.text;
    ASSERT_NE(error.text[0], '\0');
    container_[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
  EXPECT_EQ(memory.live(), 0U);
}

TEST_P(Runtime, KeepsToItsLimitOfMemory) {
  CountedMemory whole;
  ASSERT_EQ(use(container_, whole.options()).status, QCOMPRESS_OK);
  // The container itself is no part of the limit, nor what aligns each of the few blocks.
  constexpr std::size_t kBeside = std::size_t{8} << 10;
  bool was_enough = false;
  for (std::uint64_t limit = 1000; limit < 4 * whole.peak(); limit += limit / 8) {
    CountedMemory memory;
    const qcompress_error error = use(container_, memory.options(limit));
    EXPECT_TRUE(error.status == QCOMPRESS_OK || error.status == QCOMPRESS_ERROR_LIMIT)
        << limit << ": " << error.text;
    EXPECT_LE(memory.peak(), limit + kBeside);
    EXPECT_EQ(memory.live(), 0U);
    EXPECT_GE(error.status == QCOMPRESS_OK, was_enough) << limit;
    was_enough = error.status == QCOMPRESS_OK;
  }
  EXPECT_TRUE(was_enough);
}

TEST_P(Runtime, SaysWhenTheAllocatorHasNoMore) {
  CountedMemory whole;
  ASSERT_EQ(use(container_, whole.options()).status, QCOMPRESS_OK);
  for (std::size_t allowed = 0; allowed < whole.allocations(); ++allowed) {
    CountedMemory memory(allowed);
    const qcompress_error error = use(container_, memory.options());
    EXPECT_EQ(error.status, QCOMPRESS_ERROR_MEMORY) << allowed << ": " << error.text;
    EXPECT_EQ(memory.live(), 0U);
  }
}

TEST_P(Runtime, DecodesOnSeveralThreads) {
  const auto model = qcompress::Container::open(view(container_));
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (model.read_file() == bytes_of(files_[0].second)) ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4);
}

/// A model with tensors in every place and form.
onnx::ModelProto model_of_many_places() {
  ModelBuilder builder;
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  const Bytes elements = bell_payload(300, 1);
  set_raw(*graph.add_initializer(), "raw", 1, {3, 100}, elements);
  onnx::TensorProto& floats = describe_tensor(*graph.add_initializer(), "floats", 1, {200});
  for (int i = 0; i < 200; ++i) floats.add_float_data(static_cast<float>(i) / 7);
  onnx::TensorProto& halves = describe_tensor(*graph.add_initializer(), "halves", 10, {150});
  for (int i = 0; i < 150; ++i) halves.add_int32_data(i * 317 % 65536);
  onnx::TensorProto& longs = describe_tensor(*graph.add_initializer(), "longs", 7, {2});
  longs.add_int64_data(-1);
  longs.add_int64_data(1);
  onnx::TensorProto& text = describe_tensor(*graph.add_initializer(), "text", 8, {1});
  text.add_string_data("a");
  describe_tensor(*graph.add_initializer(), "none", 1, {0, 4});
  onnx::NodeProto& constant = add_node(graph, "Constant", {}, "constant");
  set_raw(*add_attribute(constant, "value", onnx::AttributeProto::TENSOR).mutable_t(), "value", 1,
          {300}, bell_payload(300, 2));
  onnx::NodeProto& branch = add_node(graph, "If", {"c"}, "y");
  onnx::GraphProto& inner =
      *add_attribute(branch, "then_branch", onnx::AttributeProto::GRAPH).mutable_g();
  set_raw(*inner.add_initializer(), "inner", 1, {300}, bell_payload(300, 3));
  onnx::SparseTensorProto& sparse = *graph.add_sparse_initializer();
  set_raw(*sparse.mutable_values(), "sparse", 1, {2}, bell_payload(2, 4));
  describe_tensor(*sparse.mutable_indices(), "", 7, {2});
  return builder.proto();
}

TEST(RuntimeTensors, AreFoundWhereverOnnxHasThem) {
  const onnx::ModelProto proto = model_of_many_places();
  const Bytes container = pack(open_model(proto));
  const auto model = qcompress::Container::open(view(container));
  ASSERT_EQ(model.tensor_count(), 10U);
  const auto decoded = [&](const std::string& name) {
    const auto tensor = model.find(name);
    EXPECT_TRUE(tensor) << name;
    return tensor ? model.decode(*tensor) : std::vector<std::byte>();
  };
  EXPECT_EQ(decoded("raw"), bytes_of(bell_payload(300, 1)));
  EXPECT_EQ(decoded("constant"), bytes_of(bell_payload(300, 2)));
  EXPECT_EQ(decoded("inner"), bytes_of(bell_payload(300, 3)));
  EXPECT_EQ(decoded("sparse"), bytes_of(bell_payload(2, 4)));
  const auto floats = decoded("floats");
  ASSERT_EQ(floats.size(), 800U);
  for (std::size_t i = 0; i < 200; ++i) {
    float value = 0;
    std::memcpy(&value, floats.data() + 4 * i, 4);
    EXPECT_EQ(value, static_cast<float>(i) / 7);
  }
  const auto halves = decoded("halves");
  ASSERT_EQ(halves.size(), 300U);
  std::uint16_t half = 0;
  std::memcpy(&half, halves.data() + 298, 2);
  EXPECT_EQ(half, 149 * 317 % 65536);
  Bytes longs;
  append_le(longs, std::int64_t{-1});
  append_le(longs, std::int64_t{1});
  EXPECT_EQ(decoded("longs"), bytes_of(longs));
  EXPECT_EQ(model.find("text")->size, 0U);
  EXPECT_EQ(model.find("none")->size, 0U);
  EXPECT_STREQ(model.find("raw")->layout, model.tensor(0).layout);
  EXPECT_EQ(model.find("nowhere"), std::nullopt);
}

TEST(RuntimeMetadata, IsWhatThePackerWasTold) {
  PackOptions options;
  options.metadata = {{"a", "first"}, {"b", ""}};
  const Bytes container = pack(open_model(model_of_many_places()), options);
  const auto model = qcompress::Container::open(view(container));
  EXPECT_EQ(model.metadata("a"), "first");
  EXPECT_EQ(model.metadata("b"), "");
  EXPECT_EQ(model.metadata("c"), std::nullopt);
}

TEST(RuntimeFile, IsReadByItsPath) {
  const harness::TempDir folder;
  const Bytes container = pack(open_model(model_of_many_places()));
  const auto path = folder / "model.qc";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(container.data()),
             static_cast<std::streamsize>(container.size()));
  qcompress::Container::open(path.string()).verify();
}

TEST(RuntimeFile, ThatCannotBeReadIsNamed) {
  const harness::TempDir folder;
  std::ofstream(folder / "empty.qc");
  qcompress_error error;
  qcompress_container* model = nullptr;
  const auto open = [&](const std::filesystem::path& path) {
    return qcompress_open_file(path.c_str(), nullptr, &model, &error);
  };
  EXPECT_EQ(open(folder / "none.qc"), QCOMPRESS_ERROR_FILE);
  EXPECT_THAT(error.text, HasSubstr("none.qc cannot be read: No such file"));
  EXPECT_EQ(open(folder.path()), QCOMPRESS_ERROR_FILE);
  EXPECT_THAT(error.text, HasSubstr("no regular file"));
  EXPECT_EQ(open(folder / "empty.qc"), QCOMPRESS_ERROR_CORRUPT);
  EXPECT_EQ(model, nullptr);
}

TEST(RuntimeArguments, AreChecked) {
  const Bytes container = pack(open_model(model_of_many_places()));
  const auto model = qcompress::Container::open(view(container));
  Bytes out(8);
  EXPECT_EQ(qcompress_decode_tensor(model.get(), 0, out.data(), out.size(), nullptr),
            QCOMPRESS_ERROR_USAGE);
  EXPECT_EQ(qcompress_decode_tensor(model.get(), 99, out.data(), out.size(), nullptr),
            QCOMPRESS_ERROR_USAGE);
  EXPECT_EQ(qcompress_read_file(model.get(), 0, out.data(), out.size(), nullptr),
            QCOMPRESS_ERROR_USAGE);
  EXPECT_EQ(qcompress_read_file(model.get(), 1, out.data(), out.size(), nullptr),
            QCOMPRESS_ERROR_USAGE);
  EXPECT_THROW(model.tensor(99), std::out_of_range);
  const qcompress_options half = {
      .max_memory = 0, .allocate = nullptr, .release = [](void*, void*) {}, .context = nullptr};
  EXPECT_THROW(qcompress::Container::open(view(container), half), qcompress::Error);
}

}  // namespace
}  // namespace qc::test
