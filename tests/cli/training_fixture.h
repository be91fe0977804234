// What the tests of the commands that evaluate and train share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness.h"

namespace qc::test {

constexpr int kUsage = 2;
constexpr int kFile = 3;
constexpr int kCorrupt = 4;
constexpr int kUnsupported = 5;
constexpr int kGate = 7;
constexpr int kInterrupted = 130;  // by SIGINT, as shells show it

/// A pipeline with every kind of step.
inline constexpr const char* kRecipe = R"(
name = "all of it"
seed = 3
validation = 0.2
[defaults]
epochs = 1
[[step]]
do = "train"
lr = 0.05
[[step]]
do = "prune"
rate = 0.8
[[step]]
do = "share"
bits = 4
[pack]
huffman = true
)";

using Args = std::vector<std::string>;

inline std::string command_line(const Args& args) {
  std::string text = "qcompress";
  for (const std::string& arg : args) text += " " + arg;
  return text;
}

/// A folder with model.onnx (LeNet-300-100, untrained), in which the commands run.
class ToolsTest : public testing::Test {
 protected:
  ToolsTest() {
    options_.cwd = folder_.path();
    make(harness::make_sample(), {"lenet-300-100", "model.onnx"});
  }

  void make(const char* program, const Args& args) const {
    harness::RunOptions options = options_;
    options.program = program;
    const harness::RunResult result = harness::run(args, options);
    ASSERT_EQ(result.exit_code, 0) << program << result.err;
  }

  std::filesystem::path file(const std::string& name) const { return folder_ / name; }
  std::string content(const std::string& name) const { return harness::read_file(file(name)); }
  void write(const std::string& name, const std::string& text) const {
    harness::write_file(file(name), text);
  }

  harness::RunResult run(const Args& args) const { return harness::run(args, options_); }

  harness::RunResult run_well(const Args& args) const {
    harness::RunResult result = run(args);
    EXPECT_EQ(result.exit_code, 0) << command_line(args) << "\n" << result.out << result.err;
    return result;
  }

  /// Runs a command that must succeed with --json; standard output is one document.
  nlohmann::json run_json(Args args) const {
    args.emplace_back("--json");
    const harness::RunResult result = run_well(args);
    nlohmann::json document =
        nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(document.is_discarded()) << command_line(args) << "\n" << result.out;
    return document;
  }

  /// Expects a command to end with `exit_code` and a message on standard error that holds every one
  /// of `words`, to print nothing else, and to leave every file as it was.
  void expect_refused(const Args& args, int exit_code,
                      const std::vector<std::string>& words) const {
    SCOPED_TRACE(command_line(args));
    const auto before = harness::snapshot(folder_.path());
    const harness::RunResult result = run(args);
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    for (const std::string& word : words) EXPECT_THAT(result.err, testing::HasSubstr(word));
    EXPECT_THAT(result.err, testing::Not(testing::HasSubstr("internal error")));
    EXPECT_TRUE(harness::snapshot(folder_.path()) == before) << "files changed";
  }

  /// A shell script with the program as $0.
  harness::RunResult run_shell(const std::string& script) const {
    harness::RunOptions options = options_;
    options.program = "sh";
    return harness::run({"-c", script, harness::program()}, options);
  }

  /// What inspect counts for each of the weights.
  std::map<std::string, std::size_t> weights(const std::string& model, const char* what) const {
    std::map<std::string, std::size_t> counts;
    const nlohmann::json document = run_json({"inspect", model});
    for (const nlohmann::json& tensor : document["tensors"]) {
      if (tensor["role"] == "weight") counts[tensor["name"]] = tensor[what];
    }
    EXPECT_THAT(counts, testing::SizeIs(3));
    return counts;
  }

  harness::TempDir folder_;
  harness::RunOptions options_;
};

/// With data/ too, which needs the engine.
class TrainingTest : public ToolsTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(std::filesystem::path(harness::program()).parent_path() /
                                 "qcompress_torch.so")) {
      GTEST_SKIP() << "the engine was not built: libtorch is not installed";
    }
    make(harness::make_digits(), {"data", "--train", "2000", "--test", "300"});
  }

  static Args with_data(Args args) {
    args.insert(args.end(), {"--data", "data", "-j", "1"});
    return args;
  }

  /// Writes trained.onnx.
  nlohmann::json train() const {
    return run_json(with_data({"train", "model.onnx", "--epochs", "2", "--batch", "32", "--lr",
                               "0.05", "-o", "trained.onnx"}));
  }
};

}  // namespace qc::test
