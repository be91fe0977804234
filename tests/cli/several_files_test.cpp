// Commands that write several files, beside others, killed, or where inputs lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "versioned_model.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::RunOptions;
using harness::RunResult;
using testing::AnyOf;
using testing::HasSubstr;

class SeveralFilesTest : public testing::Test {
 protected:
  SeveralFilesTest() {
    for (const char version : {'a', 'b'}) {
      const fs::path source = folder_ / std::string(1, version);
      harness::write_versioned_model(source, version);
      const RunResult packed =
          harness::run({"pack", source / "model.onnx", "-o", container(version)});
      EXPECT_EQ(packed.exit_code, 0) << packed.err;
    }
    fs::create_directory(output_);
  }

  fs::path container(char version) const { return folder_ / (std::string(1, version) + ".qc"); }

  std::vector<std::string> unpack(char version, bool force) const {
    std::vector<std::string> args = {"unpack", container(version), "-o", output_ / "model.onnx"};
    if (force) args.emplace_back("-f");
    return args;
  }

  // Both at once.
  static std::array<RunResult, 2> run_both(const std::vector<std::string>& one,
                                           const std::vector<std::string>& other) {
    std::array<RunResult, 2> results;
    std::thread beside([&] { results[1] = harness::run(other); });
    results[0] = harness::run(one);
    beside.join();
    return results;
  }

  void empty_output() const {
    fs::remove_all(output_);
    fs::create_directory(output_);
  }

  harness::TempDir folder_;
  fs::path output_ = folder_ / "output";
};

TEST_F(SeveralFilesTest, TwoUnpackAtOnceDoNotMix) {
  for (int round = 0; round < 30; ++round) {
    const auto results = run_both(unpack('a', true), unpack('b', true));
    // One may find that a file it meant to keep was replaced by the other.
    for (const RunResult& result : results) {
      EXPECT_THAT(result.exit_code, AnyOf(0, 3)) << result.err;
    }
    EXPECT_TRUE(results[0].exit_code == 0 || results[1].exit_code == 0);
    EXPECT_THAT(harness::version_in(output_), AnyOf("a", "b"));
    EXPECT_EQ(harness::list_files(output_).size(), 3U);
  }
}

TEST_F(SeveralFilesTest, OfTwoThatMayNotReplaceOneIsRefused) {
  for (int round = 0; round < 20; ++round) {
    empty_output();
    const auto results = run_both(unpack('a', false), unpack('b', false));
    EXPECT_EQ(results[0].exit_code + results[1].exit_code, 3);
    EXPECT_EQ(harness::version_in(output_), results[0].exit_code == 0 ? "a" : "b");
  }
}

TEST_F(SeveralFilesTest, OfTwoPackingToOneFileOneIsRefused) {
  for (int round = 0; round < 20; ++round) {
    empty_output();
    const fs::path target = output_ / "model.qc";
    const auto results = run_both({"pack", folder_ / "a/model.onnx", "-o", target},
                                  {"pack", folder_ / "b/model.onnx", "-o", target});
    EXPECT_EQ(results[0].exit_code + results[1].exit_code, 3);
    const char winner = results[0].exit_code == 0 ? 'a' : 'b';
    EXPECT_EQ(harness::read_file(target), harness::read_file(container(winner)));
  }
}

// More of them: `qc_bench kills`.
TEST_F(SeveralFilesTest, AKillLeavesTheOldTheNewOrNone) {
  ASSERT_EQ(harness::run(unpack('a', false)).exit_code, 0);
  const auto usual = harness::run(unpack('a', true)).wall;
  std::minstd_rand random(1);
  for (int round = 0; round < 60; ++round) {
    RunOptions options;
    options.kill_after = usual * static_cast<int>(random() % 120) / 100;
    const std::string before = harness::version_in(output_);
    const char next = round % 2 == 0 ? 'b' : 'a';
    harness::run(unpack(next, true), options);
    EXPECT_THAT(harness::version_in(output_), AnyOf(before, std::string(1, next), "none"));
  }
  EXPECT_EQ(harness::run(unpack('a', true)).exit_code, 0);
  EXPECT_EQ(harness::version_in(output_), "a");
}

TEST_F(SeveralFilesTest, InputsAreNoOutputs) {
  const fs::path source = folder_ / "a";
  const auto before = harness::snapshot(source);
  for (const char* target : {"model.onnx", "weights.bin", "more/weights.bin"}) {
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"pack"}, {"prune", "--rate", "0.5"}, {"share", "--bits", "3"}}) {
      std::vector<std::string> args = command;
      args.insert(args.end(), {source / "model.onnx", "-o", source / target, "-f"});
      const RunResult result = harness::run(args);
      EXPECT_EQ(result.exit_code, 2) << result.err;
      EXPECT_TRUE(harness::snapshot(source) == before);
    }
  }
  // A file of the model has the name of the container.
  fs::copy_file(container('a'), output_ / "weights.bin");
  const RunResult result =
      harness::run({"unpack", output_ / "weights.bin", "-o", output_ / "model.onnx", "-f"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("is the container itself"));
  EXPECT_EQ(harness::read_file(output_ / "weights.bin"), harness::read_file(container('a')));
}

}  // namespace
}  // namespace qc
