// Standard streams that are closed, full or no longer read: no result is lost for want of a
// terminal, and what cannot be printed is an error.
#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "training_fixture.h"

namespace qc::test {
namespace {

namespace fs = std::filesystem;
using harness::RunResult;
using testing::HasSubstr;
using testing::IsEmpty;

/// Makes "pipe" a pipe that nobody reads any more, open for writing as descriptor 3.
constexpr const char* kReaderGone = "mkfifo pipe; true < pipe & exec 3> pipe; wait; ";

/// What may be wrong with standard error, as a shell brings it about.
const std::vector<std::pair<std::string, std::string>> kLostErrors = {
    {"", "2>&-"}, {"", "2> /dev/full"}, {kReaderGone, "2>&3"}};

class LostStreamsTest : public ToolsTest {
 protected:
  /// Runs a command whose standard error is lost in one of the ways above.
  RunResult run_without_stderr(const std::pair<std::string, std::string>& way,
                               const std::string& words) const {
    fs::remove(file("pipe"));
    return run_shell(way.first + "exec \"$0\" " + words + " " + way.second);
  }
};

TEST_F(LostStreamsTest, WarningsThatCannotBePrintedEndNothing) {
  write("recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 0.8\nlr = 0.1\n");
  ASSERT_THAT(run({"run", "recipe.toml", "model.onnx"}).err, HasSubstr("warning"));
  const std::string whole = content("model.qc");
  for (const auto& way : kLostErrors) {
    SCOPED_TRACE(way.second);
    fs::remove(file("model.qc"));
    const RunResult result = run_without_stderr(way, "run recipe.toml model.onnx");
    EXPECT_EQ(result.exit_code, 0) << "signal " << result.signal;
    EXPECT_TRUE(content("model.qc") == whole);
  }
}

TEST_F(LostStreamsTest, ErrorsThatCannotBePrintedKeepTheirExitStatus) {
  for (const auto& way : kLostErrors) {
    SCOPED_TRACE(way.second);
    EXPECT_EQ(run_without_stderr(way, "inspect no-such-file").exit_code, kFile);
    EXPECT_EQ(run_without_stderr(way, "test no-such-file").exit_code, kFile);
    EXPECT_EQ(run_without_stderr(way, "inspect --no-such-flag").exit_code, kUsage);
  }
}

TEST_F(LostStreamsTest, WhatACommandPrintsNeverGoesIntoAFile) {
  run_well({"pack", "model.onnx"});
  const std::string whole = content("model.onnx");
  EXPECT_EQ(run_shell("exec \"$0\" unpack model.qc -o back.onnx >&- 2>&- <&-").exit_code, kFile);
  EXPECT_TRUE(content("back.onnx") == whole);
}

TEST_F(LostStreamsTest, WithoutAReaderTheEndIsQuiet) {
  run_well({"pack", "model.onnx"});
  for (const char* words : {"inspect model.qc", "inspect --json model.qc", "--help",
                            "test model.qc", "unpack model.qc -o -", "pack model.onnx -o -"}) {
    SCOPED_TRACE(words);
    fs::remove(file("pipe"));
    const RunResult result = run_shell(std::string(kReaderGone) + "exec \"$0\" " + words + " >&3");
    EXPECT_EQ(result.signal, SIGPIPE) << result.exit_code;
    EXPECT_THAT(result.err, IsEmpty());
  }
}

TEST_F(LostStreamsTest, OutputThatCannotBeWrittenIsAFileError) {
  run_well({"pack", "model.onnx"});
  write("recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 0.8\n");
  for (const std::string words :
       {"--help", "--version", "inspect --help", "test --help", "pack --help", "inspect model.qc",
        "inspect --json model.qc", "inspect --hardware model.qc", "diff model.onnx model.qc",
        "test model.qc", "test --json model.qc", "run --resolve recipe.toml", "pack -f model.onnx",
        "unpack -f model.qc -o back.onnx", "prune -f model.onnx --rate 0.5",
        "run -f recipe.toml model.onnx", "eval model.onnx --eval-cmd 'cat score'"}) {
    for (const char* where : {"> /dev/full", ">&-"}) {
      SCOPED_TRACE(words + where);
      write("score", "{\"metric\": \"top1\", \"value\": 0.5}\n");
      const RunResult result = run_shell("exec \"$0\" " + words + " " + where);
      EXPECT_EQ(result.exit_code, kFile) << "signal " << result.signal;
      EXPECT_THAT(result.err, HasSubstr("cannot write to standard output: "));
    }
  }
}

TEST_F(LostStreamsTest, ARunThatCannotTellHowItGetsOnEndsAllTheSame) {
  write("recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 0.8\nsteps = 3\n");
  const std::string words = "run recipe.toml model.onnx -f --eval-cmd 'echo >> calls; cat score' ";
  write("score", "{\"metric\": \"top1\", \"value\": 0.5}\n");
  run_well({"run", "recipe.toml", "model.onnx", "-o", "whole.qc", "--eval-cmd", "cat score"});
  const std::string whole = content("whole.qc");
  for (const auto& [before, where] :
       {std::pair("", ">/dev/full"), std::pair(kReaderGone, ">&3 2>&3")}) {
    fs::remove(file("model.qc"));
    const RunResult result = run_shell(before + ("exec \"$0\" " + words) + where);
    EXPECT_TRUE(result.exit_code == kFile || result.signal == SIGPIPE);
    EXPECT_EQ(content("model.qc").size(), whole.size());
    EXPECT_FALSE(fs::exists(file("model.qc.checkpoint")));
  }
}

class LostStreamsTrainingTest : public TrainingTest {};

TEST_F(LostStreamsTrainingTest, TrainingEndsWithoutATerminal) {
  const Args args =
      with_data({"train", "model.onnx", "-v", "--epochs", "2", "--batch", "100", "-f", "-o"});
  std::string words;
  for (const std::string& arg : args) words += arg == "-o" ? "-o out.onnx " : arg + " ";
  for (const auto& [before, where] : kLostErrors) {
    SCOPED_TRACE(where);
    fs::remove(file("pipe"));
    fs::remove(file("out.onnx"));
    const RunResult result = run_shell(before + "exec \"$0\" " + words + where);
    EXPECT_EQ(result.exit_code, 0) << "signal " << result.signal;
    EXPECT_TRUE(fs::exists(file("out.onnx")));
  }
}

}  // namespace
}  // namespace qc::test
