// qcompress check: whether models are within their sizes, for CI.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/error.h"
#include "report/growth.h"
#include "system/byte_size.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr std::size_t kMostRows = 20;

// How much larger than its baseline a file may be.
struct Allowance {
  std::optional<double> percent;
  std::uint64_t bytes = 0;

  std::uint64_t of(std::uint64_t baseline) const {
    if (!percent) return bytes;
    return static_cast<std::uint64_t>(std::floor(static_cast<double>(baseline) * *percent / 100));
  }
};

// "2%", "1.5 %" or a size.
Allowance parse_allowance(const std::string& text) {
  if (!text.ends_with('%')) return {std::nullopt, parse_byte_size(text)};
  double percent = 0;
  std::string_view number = std::string_view(text).substr(0, text.size() - 1);
  while (number.ends_with(' ')) number.remove_suffix(1);
  const char* const end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, percent);
  if (error != std::errc() || stop != end || !(percent >= 0) || !std::isfinite(percent)) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("--max-growth {}: neither a share such as 2% nor a size such as 10KB", text));
  }
  return {percent, 0};
}

// What was found of one file.
struct Finding {
  std::string file;
  std::uint64_t bytes = 0;
  std::optional<Growth> growth = {};  // against the baseline
  std::uint64_t allowed_growth = 0;
  std::vector<std::string> failures = {};
};

std::string signed_size(std::int64_t change) {
  return (change < 0 ? "-" : "+") + size_text(static_cast<std::uint64_t>(std::abs(change)));
}

std::string growth_percent(std::int64_t change, std::uint64_t before) {
  if (before == 0) return "-";
  return fmt::format("{:+.2f} %", 100 * static_cast<double>(change) / static_cast<double>(before));
}

std::string part_name(const SizeChange& part) {
  switch (part.kind) {
    case SizeChange::Kind::kTensor:
      return part.name;
    case SizeChange::Kind::kGraph:
      return "(graph)";
    case SizeChange::Kind::kContainer:
      return "(container)";
  }
  return "";
}

std::string bytes_text(const std::optional<std::uint64_t>& bytes) {
  return bytes ? fmt::format("{}", *bytes) : "-";
}

using Rows = std::vector<std::vector<std::string>>;

// The parts that changed most, what the others did together, and the whole file.
Rows growth_rows(const Growth& growth) {
  std::vector<const SizeChange*> parts;
  for (const SizeChange& part : growth.changes) parts.push_back(&part);
  std::ranges::stable_sort(parts, [](const SizeChange* a, const SizeChange* b) {
    return std::abs(a->change()) > std::abs(b->change());
  });
  const std::size_t shown = std::min(parts.size(), kMostRows);
  std::ranges::stable_sort(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(shown),
                           std::greater(), [](const SizeChange* part) { return part->change(); });
  Rows rows;
  std::int64_t others = growth.change();
  for (std::size_t i = 0; i < shown; ++i) {
    const SizeChange& part = *parts[i];
    rows.push_back({part_name(part), bytes_text(part.before), bytes_text(part.after),
                    fmt::format("{:+}", part.change()),
                    growth_percent(part.change(), part.before.value_or(0))});
    others -= part.change();
  }
  if (shown < parts.size()) {
    rows.push_back(
        {plural(parts.size() - shown, "other part"), "", "", fmt::format("{:+}", others), ""});
  }
  rows.push_back({"whole file", bytes_text(growth.before), bytes_text(growth.after),
                  fmt::format("{:+}", growth.change()),
                  growth_percent(growth.change(), growth.before)});
  return rows;
}

const std::vector<std::string> kHeadings = {"part", "before", "after", "change", "change %"};

// A name may hold what Markdown takes for itself.
std::string markdown_cell(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row += fmt::format(" {} |", markdown_cell(cell));
  return row + "\n";
}

struct CheckCommand {
  CommonOptions common;
  std::vector<std::string> files;
  std::string baseline;
  std::uint64_t max_size = 0;
  std::string max_growth;
  bool markdown = false;

  void run() const {
    require_limits();
    std::optional<Allowance> allowance;
    if (!max_growth.empty()) allowance = parse_allowance(max_growth);
    std::vector<Finding> findings;
    for (const std::string& file : files) findings.push_back(check(file, allowance));
    if (common.json) {
      print_json(as_json(findings));
    } else if (common.prints()) {
      for (const Finding& finding : findings)
        print(markdown ? as_markdown(finding) : as_text(finding));
    }
    std::vector<std::string> failures;
    for (const Finding& finding : findings) {
      for (const std::string& failure : finding.failures) {
        failures.push_back(fmt::format("{}: {}", finding.file, failure));
      }
    }
    if (!failures.empty())
      throw Error(ErrorCode::kGate, fmt::format("{}", fmt::join(failures, "; ")));
  }

 private:
  void require_limits() const {
    if (max_size == 0 && baseline.empty()) {
      throw Error(ErrorCode::kUsage, "say what to check: --max-size SIZE, --baseline FILE or both");
    }
    if (!max_growth.empty() && baseline.empty()) {
      throw Error(ErrorCode::kUsage, "--max-growth needs what to compare with: --baseline FILE");
    }
    if (!baseline.empty() && files.size() > 1) {
      throw Error(ErrorCode::kUsage, "--baseline is of one file; check the others on their own");
    }
  }

  Breakdown measure(const std::string& file) const {
    const AnyContainer container(file, common.threads, common.limits, common.links());
    return naming_errors(file, [&] {
      return break_down(container.reader(), common.threads, BreakdownDepth::kIndex);
    });
  }

  Finding check(const std::string& file, const std::optional<Allowance>& allowance) const {
    const Breakdown now = measure(file);
    Finding finding{.file = file, .bytes = now.totals.container};
    if (max_size > 0 && finding.bytes > max_size) {
      finding.failures.push_back(
          fmt::format("{} bytes, over --max-size by {}", finding.bytes, finding.bytes - max_size));
    }
    if (baseline.empty()) return finding;
    finding.growth = measure_growth(measure(baseline), now);
    if (!allowance) return finding;
    finding.allowed_growth = allowance->of(finding.growth->before);
    const std::int64_t change = finding.growth->change();
    if (change > 0 && static_cast<std::uint64_t>(change) > finding.allowed_growth) {
      finding.failures.push_back(fmt::format("grew by {} bytes ({}), --max-growth allows {}",
                                             change, growth_percent(change, finding.growth->before),
                                             finding.allowed_growth));
    }
    return finding;
  }

  std::string summary(const Finding& finding) const {
    std::string text = size_text(finding.bytes);
    if (max_size > 0) text += fmt::format(" of {}", size_text(max_size));
    if (finding.growth) {
      text +=
          fmt::format(", {} ({}) beside {}", signed_size(finding.growth->change()),
                      growth_percent(finding.growth->change(), finding.growth->before), baseline);
    }
    return text + (finding.failures.empty() ? ": passed" : ": failed");
  }

  std::string as_text(const Finding& finding) const {
    std::string text = printable(fmt::format("{}  {}", finding.file, summary(finding))) + "\n";
    if (!finding.growth || finding.growth->changes.empty()) return text;
    Table table(kHeadings);
    Rows rows = growth_rows(*finding.growth);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i + 1 == rows.size()) table.add_rule();
      table.add_row(std::move(rows[i]));
    }
    return text + "\n" + table.text();
  }

  std::string as_markdown(const Finding& finding) const {
    std::string text =
        fmt::format("**{}**  {}\n", markdown_cell(finding.file), markdown_cell(summary(finding)));
    for (const std::string& failure : finding.failures) {
      text += fmt::format("\n- {}\n", markdown_cell(failure));
    }
    text += "\n";
    if (!finding.growth || finding.growth->changes.empty()) return text;
    text += markdown_row(kHeadings) + "|:---|---:|---:|---:|---:|\n";
    for (const auto& row : growth_rows(*finding.growth)) text += markdown_row(row);
    return text + "\n";
  }

  nlohmann::ordered_json as_json(const std::vector<Finding>& findings) const {
    nlohmann::ordered_json document = {
        {"schema", "qcompress.check/1"},
        {"passed",
         std::ranges::all_of(findings, [](const Finding& f) { return f.failures.empty(); })},
        {"max_size", nullptr},
        {"files", nlohmann::ordered_json::array()}};
    if (max_size > 0) document["max_size"] = max_size;
    for (const Finding& finding : findings) {
      nlohmann::ordered_json file = {
          {"file", finding.file}, {"bytes", finding.bytes}, {"failures", finding.failures}};
      if (finding.growth) {
        file["baseline"] = baseline;
        file["baseline_bytes"] = finding.growth->before;
        if (!max_growth.empty()) file["allowed_growth"] = finding.allowed_growth;
        file["changes"] = nlohmann::ordered_json::array();
        for (const SizeChange& part : finding.growth->changes) {
          nlohmann::ordered_json change = {{"part", part_name(part)},
                                           {"tensor", part.kind == SizeChange::Kind::kTensor},
                                           {"before", nullptr},
                                           {"after", nullptr}};
          if (part.before) change["before"] = *part.before;
          if (part.after) change["after"] = *part.after;
          file["changes"].push_back(std::move(change));
        }
      }
      document["files"].push_back(std::move(file));
    }
    return document;
  }
};

}  // namespace

void add_check_command(CLI::App& app) {
  auto command = std::make_shared<CheckCommand>();
  CLI::App* sub = add_command(
      app, "check", "Check sizes, for CI: exit status 7 and a table of what grew where one is over",
      "qcompress check model.qc --max-size 100KB --baseline main.qc --max-growth 2%");
  sub->add_option("files", command->files, "The .qc files, or .onnx files: as pack would make them")
      ->required()
      ->type_name("FILE");
  add_size_option(*sub, "--max-size", command->max_size, "Most bytes of each file, like 100KB");
  sub->add_option("--baseline", command->baseline, "An earlier version: show what grew since")
      ->type_name("FILE");
  sub->add_option("--max-growth", command->max_growth,
                  "Most that the file may have grown since --baseline: 2% of that, or a size")
      ->type_name("SHARE");
  sub->add_flag("--markdown", command->markdown, "Print Markdown, for comments on pull requests");
  add_common_options(*sub, command->common, Writes::kNothing);
  add_memory_limit_option(*sub, command->common.limits);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
