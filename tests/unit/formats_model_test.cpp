#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "model_files.h"

namespace qc {
namespace {

using harness::TempDir;
using test::find_tensor;
using test::noise;
using test::serialize;
using test::set_external;
using test::set_raw;

constexpr std::int32_t kFloat = onnx::TensorProto::FLOAT;

std::string text_of(ByteView bytes) { return std::string(as_text(bytes)); }

// The error that opening files gives; fails when there is none.
std::pair<ErrorCode, std::string> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  ADD_FAILURE() << "no error";
  return {};
}

// A model with one external tensor of 4 x 5 float32.
onnx::ModelProto external_model(const std::string& location, std::optional<std::uint64_t> offset,
                                std::optional<std::uint64_t> length) {
  onnx::ModelProto model;
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  test::describe_tensor(tensor, "w", kFloat, {4, 5});
  set_external(tensor, location, offset, length);
  return model;
}

struct Placement {
  std::optional<std::uint64_t> offset;
  std::optional<std::uint64_t> length;
  std::uint64_t file_size;
  std::uint64_t expected_offset;
  std::uint64_t expected_size;
  bool elements;
};

class ExternalPlacement : public testing::TestWithParam<Placement> {};

TEST_P(ExternalPlacement, IsAsOnnxSays) {
  const Placement& placement = GetParam();
  const Bytes data = noise(placement.file_size, 1);
  const OnnxModel model = test::open_files(
      {{"m.onnx", serialize(external_model("w.bin", placement.offset, placement.length))},
       {"w.bin", data}});
  ASSERT_EQ(model.files().size(), 2U);
  const TensorInfo tensor = find_tensor(model, "w");
  EXPECT_EQ(tensor.storage, Storage::kExternal);
  EXPECT_EQ(tensor.file, 1U);
  EXPECT_EQ(tensor.offset, placement.expected_offset);
  EXPECT_EQ(tensor.size, placement.expected_size);
  EXPECT_EQ(tensor.elements, placement.elements);
  EXPECT_EQ(text_of(model.payload(tensor)),
            text_of(ByteView(data).subspan(tensor.offset, tensor.size)));
}

INSTANTIATE_TEST_SUITE_P(
    ExternalData, ExternalPlacement,
    testing::Values(Placement{16, 80, 200, 16, 80, true}, Placement{{}, 80, 200, 0, 80, true},
                    Placement{100, {}, 200, 100, 80, true}, Placement{{}, {}, 80, 0, 80, true},
                    Placement{150, {}, 200, 150, 50, false}, Placement{10, 81, 200, 10, 81, false},
                    Placement{200, 0, 200, 200, 0, false}));

TEST(ExternalData, OneFileUnderEveryWayOfWritingItsPath) {
  onnx::ModelProto model = external_model("data/w.bin", 0, 80);
  for (const char* location : {"./data/w.bin", "data//w.bin", "data/./w.bin"}) {
    *model.mutable_graph()->add_initializer() =
        external_model(location, 20, 80).graph().initializer(0);
  }
  const OnnxModel opened =
      test::open_files({{"m.onnx", serialize(model)}, {"data/w.bin", noise(200, 1)}});
  ASSERT_EQ(opened.files().size(), 2U);
  EXPECT_EQ(opened.files()[1].relative, "data/w.bin");
  for (const TensorInfo& tensor : opened.tensors()) EXPECT_EQ(tensor.file, 1U);
  EXPECT_EQ(opened.total_size(), serialize(model).size() + 200);
}

TEST(ExternalData, SeveralFilesAndSharedRanges) {
  TempDir folder;
  onnx::ModelProto model = external_model("a.bin", 0, 80);
  onnx::TensorProto& other = *model.mutable_graph()->add_initializer();
  test::describe_tensor(other, "v", kFloat, {2, 10});
  set_external(other, "a.bin", 0, 80);
  onnx::TensorProto& third = *model.mutable_graph()->add_initializer();
  test::describe_tensor(third, "u", kFloat, {5});
  set_external(third, "b.bin");
  harness::write_file(folder / "m.onnx", text_of(serialize(model)));
  harness::write_file(folder / "a.bin", text_of(noise(80, 1)));
  harness::write_file(folder / "b.bin", text_of(noise(20, 2)));

  const OnnxModel opened = OnnxModel::open(folder / "m.onnx");
  ASSERT_EQ(opened.files().size(), 3U);
  EXPECT_EQ(opened.files()[0].relative, "m.onnx");
  EXPECT_EQ(text_of(opened.payload(find_tensor(opened, "w"))), text_of(noise(80, 1)));
  EXPECT_EQ(text_of(opened.payload(find_tensor(opened, "v"))), text_of(noise(80, 1)));
  EXPECT_EQ(text_of(opened.payload(find_tensor(opened, "u"))), text_of(noise(20, 2)));
}

TEST(ExternalData, ThroughLinksOutOfTheFolderOnlyWhenAllowed) {
  namespace fs = std::filesystem;
  const TempDir folder;
  for (const char* location : {"w.bin", "d/w.bin"}) {
    const fs::path inside = folder / "model";
    fs::create_directories(inside / "real");
    fs::create_directories(folder / "elsewhere");
    for (const fs::path& place : {inside / "real", folder / "elsewhere"}) {
      harness::write_file(place / "w.bin", text_of(noise(80, 1)));
    }
    harness::write_file(inside / "m.onnx",
                        text_of(serialize(external_model(location, std::nullopt, std::nullopt))));
    const bool is_folder = std::string(location).starts_with("d/");
    const fs::path link = inside / (is_folder ? "d" : "w.bin");
    const fs::path file = is_folder ? "" : "w.bin";

    fs::create_symlink(fs::path("real") / file, link);
    EXPECT_EQ(OnnxModel::open(inside / "m.onnx").files().size(), 2U);
    fs::remove(link);
    fs::create_symlink(fs::path("../elsewhere") / file, link);
    EXPECT_EQ(OnnxModel::open(inside / "m.onnx", Links::kAnywhere).files().size(), 2U);
    const auto [code, message] = error_of([&] { OnnxModel::open(inside / "m.onnx"); });
    EXPECT_EQ(code, ErrorCode::kUnsupported);
    EXPECT_THAT(message, testing::HasSubstr("--follow-links"));
  }
}

TEST(ExternalData, MissingFileIsNamed) {
  TempDir folder;
  harness::write_file(folder / "m.onnx", text_of(serialize(external_model("gone.bin", 0, 80))));
  const auto [code, message] = error_of([&] { OnnxModel::open(folder / "m.onnx"); });
  EXPECT_EQ(code, ErrorCode::kFile);
  EXPECT_THAT(message, testing::HasSubstr("gone.bin"));
  EXPECT_THAT(message, testing::HasSubstr("m.onnx"));
}

struct BadLocation {
  const char* location;
  ErrorCode code;
};

class RefusedLocation : public testing::TestWithParam<BadLocation> {};

TEST_P(RefusedLocation, WithItsName) {
  TempDir folder;
  std::filesystem::create_directory(folder / "model");
  harness::write_file(folder / "secret.bin", std::string(80, 'x'));
  const std::string location = GetParam().location;
  harness::write_file(folder / "model/m.onnx", text_of(serialize(external_model(location, 0, 80))));
  const auto [code, message] = error_of([&] { OnnxModel::open(folder / "model/m.onnx"); });
  EXPECT_EQ(code, GetParam().code);
  EXPECT_THAT(message, testing::HasSubstr(location));
}

INSTANTIATE_TEST_SUITE_P(ExternalData, RefusedLocation,
                         testing::Values(BadLocation{"../secret.bin", ErrorCode::kCorrupt},
                                         BadLocation{"a/../../secret.bin", ErrorCode::kCorrupt},
                                         BadLocation{"/etc/passwd", ErrorCode::kCorrupt},
                                         BadLocation{"", ErrorCode::kCorrupt},
                                         BadLocation{".", ErrorCode::kFile},
                                         BadLocation{"m.onnx", ErrorCode::kUnsupported},
                                         BadLocation{"./m.onnx", ErrorCode::kUnsupported}));

// The system would open w.bin instead.
TEST(ExternalData, ALocationWithAZeroByteIsRefused) {
  for (const std::string& location : {std::string("w.bin\0x", 7), std::string("w.bin\0", 6)}) {
    const Bytes model = serialize(external_model(location, 0, 80));
    const auto [code, message] = error_of([&] {
      test::open_files({{"m.onnx", model}, {"w.bin", noise(80, 1)}});
    });
    EXPECT_EQ(code, ErrorCode::kCorrupt);
    EXPECT_THAT(message, testing::HasSubstr("w.bin\\x00"));
  }
}

TEST(ExternalData, BadNumbersAreRefused) {
  const std::vector<std::pair<std::string, std::string>> entries = {
      {"offset", "201"}, {"offset", "-1"},
      {"offset", "4 "},  {"offset", "x"},
      {"length", "201"}, {"length", "18446744073709551615"},
      {"length", ""},    {"offset", "99999999999999999999"}};
  for (const auto& [key, value] : entries) {
    onnx::ModelProto model = external_model("w.bin", {}, {});
    onnx::StringStringEntryProto& entry =
        *model.mutable_graph()->mutable_initializer(0)->add_external_data();
    entry.set_key(key);
    entry.set_value(value);
    const auto [code, message] = error_of([&] {
      test::open_files({{"m.onnx", serialize(model)}, {"w.bin", noise(200, 1)}});
    });
    EXPECT_EQ(code, ErrorCode::kCorrupt) << key << ' ' << value;
    EXPECT_THAT(message, testing::HasSubstr("tensor w")) << key << ' ' << value;
  }
}

TEST(ExternalData, NeedsALocation) {
  onnx::ModelProto model = external_model("w.bin", {}, {});
  model.mutable_graph()->mutable_initializer(0)->clear_external_data();
  EXPECT_EQ(error_of([&] { test::open_model(model); }).first, ErrorCode::kCorrupt);
}

TEST(ExternalData, CountsOnlyWithItsMark) {
  onnx::ModelProto model = external_model("w.bin", 0, 80);
  onnx::TensorProto& tensor = *model.mutable_graph()->mutable_initializer(0);
  tensor.clear_data_location();
  tensor.set_raw_data(std::string(80, 'r'));
  const OnnxModel opened = test::open_model(model);
  EXPECT_EQ(opened.files().size(), 1U);
  EXPECT_EQ(find_tensor(opened, "w").storage, Storage::kRaw);
}

TEST(Elements, AreOnlyWhatAgreesWithTypeAndShape) {
  struct Case {
    std::int32_t type;
    std::vector<std::int64_t> dims;
    std::size_t size;
    bool elements;
    bool values;
  };
  const std::vector<Case> cases = {
      {onnx::TensorProto::FLOAT, {2, 3}, 24, true, true},
      {onnx::TensorProto::FLOAT, {2, 3}, 20, false, false},
      {onnx::TensorProto::FLOAT, {}, 4, true, true},
      {onnx::TensorProto::FLOAT, {-1, 3}, 12, false, false},
      {onnx::TensorProto::FLOAT16, {5}, 10, true, true},
      {onnx::TensorProto::BFLOAT16, {5}, 10, true, true},
      {onnx::TensorProto::DOUBLE, {2}, 16, true, true},
      {onnx::TensorProto::INT8, {5}, 5, true, false},
      {onnx::TensorProto::COMPLEX64, {2}, 16, true, false},
      {22 /* int4 */, {5}, 3, true, false},
      {99, {5}, 5, false, false},
      {-7, {5}, 5, false, false},
  };
  for (const Case& each : cases) {
    onnx::ModelProto model;
    set_raw(*model.mutable_graph()->add_initializer(), "t", each.type, each.dims,
            noise(each.size, 1));
    const TensorInfo tensor = find_tensor(test::open_model(model), "t");
    SCOPED_TRACE(data_type_name(tensor.type) + ' ' + shape_text(each.dims));
    EXPECT_EQ(tensor.size, each.size);
    EXPECT_EQ(tensor.elements, each.elements);
    EXPECT_EQ(tensor.has_values(), each.values);
  }
}

TEST(Elements, OfTypedFieldsAreThoseOfFixedWidth) {
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::TensorProto& floats = *graph.add_initializer();
  test::describe_tensor(floats, "floats", kFloat, {2});
  for (const float value : {1.0F, 2.0F}) floats.add_float_data(value);
  onnx::TensorProto& halves = *graph.add_initializer();
  test::describe_tensor(halves, "halves", onnx::TensorProto::FLOAT16, {2});
  for (const int bits : {0x3c00, 0x4000}) halves.add_int32_data(bits);
  onnx::TensorProto& both = *graph.add_initializer();
  set_raw(both, "both", kFloat, {1}, noise(4, 1)).add_float_data(1);
  const OnnxModel opened = test::open_model(model);
  EXPECT_TRUE(find_tensor(opened, "floats").has_values());
  EXPECT_FALSE(find_tensor(opened, "halves").elements);
  EXPECT_FALSE(find_tensor(opened, "both").elements);
}

TEST(Elements, OfStringsAndEmptyTensorsAreNone) {
  onnx::ModelProto model;
  onnx::TensorProto& strings = *model.mutable_graph()->add_initializer();
  test::describe_tensor(strings, "s", onnx::TensorProto::STRING, {1});
  strings.add_string_data("text");
  const OnnxModel opened = test::open_model(model);
  const TensorInfo tensor = find_tensor(opened, "s");
  EXPECT_EQ(tensor.storage, Storage::kNone);
  EXPECT_FALSE(tensor.elements);
  EXPECT_TRUE(opened.payload(tensor).empty());
}

}  // namespace
}  // namespace qc
