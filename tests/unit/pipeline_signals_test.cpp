// Signals that end this process while a user's command runs: nothing of the command and none of its
// files stay behind.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "command_pids.h"
#include "hook_fixture.h"
#include "model_builder.h"
#include "pipeline/hooks.h"
#include "system/process.h"

namespace qc {
namespace {

using test::is_dead;
using test::ModelBuilder;
using test::pid_in;

constexpr std::chrono::milliseconds kShort{200};

// Writes a process that stays until it is killed, whatever it is asked, to the file that PID names.
constexpr const char* kStubborn =
    "sh -c 'trap \"\" INT TERM HUP; echo $$ end > \"$PID\"; while :; do sleep 0.05; done'";

class SignalsTest : public test::HookFixture {
 protected:
  SignalsTest() { ::setenv("PID", path("pid").c_str(), 1); }
  ~SignalsTest() override { ::unsetenv("PID"); }

  // Does something in another process, sends that a signal when the command has written its number,
  // and expects it to end by the signal. Returns the number.
  template <typename Action>
  pid_t end_by(int signal, const Action& action) const {
    std::filesystem::remove(folder_ / "pid");
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        action();
      } catch (const std::exception&) {
      }
      ::_exit(0);
    }
    const pid_t command = pid_in(folder_ / "pid");
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    return command;
  }
};

TEST_F(SignalsTest, WhatIgnoresThemIsKilled) {
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
    for (const std::string& command :
         {std::string(kStubborn), kStubborn + std::string(" & wait")}) {
      SCOPED_TRACE(command + " and signal " + std::to_string(signal));
      const pid_t stubborn = end_by(signal, [&] {
        ProcessOptions options;
        options.command = command;
        options.grace = kShort;
        run_process(options);
      });
      EXPECT_TRUE(is_dead(stubborn));
      ::kill(stubborn, SIGKILL);
    }
  }
}

TEST_F(SignalsTest, TheCommandMayEndByItself) {
  end_by(SIGTERM, [&] {
    ProcessOptions options;
    options.command = "trap 'echo > " + quoted("saved") +
                      "; exit' TERM; echo $$ end > \"$PID\"; while :; do sleep 0.01; done";
    run_process(options);
  });
  EXPECT_TRUE(std::filesystem::exists(folder_ / "saved"));
}

// The fixture checks that no temporary folder stays.
TEST_F(SignalsTest, TemporaryFoldersAreRemoved) {
  ModelBuilder builder;
  const OnnxModel model = builder.add_gemm("fc", {2, 3}, std::vector<float>(6, 1.0F)).open();
  for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) {
    SCOPED_TRACE(signal);
    const std::string waits = "echo $$ end > \"$PID\"; exec sleep 1000 #";
    end_by(signal, [&] {
      options_.eval_command = waits;
      HookEvaluator(options_).test(model);
    });
    EXPECT_TRUE(std::filesystem::is_empty(std::getenv("TMPDIR")));
    end_by(signal, [&] {
      options_.finetune_command = waits + " {out}";
      HookTuner(options_).tune(model, {});
    });
    EXPECT_TRUE(std::filesystem::is_empty(std::getenv("TMPDIR")));
  }
}

TEST_F(SignalsTest, TheSecondOneEndsAHookThatIsBeingStopped) {
  const pid_t stubborn = end_by(SIGTERM, [&] {
    ProcessOptions options;
    options.command = kStubborn;
    options.grace = std::chrono::minutes(10);
    options.stop_requested = [&] { return std::filesystem::exists(folder_ / "pid"); };
    run_process(options);
  });
  EXPECT_TRUE(is_dead(stubborn));
  ::kill(stubborn, SIGKILL);
}

TEST_F(SignalsTest, ThoseThatAreIgnoredStayIgnored) {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  ProcessOptions options;
  options.command = "kill -HUP $PPID; exit 3";
  EXPECT_EQ(run_process(options).exit_status, 3);
  EXPECT_EQ(std::signal(SIGHUP, before), SIG_IGN);
}

}  // namespace
}  // namespace qc
