// What commands do when a system call fails.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "versioned_model.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

// A system call and how it fails.
struct Fault {
  const char* call;
  const char* error;
};

constexpr std::array kFaults = {
    Fault{"openat", "EMFILE"}, Fault{"read", "EIO"},       Fault{"pread64", "EIO"},
    Fault{"write", "ENOSPC"},  Fault{"fsync", "EIO"},      Fault{"mmap", "ENOMEM"},
    Fault{"linkat", "EIO"},    Fault{"renameat", "EIO"},   Fault{"renameat2", "EIO"},
    Fault{"unlinkat", "EIO"},  Fault{"mkdirat", "ENOSPC"}, Fault{"ftruncate", "EIO"},
    Fault{"fchmod", "EPERM"},  Fault{"flock", "ENOLCK"},   Fault{"close", "EIO"},
    Fault{"clone3", "EAGAIN"}, Fault{"vfork", "EAGAIN"},   Fault{"execve", "ENOMEM"},
};

// The exit status of a program whose libraries could not be loaded.
constexpr int kLoader = 127;
constexpr int kInternal = 1;

// Models to read, and a folder with the output of an earlier run.
class Place {
 public:
  Place() {
    for (const char version : {'a', 'b'}) {
      harness::write_versioned_model(folder_ / std::string(1, version), version);
    }
    harness::run({"pack", source(), "-o", container()});
    harness::write_file(folder_ / "recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 0.5\n");
    restore();
  }

  void restore() const {
    fs::remove_all(output());
    harness::write_versioned_model(output(), 'a');
    harness::run({"pack", output() / "model.onnx", "-o", output() / "model.qc"});
  }

  fs::path source() const { return folder_ / "b/model.onnx"; }
  fs::path container() const { return folder_ / "b.qc"; }
  fs::path recipe() const { return folder_ / "recipe.toml"; }
  fs::path output() const { return folder_ / "output"; }
  fs::path log() const { return folder_ / "strace.log"; }

 private:
  harness::TempDir folder_;
};

struct Command {
  const char* name;
  std::vector<std::string> (*args)(const Place& place);
};

const std::array kCommands = {
    Command{"test",
            [](const Place& place) {
              return std::vector<std::string>{"test", place.container()};
            }},
    Command{"inspect",
            [](const Place& place) {
              return std::vector<std::string>{"inspect", place.container()};
            }},
    Command{"diff",
            [](const Place& place) {
              return std::vector<std::string>{"diff", place.source(), place.container()};
            }},
    Command{"pack -f",
            [](const Place& place) {
              return std::vector<std::string>{"pack", place.source(), "-o",
                                              place.output() / "model.qc", "-f"};
            }},
    Command{"unpack -f, 3 files",
            [](const Place& place) {
              return std::vector<std::string>{"unpack", place.container(), "-o",
                                              place.output() / "model.onnx", "-f"};
            }},
    Command{"prune -f, 3 files",
            [](const Place& place) {
              return std::vector<std::string>{
                  "prune", "--rate", "0.5", place.source(), "-o", place.output() / "model.onnx",
                  "-f"};
            }},
    Command{"run -f",
            [](const Place& place) {
              return std::vector<std::string>{
                  "run", place.recipe(), place.source(), "-o", place.output() / "model.qc", "-f"};
            }},
};

struct Counts {
  int runs = 0;
  int fine = 0;     // nothing depended on the call
  int refused = 0;  // a message and the exit status of the error
  int loader = 0;
  std::vector<std::string> wrong;
};

// One run with the fault at the given call of its kind; false when there was no such call.
bool try_fault(const Command& command, const Place& place, const Fault& fault, int number,
               const std::map<std::string, std::string>& old_files,
               const std::map<std::string, std::string>& new_files, Counts& counts) {
  std::vector<std::string> args = {
      "-f",
      "-o",
      place.log(),
      "-e",
      fmt::format("trace={}", fault.call),
      "-e",
      fmt::format("inject={}:error={}:when={}", fault.call, fault.error, number),
      QC_BINARY};
  const std::vector<std::string> own = command.args(place);
  args.insert(args.end(), own.begin(), own.end());
  harness::RunOptions options;
  options.program = "strace";
  options.timeout = std::chrono::seconds(30);
  const harness::RunResult result = harness::run(args, options);
  if (harness::read_file(place.log()).find("(INJECTED)") == std::string::npos) return false;
  ++counts.runs;
  const auto after = harness::snapshot(place.output());
  const bool was_fine = result.exit_code == 0;
  const bool files_right = was_fine ? after == new_files : after == old_files;
  const bool status_right = result.signal == 0 && !result.timed_out && result.exit_code >= 0 &&
                            result.exit_code != kInternal;
  if (result.exit_code == kLoader) ++counts.loader;
  if (was_fine) ++counts.fine;
  if (!was_fine && result.exit_code != kLoader) ++counts.refused;
  if (!files_right || !status_right) {
    counts.wrong.push_back(fmt::format("{}: {} {} number {}: exit status {}, signal {}, files {}{}",
                                       command.name, fault.call, fault.error, number,
                                       result.exit_code, result.signal,
                                       after == old_files   ? "old"
                                       : after == new_files ? "new"
                                                            : "mixed",
                                       result.timed_out ? ", hangs" : ""));
  }
  if (!(after == old_files)) place.restore();
  return true;
}

std::string run(const BenchOptions& options) {
  const int most = options.quick ? 1 : 400;
  MarkdownTable table({"command", "faults", "of no consequence", "refused", "not loaded", "wrong"});
  std::string wrong;
  for (const Command& command : kCommands) {
    const Place place;
    const auto old_files = harness::snapshot(place.output());
    harness::run(command.args(place));
    const auto new_files = harness::snapshot(place.output());
    place.restore();
    Counts counts;
    for (const Fault& fault : kFaults) {
      tell(fmt::format("{}: {}", command.name, fault.call));
      for (int number = 1; number <= most; ++number) {
        if (!try_fault(command, place, fault, number, old_files, new_files, counts)) break;
      }
    }
    table.add_row({command.name, fmt::format("{}", counts.runs), fmt::format("{}", counts.fine),
                   fmt::format("{}", counts.refused), fmt::format("{}", counts.loader),
                   fmt::format("{}", counts.wrong.size())});
    for (const std::string& line : counts.wrong) wrong += fmt::format("- {}\n", line);
  }
  return table.text() + (wrong.empty() ? "" : "\nWrong:\n\n" + wrong);
}

}  // namespace

const BenchTable kFaultsTable = {
    .name = "faults",
    .title = "Failing system calls",
    .about =
        "Every command, with one system call after the other made to fail (strace): whether the "
        "exit status tells, and the files are the old ones or, after exit status 0, the new "
        "ones, with nothing left beside them. Calls of the system's loader count, too.",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
