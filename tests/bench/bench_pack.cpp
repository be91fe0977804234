// Time, memory and size of pack and unpack beside zstd, as whole programs on one thread.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "bench.h"
#include "large_model.h"
#include "programs.h"
#include "treated_models.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargeWeights = 40'000'000;
constexpr std::size_t kQuickWeights = 1'000'000;
constexpr int kRounds = 5;
constexpr int kLargeRounds = 3;
// A command that takes longer is run once.
constexpr double kLongRun = 60;

/// One line of a table: a command, what it is compared with, and its figures.
struct Line {
  Command command;
  std::size_t rival;                ///< the line of zstd that sizes and times are divided by
  std::optional<fs::path> copy_of;  ///< what the output must equal
  std::vector<double> seconds;
  std::uint64_t memory = 0;
};

std::vector<Line> make_lines(const fs::path& model, const fs::path& folder) {
  const fs::path smallest = folder / "smallest.qc";
  const fs::path fastest = folder / "fast.qc";
  const fs::path slow = folder / "slow.zst";
  const fs::path fast = folder / "fast.zst";
  const fs::path back = folder / "back.onnx";
  std::vector<Line> lines;
  const auto add = [&](Command command, std::size_t rival, std::optional<fs::path> copy_of = {}) {
    lines.push_back({std::move(command), rival, std::move(copy_of), {}, 0});
  };
  add(qcompress_command({"pack"}, model, smallest), 2);
  add(qcompress_command({"pack", "--fast"}, model, fastest), 2);
  add(zstd_command({"-19", "--long=27"}, model, slow), 2);
  add(zstd_command({"-3"}, model, fast), 2);
  add(qcompress_command({"unpack"}, smallest, back), 6, model);
  add(qcompress_command({"unpack"}, fastest, back), 6, model);
  add(zstd_command({"-d"}, slow, back), 6, model);
  add(zstd_command({"-d"}, fast, back), 6, model);
  lines[5].command.text += ", of --fast";
  lines[6].command.text += ", of -19";
  lines[7].command.text += ", of -3";
  return lines;
}

void run_line(Line& line) {
  const harness::RunResult result = run_command(line.command);
  line.seconds.push_back(std::chrono::duration<double>(result.wall).count());
  line.memory = std::max(line.memory, result.peak_memory);
  if (line.copy_of &&
      harness::read_file(*line.copy_of) != harness::read_file(line.command.output)) {
    throw std::runtime_error(fmt::format("{} gave other bytes back", line.command.text));
  }
}

/// The table of one model; commands take turns, so that a busy moment hits all alike.
std::string compare(const std::string& title, const fs::path& model, int rounds) {
  const harness::TempDir temp;
  std::vector<Line> lines = make_lines(model, temp.path());
  for (int round = 0; round < rounds; ++round) {
    for (Line& line : lines) {
      if (!line.seconds.empty() && line.seconds.front() > kLongRun) continue;
      tell(fmt::format("  {}: {}, run {}", title, line.command.text, round + 1));
      run_line(line);
    }
  }
  const auto bytes = static_cast<double>(fs::file_size(model));
  MarkdownTable table(
      {"command", "runs", "bytes written", "size", "seconds", "MB/s", "speed", "peak MB"});
  for (const Line& line : lines) {
    const double seconds = median(line.seconds);
    const auto size = [](const Line& of) {
      return static_cast<double>(fs::file_size(of.command.output));
    };
    table.add_row({fmt::format("`{}`", line.command.text), fmt::format("{}", line.seconds.size()),
                   fmt::format("{:.0f}", size(line)),
                   line.copy_of ? "-" : fmt::format("{:.3f}", size(line) / size(lines[line.rival])),
                   fmt::format("{:.3f}", seconds), fmt::format("{:.1f}", bytes / seconds / 1e6),
                   fmt::format("{:.2f}", median(lines[line.rival].seconds) / seconds),
                   fmt::format("{:.1f}", static_cast<double>(line.memory) / 1e6)});
  }
  return fmt::format("### {}, {:.2f} MB\n\n{}\n", title, bytes / 1e6, table.text());
}

std::string run(const BenchOptions& options) {
  const harness::TempDir temp;
  std::string text;
  if (const auto shared = harness::shared_dir()) {
    for (const TreatedModel& model : treated_models()) {
      const fs::path path = prepared(model, *shared / "models", temp.path());
      text += compare(std::string(model.title), path, options.quick ? 1 : kRounds);
    }
  } else {
    text += "Real models are not measured: `../shared` is not here.\n\n";
  }
  const fs::path large = temp / "large.onnx";
  write_large_model(large, options.quick ? kQuickWeights : kLargeWeights);
  text += compare("Generated, 10% of the weights not zero, 32 values", large,
                  options.quick ? 1 : kLargeRounds);

  harness::RunOptions nothing;
  nothing.program = "true";
  text += fmt::format("Files in {}; a program that does nothing shows a peak of {:.1f} MB.\n",
                      temp.path().parent_path().string(),
                      static_cast<double>(harness::run({}, nothing).peak_memory) / 1e6);
  return text;
}

}  // namespace

const BenchTable kPackTable{
    .name = "pack",
    .title = "Packing and unpacking",
    .about =
        "Whole programs on one thread (`-j1`, `--single-thread`), taking turns; medians of the "
        "runs.\n"
        "A command that takes over a minute is run once. MB/s are of the model's bytes. *Size* is\n"
        "divided by that of `zstd -19 --long=27`; *speed* by that of the same, or of `zstd -d` of "
        "its\n"
        "file: over 1 is faster. Peak memory counts the pages of mapped files. What is unpacked "
        "is\n"
        "compared with the model.",
    .run = run,
};

}  // namespace qc::bench
