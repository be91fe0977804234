// Whether shrink keeps what it was asked for: sizes, and closeness on samples that it never saw.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench.h"
#include "data/batches.h"
#include "harness.h"
#include "kept_rows.h"
#include "programs.h"
#include "shrink_subjects.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::array kParts = {0.3, 0.2, 0.12};     // of what plain packing takes
constexpr std::array kDrops = {0.5, 2.0, 5.0};      // points of agreement
constexpr std::array kRatios = {40.0, 30.0, 20.0};  // dB

// Links to some of the pictures, with how they are to be read.
fs::path folder_of(const fs::path& folder, const std::vector<fs::path>& pictures,
                   std::string_view config) {
  fs::create_directories(folder);
  for (const fs::path& picture : pictures) {
    fs::create_symlink(picture, folder / picture.filename());
  }
  harness::write_file(folder / "dataset.toml", std::string(config));
  return folder;
}

std::string value_text(const nlohmann::json& value, const std::string& metric) {
  if (value.is_null()) return "inf";
  return metric == "agreement" ? fmt::format("{:.1f}", 100 * value.get<double>())
                               : fmt::format("{:.1f}", value.get<double>());
}

bool is_at_least(const nlohmann::json& value, double bound) {
  return value.is_null() || value.get<double>() >= bound;
}

using Rows = std::vector<std::vector<std::string>>;

// Pictures in a fixed permutation.
class Pictures {
 public:
  explicit Pictures(const fs::path& folder) {
    for (const auto& entry : fs::directory_iterator(folder)) sorted_.push_back(entry.path());
    std::ranges::sort(sorted_);
    order_ = shuffled(sorted_.size(), 0, 0);
  }

  std::vector<fs::path> some(std::size_t begin, std::size_t count) const {
    std::vector<fs::path> chosen;
    for (std::size_t i = begin; i < begin + count; ++i) chosen.push_back(sorted_[order_[i]]);
    return chosen;
  }

 private:
  std::vector<fs::path> sorted_;
  std::vector<std::size_t> order_;
};

// Rows of sizes and of bounds of a network, and how many of them are kept.
nlohmann::json measure(const SubjectInfo& info, const fs::path& model, const Pictures& pictures,
                       bool quick) {
  const harness::TempDir temp;
  const std::string name(info.name);
  const std::size_t count = quick ? 12 : info.calibrate;
  const fs::path data = folder_of(temp / "data", pictures.some(0, count), info.config);
  const fs::path others =
      folder_of(temp / "others", pictures.some(count, quick ? 10 : info.judge), info.config);
  const fs::path out = temp / "model.qc";
  const auto shrink = [&](const std::string& flag, double value) {
    return run_json({"shrink", model, "--data", data, "--fast", "-f", "-o", out, flag,
                     fmt::format("{}", value)});
  };
  const double plain =
      run_json({"pack", "--max", model, "-f", "-o", out}).at("packed_bytes").get<double>();
  Rows sizes;
  Rows bounds;
  std::size_t met = 0;
  std::size_t certified = 0;
  std::size_t kept = 0;
  std::size_t within = 0;
  std::string metric;
  for (const double part : kParts) {
    const double target = std::floor(part * plain);
    const nlohmann::json report = shrink("--target-size", target);
    metric = report.at("certificate").at("metric");
    const double ratio = report.at("packed_bytes").get<double>() / target;
    if (ratio <= 1 && ratio >= 0.98) ++met;
    sizes.push_back({name, fmt::format("{:.0f}", target),
                     fmt::format("{}", report.at("packed_bytes").get<std::uint64_t>()),
                     fmt::format("{:.1f} %", 100 * ratio)});
    tell(fmt::format("{} {:.0f}: {:.3f}", name, target, ratio));
  }
  const bool by_scores = metric == "agreement";
  for (const double bound : by_scores ? kDrops : kRatios) {
    const nlohmann::json report = shrink(by_scores ? "--max-drop" : "--min-snr", bound);
    const double least = by_scores ? 1 - bound / 100 : bound;
    const nlohmann::json& certificate = report.at("certificate");
    const nlohmann::json third = run_json({"eval", out, "--data", others, "--against", model});
    const bool holds = is_at_least(third.at("value"), least);
    if (is_at_least(certificate.at("value"), least)) ++certified;
    if (holds) ++kept;
    if (is_at_least(third.at("interval").at(1), least)) ++within;
    const auto interval = [&](const nlohmann::json& of) {
      return fmt::format("{} to {}", value_text(of.at(0), metric), value_text(of.at(1), metric));
    };
    bounds.push_back({name,
                      fmt::format("{}{}", value_text(least, metric), by_scores ? " %" : " dB"),
                      fmt::format("{:.1f}", report.at("packed_bytes").get<double>() / 1000),
                      value_text(certificate.at("value"), metric),
                      interval(certificate.at("interval")), value_text(third.at("value"), metric),
                      interval(third.at("interval")), holds ? "yes" : "no"});
    tell(fmt::format("{} {}: {}", name, bound, holds));
  }
  return {{"sizes", sizes},         {"bounds", bounds}, {"met", met},
          {"certified", certified}, {"kept", kept},     {"within", within}};
}

std::string run(const BenchOptions& bench) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: there is no ../shared.\n";
  const Pictures pictures(*shared / "data/imagenet-sample-1000/images");
  KeptRows rows(bench);
  MarkdownTable sizes({"model", "asked", "bytes", "of it", "date"});
  MarkdownTable bounds({"model", "at least", "kB", "certificate", "interval", "third set",
                        "interval", "kept there", "date"});
  std::size_t models = 0;
  std::map<std::string, std::size_t> sums;
  for (const SubjectInfo& info : shrink_subjects()) {
    if (info.kind != SampleKind::kPictures || models == 10) continue;
    if (!bench.wants(info.name)) continue;
    const auto measured = rows.get(fmt::format("budgets/{}", info.name), [&] {
      return measure(info, *shared / "models" / info.path, pictures, bench.quick);
    });
    if (!measured) continue;
    ++models;
    const auto add = [&](const char* which, MarkdownTable& table) {
      for (const auto& each : measured->at(which)) {
        std::vector<std::string> row = each;
        row.push_back(measured->at("date"));
        table.add_row(std::move(row));
      }
    };
    add("sizes", sizes);
    add("bounds", bounds);
    for (const char* sum : {"met", "certified", "kept", "within"}) {
      sums[sum] += measured->at(sum).get<std::size_t>();
    }
  }
  return fmt::format(
      "Sizes of {} of {} are met, within 2% below.\n\n{}\nOf {} bounds {} hold on the samples of "
      "the certificate, {} on the third set, and {} lie below the upper end of its interval.\n\n{}",
      sums["met"], models * kParts.size(), sizes.text(), models * kDrops.size(), sums["certified"],
      sums["kept"], sums["within"], bounds.text());
}

}  // namespace

const BenchTable kShrinkBudgetsTable{
    .name = "shrink-budgets",
    .title = "Whether budgets of shrink are kept",
    .about =
        "`shrink --fast` with pictures without labels, of which seven tenths calibrate and the "
        "others decide\n"
        "and certify: `--target-size` of 30, 20 and 12% of what `pack --max` takes, then "
        "`--max-drop` or\n"
        "`--min-snr`, checked by `eval --against` with a third set of pictures. Per cent of "
        "agreement, or dB;\n"
        "intervals of 95% by the bootstrap, by Wilson where all agree.",
    .run = run,
    .slow = true};

}  // namespace qc::bench
