// Every model of the folder of test data: bit-identical, the same for any number of threads, and
// small enough. Prints a table.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "codecs/decode/zstd_bytes.h"
#include "codecs/encode/zstd_compress.h"
#include "core/error.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::uint64_t kManyFloats = 10'000;
constexpr std::uint64_t kSlack = 1024;  // bytes
constexpr int kZstdLevel = 19;

// What ONNX's own classes say of a model.
struct Facts {
  std::uint64_t floats = 0;  // elements of float32, float16 and bfloat16 tensors at any depth
  std::set<std::string> locations;  // of external data
};

void add_tensor(const onnx::TensorProto& tensor, Facts& facts) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    for (const auto& entry : tensor.external_data()) {
      if (entry.key() == "location") facts.locations.insert(entry.value());
    }
  }
  const int type = tensor.data_type();
  if (type != onnx::TensorProto::FLOAT && type != onnx::TensorProto::FLOAT16 &&
      type != onnx::TensorProto::BFLOAT16) {
    return;
  }
  std::uint64_t count = 1;
  for (const std::int64_t dim : tensor.dims()) count *= static_cast<std::uint64_t>(dim);
  facts.floats += count;
}

void add_message(const Message& message, Facts& facts) {
  if (message.GetDescriptor() == onnx::TensorProto::descriptor()) {
    add_tensor(dynamic_cast<const onnx::TensorProto&>(message), facts);
    return;
  }
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->message_type() == nullptr) continue;
    if (!field->is_repeated()) {
      add_message(reflection->GetMessage(message, field), facts);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      add_message(reflection->GetRepeatedMessage(message, field, i), facts);
    }
  }
}

Facts facts_of(const fs::path& path) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(harness::read_file(path)));
  Facts facts;
  add_message(model, facts);
  return facts;
}

std::optional<std::string> missing_file(const fs::path& path, const Facts& facts) {
  for (const std::string& location : facts.locations) {
    if (!fs::exists(path.parent_path() / location)) return location;
  }
  return std::nullopt;
}

struct Result {
  std::uint64_t original = 0;
  std::uint64_t zstd = 0;
  std::uint64_t packed = 0;
};

Bytes pack(const OnnxModel& model, unsigned threads, const EncodeOptions& encode = {}) {
  PackOptions options;
  options.encode = encode;
  options.threads = threads;
  MemorySink sink;
  pack_model(model, options, sink);
  return sink.take();
}

Result pack_and_check(const fs::path& path) {
  const OnnxModel model = OnnxModel::open(path);
  const Bytes container = pack(model, 1);
  EXPECT_TRUE(pack(model, 2) == container) << "two threads give other bytes";
  const auto files = QcReader::from_bytes(container).decode_to_memory(2);
  EXPECT_EQ(files.size(), model.files().size());
  Result result;
  result.packed = container.size();
  result.original = model.total_size();
  for (std::size_t i = 0; i < files.size(); ++i) {
    const ModelFile& file = model.files()[i];
    EXPECT_EQ(files[i].first, file.relative);
    const Bytes bytes = file.bytes.joined();
    EXPECT_TRUE(files[i].second == bytes) << file.relative;
    result.zstd += zstd_compress(bytes, kZstdLevel).size();
  }
  return result;
}

void expect_missing(const fs::path& path, const std::string& missing) {
  try {
    OnnxModel::open(path);
    ADD_FAILURE() << "opened without " << missing;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFile);
    EXPECT_THAT(error.what(), testing::HasSubstr(missing));
  }
}

void print_row(const std::string& name, const Result& result) {
  fmt::print("{:<66.66} {:>9} {:>9} {:>9} {:>6.1f}%\n", name, result.original, result.zstd,
             result.packed,
             100 * (1 - static_cast<double>(result.packed) / static_cast<double>(result.zstd)));
}

TEST(SharedModels, AllPackSmallAndComeBack) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "no folder of test data: set QC_SHARED, or put it at ../shared";
  const fs::path folder = *shared / "models";
  Result total;
  std::size_t missing = 0;
  fmt::print("{:<66} {:>9} {:>9} {:>9} {:>7}\n", "model", "bytes", "zstd -19", ".qc", "smaller");
  for (const std::string& name : harness::list_models(folder)) {
    const fs::path path = folder / name;
    SCOPED_TRACE(name);
    const Facts facts = facts_of(path);
    if (const auto file = missing_file(path, facts)) {
      expect_missing(path, *file);
      fmt::print("{:<66.66} refused: no {}\n", name, *file);
      ++missing;
      continue;
    }
    const Result result = pack_and_check(path);
    EXPECT_LE(result.packed, result.zstd + kSlack);
    EXPECT_TRUE(facts.floats <= kManyFloats || result.packed < result.zstd);
    total.original += result.original;
    total.zstd += result.zstd;
    total.packed += result.packed;
    print_row(name, result);
  }
  print_row("all", total);
  EXPECT_LE(static_cast<double>(total.packed), 0.9 * static_cast<double>(total.zstd));
  EXPECT_GT(total.original, 0U);
  EXPECT_GT(missing, 0U);
}

// Larger ones would take minutes, and differ by more than a few bytes of an index.
TEST(SharedModels, MaxIsNeverLargerThanTheDefault) {
  constexpr std::uint64_t kSmall = 300'000;
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "no folder of test data: set QC_SHARED, or put it at ../shared";
  const fs::path folder = *shared / "models";
  std::size_t packed = 0;
  for (const std::string& name : harness::list_models(folder)) {
    const fs::path path = folder / name;
    if (fs::file_size(path) > kSmall || missing_file(path, facts_of(path))) continue;
    const OnnxModel model = OnnxModel::open(path);
    EXPECT_LE(pack(model, 2, presets::kMax).size(), pack(model, 2, presets::kDefault).size())
        << name;
    ++packed;
  }
  EXPECT_GT(packed, 20U);
}

}  // namespace
}  // namespace qc
