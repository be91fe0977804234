// What is on disk after a command that could not finish: the old output or none, and no temporary
// file unless the command was killed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::RunOptions;
using harness::RunResult;
using testing::HasSubstr;

using Args = std::vector<std::string>;

constexpr int kFile = 3;

/// A model with one float32 tensor of random bits, which no layout can shrink much.
std::string noise_model(std::size_t count) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(static_cast<std::int64_t>(count));
  std::string& raw = *tensor.mutable_raw_data();
  std::uint64_t state = 1;
  while (raw.size() < count * 4) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    for (unsigned shift = 32; shift < 64; shift += 8) {
      raw.push_back(static_cast<char>((state >> shift) & 0xffU));
    }
  }
  return model.SerializeAsString();
}

/// A folder to read from and one to write to.
class FailureTest : public testing::Test {
 protected:
  FailureTest() {
    fs::create_directory(output_);
    fs::copy_file(harness::sample_model(), input_);
    RunResult packed = harness::run({"pack", input_.string(), "-o", packed_.string()});
    EXPECT_EQ(packed.exit_code, 0) << packed.err;
  }

  /// Every command that writes, into the output folder.
  std::vector<Args> writing_commands() const {
    return {{"prune", "--rate", "0.5", input_.string(), "-o", output_ / "out", "-f"},
            {"share", "--bits", "4", input_.string(), "-o", output_ / "out", "-f"},
            {"pack", input_.string(), "-o", output_ / "out", "-f"},
            {"unpack", packed_.string(), "-o", output_ / "out", "-f"}};
  }

  /// Expects every writing command to fail with exit 3 under `options`, naming the output, with and
  /// without an old output, and to leave the output folder as it was.
  void expect_all_fail(const RunOptions& options) const {
    for (const Args& args : writing_commands()) {
      SCOPED_TRACE(args.front());
      const auto before = harness::snapshot(output_);
      const RunResult result = harness::run(args, options);
      EXPECT_EQ(result.exit_code, kFile) << result.out << result.err;
      EXPECT_EQ(result.signal, 0);
      EXPECT_THAT(result.err, HasSubstr((output_ / "out").string()));
      EXPECT_TRUE(harness::snapshot(output_) == before) << "the output folder changed";
    }
  }

  harness::TempDir folder_;
  fs::path input_ = folder_ / "model.onnx";
  fs::path packed_ = folder_ / "model.qc";
  fs::path output_ = folder_ / "output";
};

TEST_F(FailureTest, WriteErrorLeavesNoFile) {
  RunOptions options;
  options.file_size_limit = 4096;
  expect_all_fail(options);
}

TEST_F(FailureTest, WriteErrorKeepsTheOldFile) {
  harness::write_file(output_ / "out", "old");
  RunOptions options;
  options.file_size_limit = 4096;
  expect_all_fail(options);
}

/// A file system of 16 kB, in a mount namespace of this process, for as long as the object lives.
class TinyDisk {
 public:
  explicit TinyDisk(fs::path folder) : folder_(std::move(folder)) {
    mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
               ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=16k") == 0;
    if (!mounted_) error_ = std::strerror(errno);
  }
  ~TinyDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;

  bool is_mounted() const noexcept { return mounted_; }
  const std::string& error() const noexcept { return error_; }

 private:
  fs::path folder_;
  bool mounted_ = false;
  std::string error_;
};

TEST_F(FailureTest, FullDisk) {
  const TinyDisk disk(output_);
  if (!disk.is_mounted()) GTEST_SKIP() << "cannot mount a small disk: " << disk.error();
  expect_all_fail({});
  harness::write_file(output_ / "out", "old");
  expect_all_fail({});
}

/// Forbids writing into a folder for as long as the object lives.
class ReadOnly {
 public:
  explicit ReadOnly(fs::path folder) : folder_(std::move(folder)) {
    fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  }
  ~ReadOnly() {
    std::error_code ignored;
    fs::permissions(folder_, fs::perms::owner_all, ignored);
  }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;

 private:
  fs::path folder_;
};

/// True when a program run with `options` can still make a file in the folder, or cannot be run so.
bool can_write_anyway(const fs::path& folder, RunOptions options) {
  options.program = "touch";
  try {
    return harness::run({(folder / "probe").string()}, options).exit_code == 0;
  } catch (const std::exception&) {
    return true;
  }
}

TEST_F(FailureTest, ReadOnlyFolder) {
  harness::write_file(output_ / "old", "old");
  const ReadOnly guard(output_);
  RunOptions options;
  options.obey_permissions = true;
  if (can_write_anyway(output_, options)) {
    GTEST_SKIP() << "this user may write into read-only folders";
  }
  expect_all_fail(options);
}

TEST_F(FailureTest, ReadOnlyFolderWithAnOldOutput) {
  harness::write_file(output_ / "out", "old");
  const ReadOnly guard(output_);
  RunOptions options;
  options.obey_permissions = true;
  if (can_write_anyway(output_, options)) {
    GTEST_SKIP() << "this user may write into read-only folders";
  }
  expect_all_fail(options);
}

TEST_F(FailureTest, UnreadableInput) {
  fs::permissions(input_, fs::perms::none);
  RunOptions options;
  options.obey_permissions = true;
  options.program = "cat";
  try {
    if (harness::run({input_.string()}, options).exit_code == 0) {
      GTEST_SKIP() << "this user may read every file";
    }
  } catch (const std::exception& error) {
    GTEST_SKIP() << error.what();
  }
  options.program = harness::program();
  const RunResult result = harness::run({"pack", input_.string()}, options);
  EXPECT_EQ(result.exit_code, kFile);
  EXPECT_THAT(result.err, HasSubstr(input_.string()));
}

/// Kills a command at moments spread over its whole run, half of them over the last tenth, where
/// the output gets its name. After each the output must be `old_content` (or absent where that is
/// empty) or, byte for byte, that of an undisturbed run.
void expect_whole_or_old(const Args& args, const fs::path& output, const std::string& old_content) {
  const RunResult undisturbed = harness::run(args);
  ASSERT_EQ(undisturbed.exit_code, 0) << undisturbed.err;
  const std::string whole = harness::read_file(output);

  constexpr int kSteps = 12;
  std::vector<std::chrono::microseconds> delays;
  for (int step = 0; step < kSteps; ++step) {
    delays.push_back(undisturbed.wall * step / kSteps);
    delays.push_back(undisturbed.wall * (9 * kSteps + step) / (10 * kSteps));
  }
  int killed = 0;
  for (const std::chrono::microseconds delay : delays) {
    fs::remove(output);
    if (!old_content.empty()) harness::write_file(output, old_content);
    RunOptions options;
    options.kill_after = delay;
    const RunResult result = harness::run(args, options);
    if (result.signal == SIGKILL) ++killed;
    if (!fs::exists(output)) {
      EXPECT_TRUE(old_content.empty()) << "the old file is gone after " << delay.count() << " us";
      EXPECT_EQ(result.signal, SIGKILL);
      continue;
    }
    const std::string found = harness::read_file(output);
    EXPECT_TRUE(found == whole || (result.signal == SIGKILL && found == old_content))
        << "a partial file of " << found.size() << " bytes after " << delay.count() << " us";
  }
  EXPECT_GT(killed, 0);
}

class KillTest : public testing::Test {
 protected:
  KillTest() { harness::write_file(input_, noise_model(500'000)); }

  Args pack() const { return {"pack", input_.string(), "-o", packed_.string(), "-f"}; }

  harness::TempDir folder_;
  fs::path input_ = folder_ / "noise.onnx";
  fs::path packed_ = folder_ / "noise.qc";
  fs::path unpacked_ = folder_ / "back.onnx";
};

TEST_F(KillTest, PackLeavesTheOldFileOrAWholeOne) { expect_whole_or_old(pack(), packed_, "old"); }

TEST_F(KillTest, PackLeavesNothingOrAWholeFile) { expect_whole_or_old(pack(), packed_, ""); }

TEST_F(KillTest, UnpackLeavesTheOldFileOrAWholeOne) {
  ASSERT_EQ(harness::run(pack()).exit_code, 0);
  expect_whole_or_old({"unpack", packed_.string(), "-o", unpacked_.string(), "-f"}, unpacked_,
                      "old");
  EXPECT_EQ(harness::run({"unpack", packed_.string(), "-o", unpacked_.string(), "-f"}).exit_code,
            0);
  EXPECT_TRUE(harness::read_file(unpacked_) == harness::read_file(input_));
}

}  // namespace
}  // namespace qc
