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
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "system/page_buffer.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

// The first one measures child processes: their memory counts this process as it is at the start.
constexpr std::array kTables = {
    &kPackTable,    &kSpeedTable,          &kPricerTable,        &kLargeTable,
    &kKillsTable,   &kFaultsTable,         &kDecodeTable,        &kKmeansTable,
    &kFiguresTable, &kStructuredTable,     &kCodersTable,        &kFloatsTable,
    &kModelsTable,  &kThroughputTable,     &kLenet300Table,      &kLenet5Table,
    &kResnetTable,  &kChannelsTable,       &kTwnTable,           &kTernaryTable,
    &kDorefaTable,  &kBinaryTable,         &kMixedTable,         &kMaskedTable,
    &kShrinkTable,  &kShrinkAblationTable, &kShrinkBudgetsTable, &kShrinkLargeTable,
    &kLibraryTable, &kExportTable,         &kWebTable,           &kCompileTable};

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
  const fs::path relative = program.lexically_relative(fs::canonical(harness::source_dir()));
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

constexpr std::string_view kHeader =
    "# Benchmarks\n\n"
    "Written by `cmake --preset bench && cmake --build --preset bench --target report` (or\n"
    "`report-training`, `report-shrink`, `report-channels`); each table names the command that "
    "prints it alone.\n"
    "Nothing here is edited by hand.\n";

std::string machine() {
  return fmt::format(
      "*{:%Y-%m-%d}, {}, {} hardware threads, load average {:.1f} at the start; {}, "
      "zstd {}*",
      fmt::gmtime(std::time(nullptr)), cpu_model(), std::thread::hardware_concurrency(),
      load_average(), QC_BENCH_COMPILER, ZSTD_versionString());
}

std::string heading(const BenchTable& table) { return fmt::format("## {}\n", table.title); }

std::string note(const BenchOptions& options) {
  if (options.quick) return "\n\n**A quick run: the figures mean nothing.**";
  return options.kept_only ? "\n\nOnly what has been measured so far." : "";
}

std::string section(const BenchTable& table, const BenchOptions& options) {
  tell(fmt::format("{}:", table.name));
  const std::string where = machine();
  const std::string figures = table.run(options);
  return fmt::format("{}\n`{} {}{}`\n\n{}\n\n{}{}\n\n{}", heading(table), program_text(),
                     table.name,
                     std::string(options.quick ? " --quick" : "") +
                         (options.only.empty() ? "" : fmt::format(" --only '{}'", options.only)),
                     where, table.about, note(options), figures);
}

/// The section of a table in an earlier report; empty when there is none.
std::string section_in(const std::string& report, const BenchTable& table) {
  const std::size_t begin = report.find("\n" + heading(table));
  if (begin == std::string::npos) return "";
  const std::size_t end = report.find("\n## ", begin + 1);
  return report.substr(begin + 1, end == std::string::npos ? end : end - begin - 1);
}

/// Prints the tables. In the report they take the place of their earlier versions; what else is
/// there stays.
void run(const std::vector<std::string>& names, const BenchOptions& options,
         const std::string& report) {
  const bool exists = !report.empty() && fs::exists(report);
  const std::string earlier = exists ? harness::read_file(report) : "";
  std::string text(kHeader);
  fmt::print("{}", text);
  for (const BenchTable* table : kTables) {
    const bool named = std::ranges::find(names, table->name) != names.end();
    const bool wanted = names.empty() ? !table->slow : named;
    const std::string part = wanted ? section(*table, options) : section_in(earlier, *table);
    if (part.empty()) continue;
    text += "\n" + part;
    if (!wanted) continue;
    fmt::print("\n{}", part);
    std::fflush(stdout);
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
  CLI::Option* quick = app.add_flag("--quick", options.quick, "As little as shows that it works");
  app.add_option("--only", options.only,
                 "Of the tables of shrink and export, only networks whose names contain this");
  CLI::Option* keep =
      app.add_option("--keep", options.keep,
                     "Of these tables: keep the rows of each network in this file, and take "
                     "those that are there")
          ->excludes(quick);
  app.add_flag("--kept-only", options.kept_only, "Of these tables: no rows but those of --keep")
      ->needs(keep);
  app.add_option("--report", report, "Write the tables to a file, too; other tables there stay");
  CLI11_PARSE(app, argc, argv);
  keep_files_in_memory();
  keep_freed_memory();  // as the program does
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
