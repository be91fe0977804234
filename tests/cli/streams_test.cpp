// "-" for standard input and output, as in other compressors, and the programs behind the name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::RunOptions;
using harness::RunResult;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kUsage = 2;
constexpr int kFile = 3;
constexpr int kCorrupt = 4;

using Args = std::vector<std::string>;

/// A folder with a model and its container, in which the commands run.
class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    fs::copy_file(harness::sample_model(), folder_ / "model.onnx");
    model_ = harness::read_file(folder_ / "model.onnx");
    EXPECT_EQ(run({"pack", "-q", "model.onnx"}).exit_code, 0);
    container_ = harness::read_file(folder_ / "model.qc");
  }

  RunResult run(const Args& args, const std::string& input = "") const {
    RunOptions options;
    options.cwd = folder_.path();
    options.stdin_text = input;
    return harness::run(args, options);
  }

  void expect_refused(const RunResult& result, int exit_code, const std::string& message) const {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_THAT(result.out, IsEmpty());
  }

  harness::TempDir folder_;
  std::string model_;
  std::string container_;
};

TEST_F(StreamTest, UnpackWritesTheModelAndNothingElse) {
  for (const Args& args :
       {Args{"unpack", "model.qc", "-o", "-"}, Args{"unpack", "-v", "model.qc", "--output=-"}}) {
    const RunResult result = run(args);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_TRUE(result.out == model_);
    EXPECT_THAT(result.err, IsEmpty());
  }
}

TEST_F(StreamTest, PackWritesTheContainerAndNothingElse) {
  const RunResult result = run({"pack", "-v", "model.onnx", "-o", "-"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.out == container_);
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(StreamTest, StandardInputIsPackedLikeAFile) {
  const RunResult piped = run({"pack", "-", "-o", "-"}, model_);
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_TRUE(piped.out == container_);
  const RunResult named = run({"pack", "-", "-o", "named.qc"}, model_);
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_THAT(named.out, HasSubstr("standard input"));
  EXPECT_TRUE(harness::read_file(folder_ / "named.qc") == container_);
}

TEST_F(StreamTest, StandardInputIsUnpackedAndTestedLikeAFile) {
  EXPECT_TRUE(run({"unpack", "-", "-o", "-"}, container_).out == model_);
  EXPECT_EQ(run({"unpack", "-", "-o", "back.onnx"}, container_).exit_code, 0);
  EXPECT_TRUE(harness::read_file(folder_ / "back.onnx") == model_);
  EXPECT_THAT(run({"test", "-"}, container_).out, HasSubstr("standard input  ok"));
}

TEST_F(StreamTest, AnOutputMustBeNamedForStandardInput) {
  expect_refused(run({"pack", "-"}, model_), kUsage, "name the output with -o");
  expect_refused(run({"unpack", "-"}, container_), kUsage, "name the output with -o");
}

TEST_F(StreamTest, JsonAndAFileDoNotShareStandardOutput) {
  expect_refused(run({"pack", "--json", "model.onnx", "-o", "-"}), kUsage, "--json");
  expect_refused(run({"unpack", "--json", "model.qc", "-o", "-"}), kUsage, "--json");
}

TEST_F(StreamTest, OtherCommandsNeedAFile) {
  expect_refused(run({"prune", "--rate", "0.5", "model.onnx", "-o", "-"}), kUsage,
                 "name an output file with -o");
  EXPECT_FALSE(fs::exists(folder_ / "-"));
}

TEST_F(StreamTest, DamagedInputIsNamed) {
  std::string damaged = container_;
  damaged[damaged.size() / 2] ^= 1;
  expect_refused(run({"unpack", "-", "-o", "back.onnx"}, damaged), kCorrupt, "standard input: ");
  EXPECT_FALSE(fs::exists(folder_ / "back.onnx"));
  expect_refused(run({"test", "-"}, damaged), kCorrupt, "standard input: ");
  expect_refused(run({"pack", "-", "-o", "-"}, "no model"), kCorrupt, "standard input: ");
  expect_refused(run({"unpack", "-", "-o", "-"}), kCorrupt, "standard input: it is empty");
}

TEST_F(StreamTest, BytesGoToATerminalOnlyWhenForced) {
  RunOptions options;
  options.cwd = folder_.path();
  options.program = "script";  // gives the command a terminal
  const auto on_terminal = [&](const std::string& words) {
    const std::string command = std::string(harness::program()) + " " + words;
    return harness::run({"--quiet", "--return", "--command", command, "/dev/null"}, options);
  };
  for (const char* words : {"unpack model.qc -o -", "pack model.onnx -o -"}) {
    const RunResult refused = on_terminal(words);
    EXPECT_EQ(refused.exit_code, kUsage);
    EXPECT_THAT(refused.out, HasSubstr("standard output is a terminal"));
  }
  EXPECT_THAT(on_terminal("unpack model.qc -f -o -").out, HasSubstr("conv1.weight"));
}

TEST_F(StreamTest, AFailingWriteIsAFileError) {
  RunOptions options;
  options.cwd = folder_.path();
  options.program = "sh";
  for (const char* words : {"unpack model.qc", "pack model.onnx"}) {
    const std::string command = std::string(harness::program()) + " " + words + " -o - > /dev/full";
    const RunResult result = harness::run({"-c", command}, options);
    EXPECT_EQ(result.exit_code, kFile);
    EXPECT_THAT(result.err, HasSubstr("cannot write to standard output"));
  }
}

TEST_F(StreamTest, WithoutSyncTheFilesAreTheSame) {
  EXPECT_EQ(run({"pack", "--no-sync", "model.onnx", "-o", "later.qc"}).exit_code, 0);
  EXPECT_TRUE(harness::read_file(folder_ / "later.qc") == container_);
  EXPECT_EQ(run({"unpack", "--no-sync", "model.qc", "-o", "later.onnx"}).exit_code, 0);
  EXPECT_TRUE(harness::read_file(folder_ / "later.onnx") == model_);
  expect_refused(run({"unpack", "--no-sync", "model.qc"}), kFile, "exists already");
}

TEST_F(StreamTest, TheProgramAloneUnpacksAndSaysWhatIsMissing) {
  fs::create_directory(folder_ / "bin");
  fs::copy_file(harness::program(), folder_ / "bin" / "qcompress");
  RunOptions options;
  options.cwd = folder_.path();
  options.program = folder_ / "bin" / "qcompress";
  EXPECT_TRUE(harness::run({"unpack", "model.qc", "-o", "-"}, options).out == model_);
  EXPECT_EQ(harness::run({"test", "model.qc"}, options).exit_code, 0);
  EXPECT_THAT(harness::run({"--version"}, options).out, HasSubstr("qcompress "));
  const RunResult refused = harness::run({"inspect", "model.qc"}, options);
  EXPECT_EQ(refused.exit_code, kFile);
  EXPECT_THAT(refused.err, HasSubstr("qcompress_full"));
}

}  // namespace
}  // namespace qc
