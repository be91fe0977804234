// Runs programs as a shell would, without a shell, and looks at the files they leave.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "paths.h"

namespace qc::harness {

/// How to run a program. Every field has a default that suits most runs.
struct RunOptions {
  std::filesystem::path program = harness::program();  ///< looked up in PATH when it holds no slash
  std::filesystem::path cwd = ".";
  std::map<std::string, std::string> env;  ///< added to the environment of this process
  std::string stdin_text;
  /// Writing a file beyond this many bytes fails with EFBIG, as on a full disk.
  std::optional<std::uint64_t> file_size_limit;
  /// For root: the modes of files and folders count, as for every other user.
  bool obey_permissions = false;
  /// SIGKILL this long after the program started.
  std::optional<std::chrono::microseconds> kill_after;
  /// SIGKILL for a program that hangs; `timed_out` tells.
  std::chrono::seconds timeout{300};
};

/// What a program did.
struct RunResult {
  int exit_code = -1;  ///< -1 when a signal ended it
  int signal = 0;      ///< 0 when it exited by itself
  bool timed_out = false;
  std::string out;
  std::string err;
  std::chrono::microseconds wall{0};
  /// Largest resident size in bytes; counts this process as it was at the start, so it is only
  /// meaningful for programs that grow beyond it.
  std::uint64_t peak_memory = 0;
};

/// Runs a program to its end. Throws std::runtime_error when it cannot be started.
RunResult run(const std::vector<std::string>& args, const RunOptions& options = {});

/// A folder of its own, removed with everything in it at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The folder of test data outside the repository: QC_SHARED, else ../shared beside the repository;
/// nothing when it does not exist. Tests that need it skip without it.
std::optional<std::filesystem::path> shared_dir();

/// The model that the repository carries.
std::filesystem::path sample_model();

/// A whole file. Throws std::runtime_error when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes a whole file, replacing what was there. Throws std::runtime_error.
void write_file(const std::filesystem::path& path, const std::string& bytes);

/// Every file below a folder, hidden ones too, relative to it and sorted.
std::vector<std::string> list_files(const std::filesystem::path& folder);

/// The .onnx files among them.
std::vector<std::string> list_models(const std::filesystem::path& folder);

/// Every file below a folder with its content: equal snapshots mean that nothing changed.
std::map<std::string, std::string> snapshot(const std::filesystem::path& folder);

}  // namespace qc::harness
