// OnnxModel::write: new payloads, every other byte as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "model_files.h"

namespace qc {
namespace {

using harness::TempDir;
using test::noise;
using test::serialize;
using test::set_external;
using test::set_raw;

constexpr std::int32_t kFloat = onnx::TensorProto::FLOAT;

std::string text_of(ByteView bytes) { return std::string(as_text(bytes)); }

std::size_t index_of(const OnnxModel& model, const std::string& name) {
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    if (model.tensors()[i].name == name) return i;
  }
  ADD_FAILURE() << "no tensor " << name;
  return 0;
}

// Two raw tensors and one in float_data, with unknown fields, an unknown type and external data.
class WriteTest : public testing::Test {
 protected:
  WriteTest() {
    onnx::ModelProto model;
    model.mutable_unknown_fields()->AddLengthDelimited(1000, "of the model");
    onnx::GraphProto& graph = *model.mutable_graph();
    set_raw(*graph.add_initializer(), "a", kFloat, {5}, noise(20, 1))
        .mutable_unknown_fields()
        ->AddVarint(999, 7);
    set_raw(*graph.add_initializer(), "odd", 99, {3}, noise(33, 2));
    onnx::TensorProto& typed = *graph.add_initializer();
    test::describe_tensor(typed, "typed", kFloat, {3});
    for (const float value : {1.0F, 2.0F, 3.0F}) typed.add_float_data(value);
    add_external(graph, "e", 8, 20);
    add_external(graph, "same", 8, 20);
    add_external(graph, "part", 12, 8);
    add_external(graph, "across", 20, 12);
    onnx_ = text_of(serialize(model));
    external_ = text_of(noise(50, 3));
    std::filesystem::create_directories(in_ / "data");
    harness::write_file(in_ / "m.onnx", onnx_);
    harness::write_file(in_ / "data/w.bin", external_);
  }

  static void add_external(onnx::GraphProto& graph, const std::string& name, std::uint64_t offset,
                           std::uint64_t size) {
    onnx::TensorProto& tensor = *graph.add_initializer();
    test::describe_tensor(tensor, name, kFloat, {static_cast<std::int64_t>(size / 4)});
    set_external(tensor, "data/w.bin", offset, size);
  }

  OnnxModel open() const { return OnnxModel::open(in_ / "m.onnx"); }

  PayloadEdits edits(const OnnxModel& model,
                     const std::vector<std::pair<std::string, Bytes>>& changes) const {
    PayloadEdits all;
    for (const auto& [name, bytes] : changes) all[index_of(model, name)] = bytes;
    return all;
  }

  // Replaces the one occurrence of `from`.
  static std::string spliced(std::string text, ByteView from, ByteView to) {
    const std::size_t at = text.find(as_text(from));
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, from.size(), as_text(to));
  }

  void expect_error(ErrorCode code, const std::function<void()>& action) const {
    const auto before = harness::snapshot(in_.path());
    try {
      action();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
    }
    EXPECT_EQ(harness::snapshot(in_.path()), before);
  }

  TempDir in_;
  TempDir out_;
  std::string onnx_;
  std::string external_;
};

TEST_F(WriteTest, WithoutEditsCopiesEveryFile) {
  open().write(out_ / "copy.onnx", {}, Overwrite::kRefuse);
  EXPECT_EQ(harness::snapshot(out_.path()),
            (std::map<std::string, std::string>{{"copy.onnx", onnx_}, {"data/w.bin", external_}}));
}

TEST_F(WriteTest, ChangesThePayloadsAndNothingElse) {
  const OnnxModel model = open();
  const Bytes typed = noise(12, 6);
  const PayloadEdits changes = edits(model, {{"a", noise(20, 5)}, {"typed", typed}});
  model.write(out_ / "copy.onnx", changes, Overwrite::kRefuse);
  const Bytes old_typed(model.payload(model.tensors()[index_of(model, "typed")]).begin(),
                        model.payload(model.tensors()[index_of(model, "typed")]).end());
  const std::string expected =
      spliced(spliced(onnx_, noise(20, 1), noise(20, 5)), old_typed, typed);
  EXPECT_EQ(harness::read_file(out_ / "copy.onnx"), expected);
  EXPECT_EQ(harness::read_file(out_ / "data/w.bin"), external_);
}

TEST_F(WriteTest, ChangesExternalData) {
  const OnnxModel model = open();
  model.write(out_ / "copy.onnx", edits(model, {{"e", noise(20, 5)}}), Overwrite::kRefuse);
  EXPECT_EQ(harness::read_file(out_ / "copy.onnx"), onnx_);
  EXPECT_EQ(harness::read_file(out_ / "data/w.bin"),
            std::string(external_).replace(8, 20, as_text(noise(20, 5))));
}

TEST_F(WriteTest, TensorsThatShareBytesMayChangeAlike) {
  const OnnxModel model = open();
  const Bytes changed = noise(20, 5);
  const Bytes part(changed.begin() + 4, changed.begin() + 12);
  model.write(out_ / "copy.onnx", edits(model, {{"part", part}, {"e", changed}, {"same", changed}}),
              Overwrite::kRefuse);
  EXPECT_EQ(harness::read_file(out_ / "data/w.bin"),
            std::string(external_).replace(8, 20, as_text(changed)));
}

TEST_F(WriteTest, TensorsThatShareBytesMayNotChangeApart) {
  const OnnxModel model = open();
  const std::vector<std::vector<std::pair<std::string, Bytes>>> conflicts = {
      {{"e", noise(20, 5)}, {"same", noise(20, 6)}},
      {{"e", noise(20, 5)}, {"part", noise(8, 5)}},
      {{"e", noise(20, 5)}, {"across", noise(12, 6)}}};
  for (const auto& changes : conflicts) {
    expect_error(ErrorCode::kUnsupported, [&] {
      model.write(out_ / "copy.onnx", edits(model, changes), Overwrite::kReplace);
    });
    EXPECT_THAT(harness::list_files(out_.path()), testing::IsEmpty());
  }
}

TEST_F(WriteTest, RefusesAnEditOfAnotherSize) {
  const OnnxModel model = open();
  expect_error(ErrorCode::kInternal, [&] {
    model.write(out_ / "copy.onnx", edits(model, {{"a", noise(16, 5)}}), Overwrite::kReplace);
  });
}

TEST_F(WriteTest, NeverOverwritesTheInput) {
  const OnnxModel model = open();
  std::filesystem::create_symlink(in_ / "m.onnx", in_ / "link.onnx");
  for (const char* name : {"m.onnx", "data/../m.onnx", "link.onnx", "other.onnx", "data/w.bin"}) {
    SCOPED_TRACE(name);
    expect_error(ErrorCode::kUsage, [&] { model.write(in_ / name, {}, Overwrite::kReplace); });
  }
}

TEST_F(WriteTest, RefusesAnOutputNamedLikeItsExternalData) {
  onnx::ModelProto proto;
  onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
  test::describe_tensor(tensor, "w", kFloat, {5});
  set_external(tensor, "w.bin", 0, 20);
  const OnnxModel model = test::open_files({{"m.onnx", serialize(proto)}, {"w.bin", noise(20, 1)}});
  expect_error(ErrorCode::kUsage, [&] { model.write(out_ / "w.bin", {}, Overwrite::kReplace); });
  EXPECT_THAT(harness::list_files(out_.path()), testing::IsEmpty());
}

TEST_F(WriteTest, RefusesWhatExistsUnlessTold) {
  const OnnxModel model = open();
  std::filesystem::create_directory(out_ / "data");
  harness::write_file(out_ / "data/w.bin", "someone else's");
  const auto before = harness::snapshot(out_.path());
  expect_error(ErrorCode::kFile, [&] { model.write(out_ / "copy.onnx", {}, Overwrite::kRefuse); });
  EXPECT_EQ(harness::snapshot(out_.path()), before);
  model.write(out_ / "copy.onnx", {}, Overwrite::kReplace);
  EXPECT_EQ(harness::read_file(out_ / "data/w.bin"), external_);
}

}  // namespace
}  // namespace qc
