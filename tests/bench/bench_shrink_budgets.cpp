// Whether shrink keeps what it was asked for: sizes, and closeness on samples that it never saw.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench.h"
#include "data/batches.h"
#include "harness.h"
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

std::string run(const BenchOptions& bench) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: there is no ../shared.\n";
  const harness::TempDir temp;
  std::vector<fs::path> pictures;
  for (const auto& entry : fs::directory_iterator(*shared / "data/imagenet-sample-1000/images")) {
    pictures.push_back(entry.path());
  }
  std::ranges::sort(pictures);
  const std::vector<std::size_t> order = shuffled(pictures.size(), 0, 0);
  const auto some = [&](std::size_t begin, std::size_t count) {
    std::vector<fs::path> chosen;
    for (std::size_t i = begin; i < begin + count; ++i) chosen.push_back(pictures[order[i]]);
    return chosen;
  };
  MarkdownTable sizes({"model", "asked", "bytes", "of it"});
  MarkdownTable bounds({"model", "at least", "kB", "certificate", "interval", "third set",
                        "interval", "kept there"});
  std::size_t models = 0;
  std::size_t asked = 0;
  std::size_t met = 0;
  std::size_t certified = 0;
  std::size_t kept = 0;
  std::size_t within = 0;
  for (const SubjectInfo& info : shrink_subjects()) {
    if (info.kind != SampleKind::kPictures || models == 10) continue;
    if (!bench.wants(info.name)) continue;
    ++models;
    const std::string name(info.name);
    const fs::path model = *shared / "models" / info.path;
    const std::size_t count = bench.quick ? 12 : info.calibrate;
    const fs::path data =
        folder_of(temp / fmt::format("{}.data", models), some(0, count), info.config);
    const fs::path others = folder_of(temp / fmt::format("{}.others", models),
                                      some(count, bench.quick ? 10 : info.judge), info.config);
    const fs::path out = temp / fmt::format("{}.qc", models);
    const auto shrink = [&](const std::string& flag, double value) {
      return run_json({"shrink", model, "--data", data, "--fast", "-f", "-o", out, flag,
                       fmt::format("{}", value)});
    };
    const double plain =
        run_json({"pack", "--max", model, "-f", "-o", out}).at("packed_bytes").get<double>();
    std::string metric;
    for (const double part : kParts) {
      const double target = std::floor(part * plain);
      const nlohmann::json report = shrink("--target-size", target);
      metric = report.at("certificate").at("metric");
      const double ratio = report.at("packed_bytes").get<double>() / target;
      ++asked;
      if (ratio <= 1 && ratio >= 0.98) ++met;
      sizes.add_row({name, fmt::format("{:.0f}", target),
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
      bounds.add_row({name,
                      fmt::format("{}{}", value_text(least, metric), by_scores ? " %" : " dB"),
                      fmt::format("{:.1f}", report.at("packed_bytes").get<double>() / 1000),
                      value_text(certificate.at("value"), metric),
                      interval(certificate.at("interval")), value_text(third.at("value"), metric),
                      interval(third.at("interval")), holds ? "yes" : "no"});
      tell(fmt::format("{} {}: {}", name, bound, holds));
    }
  }
  return fmt::format(
      "Sizes of {} of {} are met, within 2% below.\n\n{}\nOf {} bounds {} hold on the samples of "
      "the certificate, {} on the third set, and {} lie below the upper end of its interval.\n\n{}",
      met, asked, sizes.text(), asked, certified, kept, within, bounds.text());
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
        "intervals of 95% by the bootstrap.",
    .run = run,
    .slow = true};

}  // namespace qc::bench
