// qcompress export as a user of the program meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness.h"

namespace qc {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ExportCommand : public testing::Test {
 protected:
  ExportCommand() {
    options_.cwd = folder_.path();
    const std::string model =
        (harness::source_dir() / "samples" / "models" / "lenet-300-100.onnx").string();
    run_well({"prune", "--rate", "0.9", model, "-o", "pruned.onnx", "-q"});
    run_well({"share", "--bits", "5", "pruned.onnx", "-o", "m.onnx", "-q"});
  }

  harness::RunResult run(const std::vector<std::string>& args) const {
    return harness::run(args, options_);
  }

  std::string run_well(const std::vector<std::string>& args) const {
    const harness::RunResult result = run(args);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    return result.out;
  }

  std::uintmax_t size(const std::string& name) const {
    return std::filesystem::file_size(folder_ / name);
  }

  void set_opset(int version) const {
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(harness::read_file(folder_ / "m.onnx")));
    model.mutable_opset_import(0)->set_version(version);
    harness::write_file(folder_ / "m.onnx", model.SerializeAsString());
  }

  harness::TempDir folder_;
  harness::RunOptions options_;
};

TEST_F(ExportCommand, WritesSmallFilesAndSaysHowSmall) {
  const std::string text = run_well({"export", "m.onnx"});
  EXPECT_THAT(text, HasSubstr("bytes before"));
  EXPECT_THAT(text, HasSubstr("m.compact.onnx"));
  EXPECT_LT(20 * size("m.compact.onnx"), size("m.onnx"));
  const json document = json::parse(run_well({"export", "m.onnx", "--as", "codebook", "--json"}));
  EXPECT_EQ(document["schema"], "qcompress.export/1");
  EXPECT_EQ(document["output"], "m.codebook.onnx");
  EXPECT_EQ(document["bytes"], size("m.codebook.onnx"));
  EXPECT_EQ(document["original_bytes"], size("m.onnx"));
  EXPECT_EQ(document["tensors"][0]["form"], "codebook");
  EXPECT_GT(size("m.codebook.onnx"), size("m.compact.onnx"));
}

TEST_F(ExportCommand, ReadsContainers) {
  run_well({"pack", "m.onnx"});
  run_well({"export", "m.qc", "--as", "float", "-o", "plain.onnx"});
  EXPECT_EQ(harness::read_file(folder_ / "plain.onnx"), harness::read_file(folder_ / "m.onnx"));
  run_well({"export", "m.qc", "-o", "a.onnx"});
  run_well({"export", "m.onnx", "-o", "b.onnx"});
  EXPECT_EQ(harness::read_file(folder_ / "a.onnx"), harness::read_file(folder_ / "b.onnx"));
}

TEST_F(ExportCommand, KeepsToWhatARuntimeRuns) {
  run_well({"export", "m.onnx", "--for", "any", "-o", "any.onnx"});
  run_well({"export", "m.onnx", "--for", "onnxruntime:1.20", "-o", "runtime.onnx"});
  run_well({"export", "m.onnx", "--as", "codebook", "-o", "codebook.onnx"});
  EXPECT_LE(size("any.onnx"), size("codebook.onnx"));
  EXPECT_LT(size("runtime.onnx"), size("any.onnx"));
  run_well({"export", "m.onnx", "--for", "onnxruntime:1.0", "-o", "old.onnx"});
  EXPECT_EQ(harness::read_file(folder_ / "old.onnx"), harness::read_file(folder_ / "m.onnx"));
}

TEST_F(ExportCommand, TellsWhatCompressorsMakeOfIt) {
  const json document = json::parse(run_well({"export", "m.onnx", "--as", "brotli", "--json"}));
  const json& sizes = document["compressed"];
  for (const char* which : {"brotli_11", "zstd_19"}) {
    EXPECT_GT(sizes["output"][which], 0);
    EXPECT_LT(sizes["output"][which], size("m.onnx"));
  }
  EXPECT_LE(sizes["output"]["brotli_11"], sizes["original"]["brotli_11"]);
}

TEST_F(ExportCommand, RefusesWhatItCannotDo) {
  harness::write_file(folder_ / "there.onnx", "mine");
  const harness::RunResult there = run({"export", "m.onnx", "-o", "there.onnx"});
  EXPECT_EQ(there.exit_code, 3);
  EXPECT_THAT(there.err, HasSubstr("-f"));
  EXPECT_EQ(harness::read_file(folder_ / "there.onnx"), "mine");
  run_well({"export", "m.onnx", "-o", "there.onnx", "-f"});

  EXPECT_EQ(run({"export", "m.onnx", "--as", "small"}).exit_code, 2);
  const harness::RunResult unknown = run({"export", "m.onnx", "--for", "tflite"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("onnxruntime"));
  EXPECT_EQ(run({"export", "m.onnx", "-o", "m.onnx", "-f"}).exit_code, 2);
  EXPECT_EQ(run({"export", "none.onnx"}).exit_code, 3);
  EXPECT_EQ(run({"export", "there.onnx", "-q", "-o", "again.onnx"}).exit_code, 0);
}

TEST_F(ExportCommand, OldOpsetsAreRaisedOrRefused) {
  set_opset(9);
  EXPECT_THAT(run_well({"export", "m.onnx"}), HasSubstr("opset 9 became 11"));
  set_opset(6);
  const harness::RunResult refused = run({"export", "m.onnx", "-f"});
  EXPECT_EQ(refused.exit_code, 5);
  EXPECT_THAT(refused.err, HasSubstr("m.onnx: the model is of opset 6"));
  EXPECT_THAT(refused.err, HasSubstr("version converter"));
  run_well({"export", "m.onnx", "--as", "float"});
}

}  // namespace
}  // namespace qc
