// Unpacking to files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "model_files.h"

namespace qc {
namespace {

using harness::TempDir;
using test::bell_payload;
using test::serialize;

std::string text_of(ByteView bytes) { return std::string(as_text(bytes)); }

// A model with external data in a folder, packed.
class UnpackTest : public testing::Test {
 protected:
  UnpackTest() {
    onnx::ModelProto model;
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    test::describe_tensor(tensor, "w", onnx::TensorProto::FLOAT, {30, 40});
    test::set_external(tensor, "data/w.bin", 16, 4800);
    onnx_ = serialize(model);
    external_ = bell_payload(1210, 1);
    container_ = test::pack(test::open_files({{"m.onnx", onnx_}, {"data/w.bin", external_}}));
    reader_.emplace(QcReader::from_bytes(container_));
  }

  void unpack(const std::string& name, Overwrite overwrite) const {
    reader_->unpack(out_ / name, overwrite, 1, {});
  }

  void expect_error(ErrorCode code, const std::string& name, Overwrite overwrite) const {
    const auto before = harness::snapshot(out_.path());
    try {
      unpack(name, overwrite);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
    }
    EXPECT_EQ(harness::snapshot(out_.path()), before);
  }

  void expect_model(const std::string& name) const {
    EXPECT_EQ(harness::read_file(out_ / name), text_of(onnx_));
    EXPECT_EQ(harness::read_file(out_ / "data/w.bin"), text_of(external_));
  }

  // Another one after the file was replaced.
  std::uint64_t inode() const {
    struct stat status {};
    EXPECT_EQ(::stat((out_ / "data/w.bin").c_str(), &status), 0);
    return status.st_ino;
  }

  void write_external(const std::string& bytes) const {
    std::filesystem::create_directories(out_ / "data");
    harness::write_file(out_ / "data/w.bin", bytes);
  }

  TempDir out_;
  Bytes onnx_;
  Bytes external_;
  Bytes container_;
  std::optional<QcReader> reader_;
};

TEST_F(UnpackTest, WritesEveryFile) {
  unpack("back.onnx", Overwrite::kRefuse);
  expect_model("back.onnx");
  EXPECT_THAT(harness::list_files(out_.path()), testing::ElementsAre("back.onnx", "data/w.bin"));
}

TEST_F(UnpackTest, LeavesIdenticalExternalDataAlone) {
  write_external(text_of(external_));
  const std::uint64_t before = inode();
  unpack("back.onnx", Overwrite::kRefuse);
  unpack("back.onnx", Overwrite::kReplace);
  expect_model("back.onnx");
  EXPECT_EQ(inode(), before);
}

TEST_F(UnpackTest, RefusesToReplaceOtherExternalData) {
  std::string other = text_of(external_);
  other.back() = static_cast<char>(other.back() ^ 1);
  for (const std::string& bytes : {other, std::string("short")}) {
    write_external(bytes);
    expect_error(ErrorCode::kFile, "back.onnx", Overwrite::kRefuse);
  }
  const std::uint64_t before = inode();
  unpack("back.onnx", Overwrite::kReplace);
  expect_model("back.onnx");
  EXPECT_NE(inode(), before);
}

TEST_F(UnpackTest, RefusesAModelThatExists) {
  harness::write_file(out_ / "back.onnx", "precious");
  expect_error(ErrorCode::kFile, "back.onnx", Overwrite::kRefuse);
  unpack("back.onnx", Overwrite::kReplace);
  expect_model("back.onnx");
}

TEST_F(UnpackTest, RefusesAnOutputNamedLikeItsExternalData) {
  onnx::ModelProto model;
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  test::describe_tensor(tensor, "w", onnx::TensorProto::FLOAT, {1210});
  test::set_external(tensor, "w.bin");
  container_ = test::pack(test::open_files({{"m.onnx", serialize(model)}, {"w.bin", external_}}));
  reader_.emplace(QcReader::from_bytes(container_));
  expect_error(ErrorCode::kUsage, "w.bin", Overwrite::kReplace);
  expect_error(ErrorCode::kUsage, "./w.bin", Overwrite::kReplace);
}

TEST_F(UnpackTest, DamageLeavesNothingBehind) {
  // A bit of the unit; the index is fine.
  const auto at = static_cast<std::size_t>(reader_->units()[0].stored.data() - container_.data());
  container_[at + 5] ^= 1;
  write_external("old");
  expect_error(ErrorCode::kCorrupt, "back.onnx", Overwrite::kReplace);
}

TEST_F(UnpackTest, OpenedFromAFileSaysWhichIsDamaged) {
  container_.back() ^= 1;
  harness::write_file(out_ / "x.qc", text_of(container_));
  try {
    QcReader::open(out_ / "x.qc");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    EXPECT_THAT(error.what(), testing::HasSubstr("x.qc"));
  }
}

TEST_F(UnpackTest, AModelFromMemoryIsTheModel) {
  const OnnxModel model = OnnxModel::from_memory(reader_->decode_to_memory(2));
  const TensorInfo tensor = test::find_tensor(model, "w");
  EXPECT_EQ(text_of(model.payload(tensor)), text_of(ByteView(external_).subspan(16, 4800)));
}

}  // namespace
}  // namespace qc
