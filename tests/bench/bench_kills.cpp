// What commands that are killed leave behind.
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "versioned_model.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

// Two versions to change between, and a place where one of them is.
struct Place {
  harness::TempDir folder;
  fs::path output = folder / "output";

  Place() {
    for (const char version : {'a', 'b'}) {
      harness::write_versioned_model(source(version), version);
      harness::run({"pack", source(version) / "model.onnx", "-o", container(version)});
    }
    harness::write_versioned_model(output, 'a');
    harness::write_file(recipe(), "[[step]]\ndo = \"prune\"\nrate = 0.5\n");
  }

  fs::path source(char version) const { return folder / std::string(1, version); }
  fs::path container(char version) const { return folder / (std::string(1, version) + ".qc"); }
  fs::path recipe() const { return folder / "recipe.toml"; }
};

struct Command {
  const char* name;
  std::vector<std::string> (*args)(const Place& place, char version);
  std::string (*state)(const Place& place);
};

// A container that is there is whole: "a", "b", "none" or "mixed".
std::string state_of_container(const Place& place) {
  const fs::path target = place.output / "model.qc";
  if (!fs::exists(target)) return "none";
  const harness::TempDir unpacked;
  if (harness::run({"unpack", target, "-o", unpacked / "model.onnx"}).exit_code != 0) {
    return "mixed";
  }
  return harness::version_in(unpacked.path());
}

std::string state_of_model(const Place& place) { return harness::version_in(place.output); }

const std::array kCommands = {
    Command{"pack -f",
            [](const Place& place, char version) {
              return std::vector<std::string>{"pack", place.source(version) / "model.onnx", "-o",
                                              place.output / "model.qc", "-f"};
            },
            state_of_container},
    Command{"unpack -f, 3 files",
            [](const Place& place, char version) {
              return std::vector<std::string>{"unpack", place.container(version), "-o",
                                              place.output / "model.onnx", "-f"};
            },
            state_of_model},
    Command{"prune -f, 3 files",
            [](const Place& place, char version) {
              return std::vector<std::string>{"prune", "--rate",
                                              "0.5",   place.source(version) / "model.onnx",
                                              "-o",    place.output / "model.onnx",
                                              "-f"};
            },
            state_of_model},
    Command{"run -f",
            [](const Place& place, char version) {
              return std::vector<std::string>{"run",
                                              place.recipe(),
                                              place.source(version) / "model.onnx",
                                              "-o",
                                              place.output / "model.qc",
                                              "-f"};
            },
            state_of_container},
};

std::string run(const BenchOptions& options) {
  const int wanted = options.quick ? 8 : 2500;
  MarkdownTable table({"command", "kills", "ended before the kill", "old", "new", "none", "mixed"});
  for (const Command& command : kCommands) {
    tell(command.name);
    const Place place;
    const auto usual = harness::run(command.args(place, 'a')).wall;
    std::minstd_rand random(1);
    std::map<std::string, int> counts;
    for (int kills = 0; kills < wanted;) {
      const std::string before = command.state(place);
      const char next = before == "a" ? 'b' : 'a';
      harness::RunOptions kill;
      kill.kill_after = usual * static_cast<int>(random() % 110) / 100;
      const harness::RunResult result = harness::run(command.args(place, next), kill);
      if (result.signal == 0) {
        ++counts["ended"];
        continue;
      }
      ++kills;
      const std::string after = command.state(place);
      ++counts[after == "none"                 ? "none"
               : after == std::string(1, next) ? "new"
               : after == before               ? "old"
                                               : "mixed"];
    }
    table.add_row({command.name, fmt::format("{}", wanted), fmt::format("{}", counts["ended"]),
                   fmt::format("{}", counts["old"]), fmt::format("{}", counts["new"]),
                   fmt::format("{}", counts["none"]), fmt::format("{}", counts["mixed"])});
  }
  return table.text();
}

}  // namespace

const BenchTable kKillsTable = {
    .name = "kills",
    .title = "Killed commands",
    .about =
        "Commands that replace the files of one version of a model by those of another, killed "
        "(SIGKILL) at random moments, and what is there afterwards: the old version, the new "
        "one, no model (the old files are there under hidden names), or a mixture.",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
