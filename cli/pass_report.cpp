#include "cli/pass_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/table.h"
#include "cli/text.h"
#include "system/printable.h"

namespace qc {
namespace {

std::string untouched_text(const PassReport& report, bool verbose) {
  if (report.skipped.empty()) return "";
  std::map<std::string, std::size_t> reasons;
  for (const SkippedTensor& tensor : report.skipped) ++reasons[tensor.reason];
  std::string text =
      fmt::format("untouched: {} of floats (", plural(report.skipped.size(), "tensor"));
  std::string separator;
  for (const auto& [reason, uses] : reasons) {
    text += fmt::format("{}{} {}", separator, uses, printable(reason));
    separator = ", ";
  }
  text += verbose ? ")\n" : "); -v lists them\n";
  if (verbose) {
    for (const SkippedTensor& tensor : report.skipped) {
      text += fmt::format("  {}  {}  {}\n", printable(tensor.name), count_text(tensor.count),
                          printable(tensor.reason));
    }
  }
  return text;
}

// "1.72 MB"; a pass may also make a part of the files larger.
std::string saved_text(const Cleanup& row) {
  const std::string size = size_text(static_cast<std::uint64_t>(std::abs(row.bytes)));
  if (row.packed) return fmt::format("about {} when packed", size);
  return (row.bytes < 0 ? "-" : "") + size;
}

std::string cleanups_text(const std::vector<Cleanup>& cleanups, bool verbose) {
  if (cleanups.empty()) return "";
  Table table({"taken out", "count", "bytes saved"});
  for (const Cleanup& row : cleanups) {
    table.add_row({row.what, count_text(row.count), saved_text(row)});
  }
  std::string text = table.text();
  if (!verbose) return text;
  for (const Cleanup& row : cleanups) {
    for (const std::string& name : row.names)
      text += fmt::format("  {}: {}\n", row.what, printable(name));
  }
  return text;
}

std::string changed_text(const PassReport& report) {
  const bool iterative = std::any_of(report.changed.begin(), report.changed.end(),
                                     [](const auto& tensor) { return tensor.iterations > 0; });
  const bool thresholds = std::any_of(report.changed.begin(), report.changed.end(),
                                      [](const auto& tensor) { return tensor.threshold > 0; });
  std::vector<std::string> headings = {"tensor", "op",       "shape", "weights",
                                       "kept %", "distinct", "rmse",  "max error"};
  if (thresholds) headings.emplace_back("threshold");
  if (iterative) headings.emplace_back("iterations");
  Table table(headings);
  std::uint64_t count = 0;
  std::uint64_t nonzero = 0;
  for (const TensorReport& tensor : report.changed) {
    count += tensor.count;
    nonzero += tensor.nonzero_after;
    std::vector<std::string> row = {
        tensor.name,
        tensor.op,
        shape_text(tensor.dims),
        count_text(tensor.count),
        percent_text(static_cast<double>(tensor.nonzero_after), static_cast<double>(tensor.count)),
        count_text(tensor.distinct_after),
        fmt::format("{:.3g}", tensor.rmse),
        fmt::format("{:.3g}", tensor.max_error)};
    if (thresholds) row.push_back(fmt::format("{:.3g}", tensor.threshold));
    if (iterative) row.push_back(fmt::format("{}", tensor.iterations));
    table.add_row(std::move(row));
  }
  table.add_rule();
  table.add_row({plural(report.changed.size(), "tensor"), "", "", count_text(count),
                 percent_text(static_cast<double>(nonzero), static_cast<double>(count)), "", "",
                 ""});
  return table.text();
}

// "1,234 -> 567 (45.9%)".
std::string change_text(std::uint64_t before, std::uint64_t after) {
  return fmt::format("{} -> {} ({}%)", count_text(before), count_text(after),
                     percent_text(static_cast<double>(after), static_cast<double>(before)));
}

// Groups that stay whole are counted, or listed where `verbose`.
std::string channels_text(const ChannelsReport& channels, bool verbose) {
  Table table({"channels of", "before", "after", "also cut"});
  std::size_t before = 0;
  std::size_t after = 0;
  std::size_t whole = 0;
  for (const ChannelReport& group : channels.groups) {
    before += group.before;
    after += group.after;
    if (group.before == group.after) ++whole;
    if (group.before == group.after && !verbose) continue;
    std::string name = group.weights.empty() ? "" : group.weights.front();
    if (group.weights.size() > 1) name += fmt::format(" and {} more", group.weights.size() - 1);
    table.add_row({std::move(name), count_text(group.before), count_text(group.after),
                   plural(group.tied, "tensor")});
  }
  table.add_rule();
  table.add_row(
      {plural(channels.groups.size(), "group"), count_text(before), count_text(after), ""});
  std::string text = table.text();
  if (whole > 0 && !verbose)
    text += fmt::format("{} left whole; -v lists them\n", plural(whole, "group"));
  text +=
      fmt::format("parameters: {}\n", change_text(channels.weights_before, channels.weights_after));
  text += fmt::format("multiplications: {}\n",
                      change_text(channels.multiplications_before, channels.multiplications_after));
  return text;
}

nlohmann::ordered_json channels_json(const ChannelsReport& channels) {
  nlohmann::ordered_json document = {{"groups", nlohmann::ordered_json::array()},
                                     {"parameters_before", channels.weights_before},
                                     {"parameters_after", channels.weights_after},
                                     {"multiplications_before", channels.multiplications_before},
                                     {"multiplications_after", channels.multiplications_after}};
  for (const ChannelReport& group : channels.groups) {
    document["groups"].push_back({{"weights", group.weights},
                                  {"tied", group.tied},
                                  {"before", group.before},
                                  {"after", group.after}});
  }
  return document;
}

}  // namespace

nlohmann::ordered_json pass_json(const PassReport& report) {
  nlohmann::ordered_json document = {{"changed", nlohmann::ordered_json::array()},
                                     {"untouched", nlohmann::ordered_json::array()},
                                     {"notes", report.notes}};
  if (report.seeded) document["seed"] = report.seed;
  if (report.channels) document["channels"] = channels_json(*report.channels);
  for (const Cleanup& row : report.cleanups) {
    document["taken_out"].push_back({{"what", row.what},
                                     {"count", row.count},
                                     {row.packed ? "estimated_packed_bytes" : "bytes", row.bytes},
                                     {"names", row.names}});
  }
  for (const TensorReport& tensor : report.changed) {
    document["changed"].push_back({{"name", tensor.name},
                                   {"op", tensor.op},
                                   {"dims", tensor.dims},
                                   {"weights", tensor.count},
                                   {"nonzero_before", tensor.nonzero_before},
                                   {"nonzero_after", tensor.nonzero_after},
                                   {"distinct", tensor.distinct_after},
                                   {"rmse", tensor.rmse},
                                   {"max_error", tensor.max_error},
                                   {"iterations", tensor.iterations},
                                   {"threshold", tensor.threshold}});
  }
  for (const SkippedTensor& tensor : report.skipped) {
    document["untouched"].push_back(
        {{"name", tensor.name}, {"weights", tensor.count}, {"reason", tensor.reason}});
  }
  return document;
}

std::string pass_text(const PassReport& report, bool verbose) {
  std::string text = cleanups_text(report.cleanups, verbose);
  if (report.channels) text += channels_text(*report.channels, verbose);
  if (report.cleanups.empty() && report.changed.empty() && !report.channels) {
    text += "nothing to change\n";
  }
  if (!report.changed.empty()) text += changed_text(report);
  text += untouched_text(report, verbose);
  if (report.seeded) text += fmt::format("seed {}\n", report.seed);
  for (const std::string& note : report.notes) text += fmt::format("note: {}\n", printable(note));
  return text;
}

}  // namespace qc
