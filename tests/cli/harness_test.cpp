// The helpers of the tests themselves, tried on programs that every system has.

#include "harness.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>

namespace qc {
namespace {

using harness::RunOptions;
using harness::RunResult;

RunResult shell(const std::string& script, RunOptions options = {}) {
  options.program = "sh";
  return harness::run({"-c", script}, options);
}

TEST(RunTest, SeparatesOutputsAndGivesTheExitCode) {
  const RunResult result = shell("echo out; echo err >&2; exit 7");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST(RunTest, PassesMoreInputThanAPipeHolds) {
  RunOptions options;
  options.program = "cat";
  options.stdin_text = std::string(1'000'000, 'x');
  EXPECT_TRUE(harness::run({}, options).out == options.stdin_text);
}

TEST(RunTest, SurvivesAProgramThatDoesNotReadItsInput) {
  RunOptions options;
  options.stdin_text = std::string(1'000'000, 'x');
  EXPECT_EQ(shell("exit 3", options).exit_code, 3);
}

TEST(RunTest, SetsFolderAndEnvironment) {
  const harness::TempDir folder;
  RunOptions options;
  options.cwd = folder.path();
  options.env = {{"QC_PROBE", "some value"}};
  EXPECT_EQ(shell("echo \"$QC_PROBE\"; : > here", options).out, "some value\n");
  EXPECT_EQ(harness::list_files(folder.path()), std::vector<std::string>{"here"});
}

TEST(RunTest, ReportsSignals) { EXPECT_EQ(shell("kill -TERM $$").signal, SIGTERM); }

TEST(RunTest, KillsWhenAsked) {
  RunOptions options;
  options.kill_after = std::chrono::milliseconds(1);
  const RunResult result = shell("exec sleep 60", options);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_FALSE(result.timed_out);
}

TEST(RunTest, KillsWhatHangs) {
  RunOptions options;
  options.timeout = std::chrono::seconds(0);
  EXPECT_TRUE(shell("exec sleep 60 >&- 2>&-", options).timed_out);
}

TEST(RunTest, LimitsTheSizeOfFiles) {
  const harness::TempDir folder;
  RunOptions options;
  options.cwd = folder.path();
  options.file_size_limit = 100;
  options.program = "dd";
  const RunResult result = harness::run({"if=/dev/zero", "of=big", "bs=1000", "count=1"}, options);
  EXPECT_EQ(result.signal, 0);
  EXPECT_LE(harness::read_file(folder / "big").size(), 100U);
}

TEST(RunTest, ThrowsForAProgramThatDoesNotExist) {
  RunOptions options;
  options.program = "/no/such/program";
  EXPECT_THROW(harness::run({}, options), std::runtime_error);
}

TEST(SnapshotTest, SeesHiddenFilesAndContents) {
  const harness::TempDir folder;
  harness::write_file(folder / ".hidden", "a");
  const auto before = harness::snapshot(folder.path());
  EXPECT_EQ(before.at(".hidden"), "a");
  harness::write_file(folder / ".hidden", "b");
  EXPECT_NE(harness::snapshot(folder.path()), before);
}

}  // namespace
}  // namespace qc
