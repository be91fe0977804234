// Shell commands: their ends, outputs, time-outs and what they leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "command_pids.h"
#include "harness.h"
#include "system/process.h"

namespace qc {
namespace {

using harness::TempDir;
using test::is_dead;
using test::pid_in;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::chrono::milliseconds kShort{200};
constexpr std::chrono::milliseconds kEnough{1000};  // to get ready
constexpr std::chrono::milliseconds kNever = std::chrono::minutes(5);

ProcessResult run(const std::string& command) {
  ProcessOptions options;
  options.command = command;
  return run_process(options);
}

std::vector<std::string> lines_of(const std::string& command) {
  std::vector<std::string> lines;
  ProcessOptions options;
  options.command = command;
  options.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  EXPECT_TRUE(run_process(options).succeeded());
  return lines;
}

void wait_until_dead(pid_t pid) {
  while (!is_dead(pid)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    count += entry.exists() ? 1 : 0;
  }
  return count;
}

TEST(Process, GivesTheExitStatus) {
  EXPECT_TRUE(run("true").succeeded());
  const ProcessResult failed = run("exit 7");
  EXPECT_EQ(failed.exit_status, 7);
  EXPECT_EQ(failed.signal, 0);
  EXPECT_FALSE(failed.succeeded());
  EXPECT_EQ(run("/no/such/program").exit_status, 127);
}

TEST(Process, GivesTheSignal) {
  const ProcessResult result = run("kill -KILL $$");
  EXPECT_EQ(result.exit_status, -1);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_FALSE(result.succeeded());
}

TEST(Process, GivesLines) {
  EXPECT_THAT(lines_of("echo one; echo error >&2; printf '\\ntwo'"), ElementsAre("one", "", "two"));
  EXPECT_THAT(lines_of("true"), ElementsAre());
}

TEST(Process, CutsLongLines) {
  const auto lines = lines_of("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end");
  EXPECT_THAT(lines, ElementsAre(std::string(kMaxLine, 'x'), "end"));
}

TEST(Process, GivesLinesWhileItRuns) {
  const TempDir folder;
  ProcessOptions options;
  options.timeout = kNever;
  options.environment["GO"] = (folder / "go").string();
  options.command = "echo ready; while [ ! -e \"$GO\" ]; do sleep 0.01; done; echo done";
  std::vector<std::string> lines;
  options.on_line = [&](std::string_view line) {
    lines.emplace_back(line);
    harness::write_file(folder / "go", "");
  };
  EXPECT_TRUE(run_process(options).succeeded());
  EXPECT_THAT(lines, ElementsAre("ready", "done"));
}

TEST(Process, CopiesBothOutputsToStandardError) {
  ProcessOptions options;
  options.command = "echo from out; echo from err >&2";
  testing::internal::CaptureStderr();
  run_process(options);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  options.show_output = true;
  testing::internal::CaptureStderr();
  run_process(options);
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_THAT(shown, HasSubstr("from out\n"));
  EXPECT_THAT(shown, HasSubstr("from err\n"));
}

TEST(Process, KeepsTheLastLinesOfBothOutputs) {
  EXPECT_EQ(run("true").last_lines, "");
  // Which of two outputs arrives first is not settled.
  EXPECT_THAT(run("echo one; echo two >&2").last_lines, AnyOf("one\ntwo", "two\none"));
  EXPECT_EQ(run("echo one; echo; echo ' '").last_lines, "one");
  const std::string tail = run("seq 1000").last_lines;
  EXPECT_THAT(tail, AllOf(StartsWith("981\n"), EndsWith("\n1000")));
  EXPECT_LE(run("head -c 100000 /dev/zero | tr '\\0' x").last_lines.size(), kTailBytes);
}

TEST(Process, TakesBigOutputs) {
  std::size_t lines = 0;
  ProcessOptions options;
  options.command = "seq 1000000; seq 300000 >&2";
  options.on_line = [&](std::string_view) { ++lines; };
  EXPECT_TRUE(run_process(options).succeeded());
  EXPECT_EQ(lines, 1000000U);
}

TEST(Process, HasNothingToRead) { EXPECT_THAT(lines_of("cat; echo end"), ElementsAre("end")); }

TEST(Process, AddsToTheEnvironment) {
  ::setenv("QC_TEST_KEPT", "kept", 1);
  ::setenv("QC_TEST_REPLACED", "old", 1);
  ProcessOptions options;
  options.environment = {{"QC_TEST_REPLACED", "a 'new' \"one\"\n$HOME"}};
  options.command = "printf '%s|%s' \"$QC_TEST_KEPT\" \"$QC_TEST_REPLACED\"";
  EXPECT_EQ(run_process(options).last_lines, "kept|a 'new' \"one\"\n$HOME");
}

TEST(Process, QuotesWords) {
  for (const std::string word :
       {"plain", "", "two words", "it's", "'", "a\"b`c$(d)\\e\nf*", "-n"}) {
    EXPECT_EQ(run("printf '<%s>' " + shell_quote(word)).last_lines, "<" + word + ">");
  }
}

TEST(Process, TimeoutEndsGrandchildren) {
  const TempDir folder;
  ProcessOptions options;
  options.timeout = kEnough;
  options.environment["PID"] = (folder / "pid").string();
  options.command = "(sleep 1000 & echo $! end > \"$PID\"; wait) & wait";
  const ProcessResult result = run_process(options);
  EXPECT_TRUE(result.timed_out);
  EXPECT_FALSE(result.succeeded());
  wait_until_dead(pid_in(folder / "pid"));
}

TEST(Process, TimeoutKillsWhatDoesNotEnd) {
  ProcessOptions options;
  options.timeout = kEnough;
  options.grace = kShort;
  options.command = "trap '' TERM; echo before; while :; do sleep 0.05; done";
  const ProcessResult result = run_process(options);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_EQ(result.last_lines, "before");
}

TEST(Process, TimeoutKillsGrandchildrenThatStay) {
  const TempDir folder;
  ProcessOptions options;
  options.timeout = kEnough;
  options.grace = kShort;
  options.environment["PID"] = (folder / "pid").string();
  options.command =
      "sh -c 'trap \"\" TERM; echo $$ end > \"$PID\"; while :; do sleep 0.05; done' & wait";
  EXPECT_TRUE(run_process(options).timed_out);
  wait_until_dead(pid_in(folder / "pid"));
}

TEST(Process, TimeoutCountsWithClosedOutputs) {
  ProcessOptions options;
  options.timeout = kShort;
  options.command = "exec >&- 2>&-; sleep 1000";
  EXPECT_TRUE(run_process(options).timed_out);
}

TEST(Process, TimeoutCountsWhileOutputFlows) {
  ProcessOptions options;
  options.timeout = kShort;
  options.command = "yes";
  options.on_line = [](std::string_view) {};
  EXPECT_TRUE(run_process(options).timed_out);
}

TEST(Process, DoesNotWaitForWhatKeepsThePipesOpen) {
  const TempDir folder;
  ProcessOptions options;
  options.environment["PID"] = (folder / "pid").string();
  options.command = "echo before; sleep 1000 & echo $! end > \"$PID\"; echo after; exit 3";
  const ProcessResult result = run_process(options);
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.last_lines, "before\nafter");
  const pid_t left = pid_in(folder / "pid");
  EXPECT_FALSE(is_dead(left));
  ::kill(left, SIGKILL);
}

TEST(Process, StopsWhenAsked) {
  bool ready = false;
  ProcessOptions options;
  options.command = "trap 'echo stopped; exit 0' INT; echo ready; while :; do sleep 0.05; done";
  options.on_line = [&](std::string_view line) { ready = ready || line == "ready"; };
  options.stop_requested = [&] { return ready; };
  const ProcessResult result = run_process(options);
  EXPECT_TRUE(result.stopped);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_FALSE(result.succeeded());
  EXPECT_EQ(result.last_lines, "ready\nstopped");
}

TEST(Process, EndsWithThisProcess) {
  const TempDir folder;
  const pid_t child = ::fork();
  if (child == 0) {
    ProcessOptions options;
    options.environment["PID"] = (folder / "pid").string();
    options.command = "sleep 1000 & echo $! end > \"$PID\"; wait";
    run_process(options);
    ::_exit(0);
  }
  const pid_t grandchild = pid_in(folder / "pid");
  ::kill(child, SIGINT);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
  wait_until_dead(grandchild);
}

TEST(Process, EndsWhenACallbackThrows) {
  const TempDir folder;
  ProcessOptions options;
  options.environment["PID"] = (folder / "pid").string();
  options.command = "sleep 1000 & echo $! end > \"$PID\"; echo; wait";
  options.on_line = [](std::string_view) { throw std::runtime_error("from the callback"); };
  EXPECT_THROW(run_process(options), std::runtime_error);
  wait_until_dead(pid_in(folder / "pid"));
}

TEST(Process, LeavesNothingBehind) {
  run("true");
  const std::size_t before = open_descriptors();
  struct sigaction handler {};
  ::sigaction(SIGTERM, nullptr, &handler);
  ASSERT_EQ(handler.sa_handler, SIG_DFL);
  for (int i = 0; i < 3; ++i) run("echo a; exit 1");
  EXPECT_EQ(open_descriptors(), before);
  ::sigaction(SIGTERM, nullptr, &handler);
  EXPECT_EQ(handler.sa_handler, SIG_DFL);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no children
}

TEST(Process, KeepsTheProgramsHandlers) {
  const auto before = ::signal(SIGINT, SIG_IGN);
  run("true");
  EXPECT_EQ(::signal(SIGINT, before), SIG_IGN);
}

TEST(Process, GivesTheExitStatusWhereChildrenAreIgnored) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(run("exit 5").exit_status, 5);
  EXPECT_EQ(::signal(SIGCHLD, before), SIG_IGN);
}

}  // namespace
}  // namespace qc
