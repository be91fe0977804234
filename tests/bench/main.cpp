// qc_bench: measures, and prints tables in Markdown.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zstd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "bench.h"
#include "harness.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

// The first one measures child processes: their memory counts this process as it is at the start.
constexpr std::array kTables = {&kPackTable,     &kDecodeTable, &kKmeansTable,
                                &kFiguresTable,  &kModelsTable, &kThroughputTable,
                                &kLenet300Table, &kLenet5Table, &kResnetTable};

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

/// How this program is started from the root of the repository.
std::string program_text() {
  const fs::path program = fs::read_symlink("/proc/self/exe");
  const fs::path relative = program.lexically_relative(fs::canonical(QC_SOURCE_DIR));
  return (relative.native().starts_with("..") ? program : relative).string();
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

/// Writing to a disk would be most of what the programs are timed for.
void keep_files_in_memory() {
  constexpr std::uintmax_t kRoom = 2'000'000'000;
  const char* folder = "/dev/shm";
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available >= kRoom) ::setenv("TMPDIR", folder, 0);
}

std::string header(const BenchOptions& options) {
  std::string text =
      "# Benchmarks\n\n"
      "Written by `cmake --preset bench && cmake --build --preset bench --target report` (or\n"
      "`report-training`); each table names the command that prints it alone. Nothing here is "
      "edited\nby hand.\n\n";
  if (options.quick) text += "**A quick run: the figures mean nothing.**\n\n";
  text += fmt::format(
      "- {:%Y-%m-%d}, load average {:.1f} at the start\n"
      "- {}, {} hardware threads\n"
      "- {}, zstd {}\n",
      fmt::gmtime(std::time(nullptr)), load_average(), cpu_model(),
      std::thread::hardware_concurrency(), QC_BENCH_COMPILER, ZSTD_versionString());
  return text;
}

std::string section(const BenchTable& table, const BenchOptions& options) {
  tell(fmt::format("{}:", table.name));
  const std::string figures = table.run(options);
  return fmt::format("## {}\n\n`{} {}{}`\n\n{}\n\n{}", table.title, program_text(), table.name,
                     options.quick ? " --quick" : "", table.about, figures);
}

void run(const std::vector<std::string>& names, const BenchOptions& options,
         const std::string& report) {
  std::string text = header(options);
  fmt::print("{}", text);
  for (const BenchTable* table : kTables) {
    const bool named = std::ranges::find(names, table->name) != names.end();
    if (!(names.empty() ? !table->slow : named)) continue;
    const std::string part = "\n" + section(*table, options);
    fmt::print("{}", part);
    std::fflush(stdout);
    text += part;
  }
  if (!report.empty()) harness::write_file(report, text);
}

int run_command_line(int argc, char** argv) {
  CLI::App app("Measures qcompress and prints tables in Markdown.");
  std::vector<std::string> names;
  std::vector<std::string> known(kTables.size());
  std::ranges::transform(kTables, known.begin(),
                         [](const auto* table) { return std::string(table->name); });
  BenchOptions options;
  std::string report;
  app.add_option("table", names, "Which tables; without any, all that take minutes only")
      ->check(CLI::IsMember(known));
  app.add_flag("--quick", options.quick, "As little as shows that it works");
  app.add_option("--report", report, "Write what is printed to a file, too");
  CLI11_PARSE(app, argc, argv);
  keep_files_in_memory();
  try {
    run(names, options, report);
  } catch (const std::exception& error) {
    tell(fmt::format("qc_bench: {}", error.what()));
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace qc::bench

int main(int argc, char** argv) { return qc::bench::run_command_line(argc, argv); }
