// Completion scripts as shells run them, and man pages as groff reads them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "training_fixture.h"

namespace qc {
namespace {

using test::Args;
using test::kFile;
using test::kUsage;
using test::ToolsTest;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CompletionTest : public ToolsTest {
 protected:
  harness::RunResult run_program(const char* program, const Args& args) const {
    harness::RunOptions options = options_;
    options.program = program;
    return harness::run(args, options);
  }

  bool is_installed(const std::string& program) const {
    return run_program("sh", {"-c", "command -v " + program}).exit_code == 0;
  }

  // What bash offers for the last of the words.
  std::vector<std::string> offered(const std::string& words) const {
    const harness::RunResult result =
        run_program("bash", {"-c",
                             "source <(\"$0\" completion bash); COMP_WORDS=(" + words +
                                 "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _qcompress; "
                                 "printf '%s\\n' \"${COMPREPLY[@]}\"",
                             harness::program()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, IsEmpty());
    std::vector<std::string> lines;
    std::istringstream text(result.out);
    for (std::string line; std::getline(text, line);) {
      if (!line.empty()) lines.push_back(line);
    }
    return lines;
  }
};

TEST_F(CompletionTest, BashOffersCommandsFlagsChoicesAndFiles) {
  EXPECT_THAT(offered("qcompress pru"), ElementsAre("prune"));
  EXPECT_THAT(offered("qcompress ''"), AllOf(Contains("shrink"), Contains("--version")));
  EXPECT_THAT(offered("qcompress shrink --targ"), ElementsAre("--target-size"));
  EXPECT_THAT(offered("qcompress prune --method ''"), ElementsAre("magnitude", "obs"));
  EXPECT_THAT(offered("qcompress inspect --sort m"), ElementsAre("model"));
  EXPECT_THAT(offered("qcompress pack mod"), ElementsAre("model.onnx"));
  EXPECT_THAT(offered("qcompress pack -o mod"), ElementsAre("model.onnx"));
  // A number is the user's.
  EXPECT_THAT(offered("qcompress prune --rate ''"), IsEmpty());
}

TEST_F(CompletionTest, OtherShellsReadTheirScripts) {
  for (const char* shell : {"zsh", "fish"}) {
    const std::string script = run_well({"completion", shell}).out;
    EXPECT_THAT(script, AllOf(HasSubstr("target-size"), HasSubstr("magnitude")));
    write(shell, script);
    if (is_installed(shell)) {
      EXPECT_EQ(run_program(shell, {"-n", shell}).exit_code, 0) << shell;
    }
  }
  expect_refused({"completion", "csh"}, kUsage, {"csh"});
}

TEST_F(CompletionTest, ManPagesHaveEveryFlagOfTheHelp) {
  if (!is_installed("groff")) GTEST_SKIP() << "groff is not installed";
  std::filesystem::create_directory(file("man1"));
  run_well({"man", "man1"});
  for (const char* command : {"shrink", "prune", "pack", "completion"}) {
    const std::string page = std::string("man1/qcompress-") + command + ".1";
    const harness::RunResult result =
        run_program("groff", {"-man", "-ww", "-Tascii", "-P-c", "-P-b", "-P-u", page});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.err, IsEmpty()) << page;
    std::istringstream help(run_well({command, "--help"}).out);
    for (std::string word; help >> word;) {
      if (!word.starts_with("--") || word.size() < 4) continue;
      const std::string flag = word.substr(0, word.find_first_of(".,;:'=)"));
      EXPECT_THAT(result.out, HasSubstr(flag)) << page;
    }
  }
  EXPECT_THAT(content("man1/qcompress.1"), HasSubstr("qcompress\\-shrink"));
  expect_refused({"man", "man1"}, kFile, {"exists"});
  expect_refused({"man", "nowhere"}, kFile, {"nowhere"});
  run_well({"man", "-f", "man1"});
}

}  // namespace
}  // namespace qc
