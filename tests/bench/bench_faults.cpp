// What commands do when a system call fails.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "versioned_model.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

using Args = std::vector<std::string>;
using Files = std::map<std::string, std::string>;

// A system call and how it fails.
struct Fault {
  const char* call;
  const char* error;
};

constexpr std::array kFaults = {
    Fault{"openat", "EMFILE"}, Fault{"newfstatat", "EIO"},   Fault{"getdents64", "EIO"},
    Fault{"read", "EIO"},      Fault{"pread64", "EIO"},      Fault{"mmap", "ENOMEM"},
    Fault{"write", "ENOSPC"},  Fault{"ftruncate", "EIO"},    Fault{"fsync", "EIO"},
    Fault{"fchmod", "EPERM"},  Fault{"fchown", "EPERM"},     Fault{"linkat", "EIO"},
    Fault{"renameat", "EIO"},  Fault{"renameat2", "EIO"},    Fault{"unlinkat", "EIO"},
    Fault{"unlink", "EIO"},    Fault{"mkdirat", "ENOSPC"},   Fault{"mkdir", "ENOSPC"},
    Fault{"flock", "ENOLCK"},  Fault{"close", "EIO"},        Fault{"fcntl", "EINVAL"},
    Fault{"pipe2", "EMFILE"},  Fault{"clone3", "EAGAIN"},    Fault{"clone", "EAGAIN"},
    Fault{"vfork", "EAGAIN"},  Fault{"execve", "ENOMEM"},    Fault{"wait4", "EINTR"},
    Fault{"poll", "ENOMEM"},   Fault{"getrandom", "ENOSYS"}, Fault{"statx", "EIO"},
};

constexpr int kInternal = 1;

void make(const char* program, const Args& args) {
  harness::RunOptions options;
  options.program = program;
  harness::run(args, options);
}

// Models to read, and a folder with the output of an earlier run.
class Place {
 public:
  Place() {
    for (const char version : {'a', 'b'}) {
      harness::write_versioned_model(folder_ / std::string(1, version), version);
    }
    harness::run({"pack", source(), "-o", container()});
    harness::write_file(recipe(), "[[step]]\ndo = \"prune\"\nrate = 0.5\n");
    fs::create_directories(network().parent_path());
    make(harness::make_sample(), {"lenet-300-100", network()});
    make(harness::make_digits(), {data(), "--train", "20", "--test", "10"});
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
  fs::path network() const { return folder_ / "network/model.onnx"; }
  fs::path data() const { return folder_ / "data"; }
  fs::path output() const { return folder_ / "output"; }
  fs::path log() const { return folder_ / "strace.log"; }

 private:
  harness::TempDir folder_;
};

struct Command {
  const char* name;
  Args (*args)(const Place& place);
};

Args pass(const Place& place, const Args& command) {
  Args args = command;
  args.insert(args.end(), {place.source(), "-o", place.output() / "model.onnx", "-f"});
  return args;
}

Args training(const Place& place, const char* command) {
  return {command,    place.network(),
          "--data",   place.data(),
          "--epochs", "1",
          "-o",       place.output() / "model.onnx",
          "-f"};
}

const std::array kCommands = {
    Command{"test",
            [](const Place& place) {
              return Args{"test", place.container()};
            }},
    Command{"inspect",
            [](const Place& place) {
              return Args{"inspect", place.container()};
            }},
    Command{"diff",
            [](const Place& place) {
              return Args{"diff", place.source(), place.container()};
            }},
    Command{"eval",
            [](const Place& place) {
              return Args{"eval", place.network(), "--data", place.data()};
            }},
    Command{"pack -f",
            [](const Place& place) {
              return Args{"pack", place.source(), "-o", place.output() / "model.qc", "-f"};
            }},
    Command{"unpack -f, 3 files",
            [](const Place& place) {
              return Args{"unpack", place.container(), "-o", place.output() / "model.onnx", "-f"};
            }},
    Command{"prune -f, 3 files",
            [](const Place& place) {
              return pass(place, {"prune", "--rate", "0.5"});
            }},
    Command{"share -f, 3 files",
            [](const Place& place) {
              return pass(place, {"share", "--bits", "5"});
            }},
    Command{"ternarize -f, 3 files", [](const Place& place) { return pass(place, {"ternarize"}); }},
    Command{"binarize -f, 3 files", [](const Place& place) { return pass(place, {"binarize"}); }},
    Command{"dorefa -f, 3 files",
            [](const Place& place) {
              return pass(place, {"dorefa", "--keep", "none"});
            }},
    Command{"tidy -f, 3 files", [](const Place& place) { return pass(place, {"tidy"}); }},
    Command{"run -f",
            [](const Place& place) {
              return Args{"run", place.recipe(), place.source(), "-o", place.output() / "model.qc",
                          "-f"};
            }},
    Command{"finetune -f", [](const Place& place) { return training(place, "finetune"); }},
    Command{"train -f", [](const Place& place) { return training(place, "train"); }},
};

// Runs a command under strace, which writes its log.
harness::RunResult run_traced(const Command& command, const Place& place,
                              const Args& strace_options) {
  Args args = {"-f", "-y", "-o", place.log()};
  args.insert(args.end(), strace_options.begin(), strace_options.end());
  args.emplace_back(harness::program());
  const Args own = command.args(place);
  args.insert(args.end(), own.begin(), own.end());
  harness::RunOptions options;
  options.program = "strace";
  options.timeout = std::chrono::seconds(30);
  return harness::run(args, options);
}

// The lines that strace writes about a run without a fault.
std::vector<std::string> calls_of_run(const Command& command, const Place& place) {
  const harness::RunResult result = run_traced(command, place, {});
  if (result.exit_code != 0) {
    throw std::runtime_error(fmt::format("{} without a fault: {}", command.name, result.err));
  }
  std::vector<std::string> lines;
  std::istringstream text(harness::read_file(place.log()));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// Of a line as "123 close(3) = 0"; empty for the rest of a call that another one interrupted.
std::string_view call_of(std::string_view line) {
  const std::size_t start = line.find_first_not_of("0123456789 ");
  const std::size_t end = line.find('(');
  if (start == std::string_view::npos || end == std::string_view::npos || end < start) return {};
  return line.substr(start, end - start);
}

// How often each call comes before the program itself begins: it handles SIGBUS first of all, and
// what comes before a library is opened is the loader's, too. strace counts the first execve, with
// which it starts the program, by itself; the others belong to the programs.
std::map<std::string, int, std::less<>> loader_calls(const std::vector<std::string>& lines) {
  const auto begins = std::find_if(lines.rbegin(), lines.rend(), [](const std::string& line) {
    const auto has = [&](const char* text) { return line.find(text) != std::string::npos; };
    return has("rt_sigaction(SIGBUS") || (has("openat(") && has(".so"));
  });
  std::map<std::string, int, std::less<>> counts;
  for (auto line = begins; line != lines.rend(); ++line) ++counts[std::string(call_of(*line))];
  counts.erase("execve");
  return counts;
}

bool has_message(const harness::RunResult& result) {
  return result.err.find("qcompress: ") != std::string::npos;
}

// The line of the log up to where it says that a fault was injected, with its beginning where
// another thread's line came in between.
std::string failed_call(const std::string& log, std::size_t injected) {
  const std::size_t start = log.rfind('\n', injected) + 1;
  std::string line = log.substr(start, injected - start);
  if (line.find(" resumed>") == std::string::npos) return line;
  const std::string thread = line.substr(0, line.find(' ') + 1);
  const std::size_t begun = log.substr(0, start).rfind("\n" + thread);
  const std::size_t from = begun == std::string::npos ? 0 : begun + 1;
  return log.substr(from, log.find('\n', from) - from) + line;
}

enum class Outcome {
  kFine,      // exit status 0, and the new files
  kRefused,   // the exit status of an error, and the old files; a checkpoint beside them is told
  kTold,      // exit status 0, new files, and a message that names what could not be removed
  kReported,  // the new files, and the exit status of an error that came after them
  kLibrary,   // a library ended the program, or waits; the old files
  kWrong,
};

// What a command left, seen beside what it would leave without a fault.
struct Ending {
  const harness::RunResult& result;
  const Files& after;
  const Files& old_files;
  const Files& new_files;
};

// Of PyTorch and OpenBLAS: what they read about the machine, and their threads.
bool is_library_call(std::string_view call) {
  const auto has = [&](const char* text) { return call.find(text) != std::string_view::npos; };
  const bool machine = has("/proc/sys/") || has("/proc/cpuinfo") || has("</sys/") ||
                       has("\"/sys/") || has("urandom");
  return machine || has("clone3(") || has("MAP_STACK");
}

// A checkpoint is left on purpose when a command fails, and its message says so.
Files without_told_checkpoint(const Ending& ending) {
  Files files = ending.after;
  std::erase_if(files, [&](const auto& file) {
    const std::string name = fs::path(file.first).filename();
    return !ending.old_files.contains(file.first) && name.ends_with(".checkpoint") &&
           ending.result.err.find(name) != std::string::npos;
  });
  return files;
}

bool names_what_is_left(const Ending& ending) {
  for (const auto& [name, bytes] : ending.after) {
    const auto wanted = ending.new_files.find(name);
    if (wanted != ending.new_files.end() && wanted->second == bytes) continue;
    const std::string file = fs::path(name).filename();
    if (wanted != ending.new_files.end() || ending.result.err.find(file) == std::string::npos) {
      return false;
    }
  }
  return ending.after.size() > ending.new_files.size();
}

Outcome judge(const Ending& ending, std::string_view failed_call) {
  const harness::RunResult& result = ending.result;
  const bool ended = result.signal == 0 && !result.timed_out && result.exit_code >= 0 &&
                     result.exit_code != kInternal &&
                     (result.exit_code == 0 || has_message(result));
  if (!ended) {
    const bool library = is_library_call(failed_call) && ending.after == ending.old_files;
    return library ? Outcome::kLibrary : Outcome::kWrong;
  }
  if (result.exit_code != 0) {
    if (without_told_checkpoint(ending) == ending.old_files) return Outcome::kRefused;
    return ending.after == ending.new_files ? Outcome::kReported : Outcome::kWrong;
  }
  if (ending.after == ending.new_files) return Outcome::kFine;
  return names_what_is_left(ending) ? Outcome::kTold : Outcome::kWrong;
}

struct Counts {
  int runs = 0;
  std::array<int, 6> outcomes{};
};

// One command with its files before and after.
class Trial {
 public:
  explicit Trial(const Command& command) : command_(command) {
    old_files_ = harness::snapshot(place_.output());
    loader_calls_ = loader_calls(calls_of_run(command, place_));
    new_files_ = harness::snapshot(place_.output());
    place_.restore();
  }

  // Runs with the fault at every call of its kind in turn, at most `most` of them.
  void fail_each(const Fault& fault, int most, Counts& counts) {
    const int loader = loader_calls_[fault.call];
    for (int number = loader + 1; number <= loader + most; ++number) {
      if (!fail(fault, number, counts)) return;
    }
  }

  const std::string& wrong() const noexcept { return wrong_; }

 private:
  // False when the run had no such call.
  bool fail(const Fault& fault, int number, Counts& counts) {
    const harness::RunResult result =
        run_traced(command_, place_,
                   {"-e", fmt::format("trace={}", fault.call), "-e",
                    fmt::format("inject={}:error={}:when={}", fault.call, fault.error, number)});
    const Files after = harness::snapshot(place_.output());
    if (after != old_files_) place_.restore();
    const std::string log = harness::read_file(place_.log());
    const std::size_t injected = log.find("(INJECTED)");
    if (injected == std::string::npos) return false;
    const std::string call = failed_call(log, injected);
    const Outcome outcome = judge(
        {.result = result, .after = after, .old_files = old_files_, .new_files = new_files_}, call);
    ++counts.runs;
    ++counts.outcomes.at(static_cast<std::size_t>(outcome));
    if (outcome == Outcome::kWrong) {
      wrong_ += fmt::format("- {}: `{}`: exit status {}, signal {}, files {}{}: {}\n",
                            command_.name, call, result.exit_code, result.signal,
                            after == old_files_   ? "old"
                            : after == new_files_ ? "new"
                                                  : "mixed",
                            result.timed_out ? ", hangs" : "",
                            result.err.substr(0, result.err.find('\n')));
    }
    return true;
  }

  const Command& command_;
  Place place_;
  Files old_files_;
  Files new_files_;
  std::map<std::string, int, std::less<>> loader_calls_;
  std::string wrong_;
};

std::string run(const BenchOptions& options) {
  const int most = options.quick ? 1 : 1000;
  MarkdownTable table({"command", "faults", "fine", "refused", "left over and told",
                       "done, report failed", "library", "wrong"});
  std::string wrong;
  for (const Command& command : kCommands) {
    Trial trial(command);
    Counts counts;
    for (const Fault& fault : kFaults) {
      tell(fmt::format("{}: {}", command.name, fault.call));
      trial.fail_each(fault, most, counts);
    }
    std::vector<std::string> cells = {command.name, fmt::format("{}", counts.runs)};
    for (const int count : counts.outcomes) cells.push_back(fmt::format("{}", count));
    table.add_row(cells);
    wrong += trial.wrong();
  }
  return table.text() + (wrong.empty() ? "" : "\nWrong:\n\n" + wrong);
}

}  // namespace

const BenchTable kFaultsTable = {
    .name = "faults",
    .title = "Failing system calls",
    .about =
        "Every command, with one system call after the other made to fail (strace): open, read, "
        "write, stat, mmap, fsync, link, rename, unlink, lock, fork, exec and others. *Fine*: "
        "exit status 0 and the new files; *refused*: the exit status of an error, a message, and "
        "the old files with nothing beside them but a checkpoint that the message names; *left "
        "over and told*: exit status 0, the new files, and a message that names the file which "
        "could not be removed; *done, report failed*: all new files, and the exit status and "
        "message of an error that came after them; *library*: PyTorch, OpenBLAS or libgomp could "
        "not read about the machine or got no thread, and ended the program or would wait for "
        "ever, and the old files are there. Calls of the system's loader are left out.",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
