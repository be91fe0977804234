// Compression without labels beside sharing every layer by k-means, judged by ONNX Runtime.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench.h"
#include "core/error.h"
#include "data/feed_source.h"
#include "harness.h"
#include "kept_rows.h"
#include "passes/pass.h"
#include "pipeline/run_inputs.h"
#include "pipeline/runner.h"
#include "pipeline/shrink/distillation.h"
#include "pipeline/shrink/search.h"
#include "shrink_judge.h"
#include "shrink_subjects.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::array kBits = {8, 7, 6, 5, 4};
// Of 6-bit sharing, for networks without sizes of their own.
constexpr std::array kParts = {1.0, 0.8, 0.65, 0.5, 0.4, 0.3};

std::unique_ptr<Engine> bench_engine() {
  ::setenv("QCOMPRESS_ENGINE", QC_TORCH_MODULE, 0);
  // As shrink does, whose results do not depend on the number of threads.
  return open_engine({.threads = 1});
}

OnnxModel shared_by_kmeans(const OnnxModel& model, int bits) {
  Params params(kSharePass.params);
  params.set("bits", fmt::format("{}", bits));
  return apply_pass(kSharePass, model, params, {}).model(model);
}

std::uint64_t size_of(const OnnxModel& model) { return packed_size(model, presets::kMax, 0); }

std::string kilobytes(std::uint64_t bytes) {
  return fmt::format("{:.1f}", static_cast<double>(bytes) / 1000);
}

// How a model is made smaller in a table.
struct Way {
  Shrinker::Options shrinker = {};
  std::vector<double> allocations = {0, 0.25, 0.5, 1};
  bool lockstep = true;
  bool distilled = false;
};

// A network with what its samples tell, ready to be made smaller and judged.
class Calibrated {
 public:
  Calibrated(const ShrinkSubject& subject, Engine& engine, RunInputs calibrate, RunInputs decide,
             Way way)
      : subject_(subject),
        engine_(engine),
        way_(std::move(way)),
        calibrate_(std::move(calibrate)),
        decide_(std::move(decide)) {
    const auto start = std::chrono::steady_clock::now();
    judgement_ = std::make_unique<Judgement>(subject.model(), engine, decide_, judging(subject));
    shrinker_ = std::make_unique<Shrinker>(subject.model(), engine, calibrate_,
                                           judgement_->losses(), way_.shrinker);
    calibration_seconds_ = since(start);
  }

  // As close as another model is, on the samples that decide.
  ShrinkCandidate as_close_as(const OnnxModel& other) {
    SearchOptions options;
    const Closeness closeness = judgement_->judge(other, engine_);
    decisive_ = closeness.decisive;
    if (has_scores()) {
      options.goal.max_drop = closeness.reference - closeness.value;
    } else {
      options.goal.min_snr = closeness.value;
    }
    return search(std::move(options));
  }

  ShrinkCandidate of_size(std::uint64_t bytes) {
    SearchOptions options;
    options.goal.target_size = bytes;
    ShrinkCandidate found = search(std::move(options));
    decisive_ = found.closeness.decisive;
    return found;
  }

  void keep_allocation(double allocation) { way_.allocations = {allocation}; }

  bool has_scores() const { return judgement_->metric() == JudgedBy::kAgreement; }
  double seconds() const { return calibration_seconds_ + search_seconds_; }

  // Only after a model was made.
  std::vector<double> judged(const std::vector<OnnxModel>& others) const {
    const harness::TempDir temp;
    std::vector<fs::path> paths = {subject_.path()};
    for (std::size_t i = 0; i < others.size(); ++i) {
      paths.push_back(temp / fmt::format("{}.onnx", i));
      others[i].write(paths.back(), {}, Overwrite::kReplace);
    }
    const OutputLoss output = judgement_->losses()[decisive_];
    std::vector<double> values;
    for (const Verdict& verdict :
         judge_by_onnxruntime(paths, subject_.model().graph()->main, subject_.judged(),
                              output.output, output.scores_axis)) {
      values.push_back(has_scores() ? 100 * verdict.agreement : verdict.snr);
    }
    return values;
  }

  std::string text(double judged) const {
    return fmt::format("{:.1f} {}", judged, has_scores() ? "%" : "dB");
  }

 private:
  static JudgementOptions judging(const ShrinkSubject& subject) {
    JudgementOptions options;
    if (!subject.info().scores.empty()) options.scores.emplace_back(subject.info().scores);
    return options;
  }

  static double since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  ShrinkCandidate search(SearchOptions options) {
    const auto start = std::chrono::steady_clock::now();
    options.encode = presets::kMax;
    options.allocations = way_.allocations;
    options.lockstep = way_.lockstep;
    Imitation imitation;
    if (way_.distilled) {
      imitation.train = calibrate_;
      imitation.validation = decide_;
      imitation.outputs = judgement_->losses();
      options.refine = [&](const OnnxModel& rounded) {
        return distilled(rounded, subject_.model(), shrinker_->plan(), engine_, imitation, {});
      };
    }
    ShrinkCandidate found =
        ShrinkSearch(subject_.model(), *shrinker_, engine_, *judgement_, options).run();
    search_seconds_ = since(start);
    return found;
  }

  const ShrinkSubject& subject_;
  Engine& engine_;
  Way way_;
  RunInputs calibrate_;
  RunInputs decide_;
  std::unique_ptr<Judgement> judgement_;
  std::unique_ptr<Shrinker> shrinker_;
  std::size_t decisive_ = 0;
  double calibration_seconds_ = 0;
  double search_seconds_ = 0;
};

// A network's row beside 6-bit sharing, and its curve.
nlohmann::json measure(const SubjectInfo& info, const fs::path& shared, Engine& engine,
                       bool quick) {
  const ShrinkSubject subject(info, shared, engine, quick);
  Calibrated calibrated(subject, engine, subject.calibrating(), subject.deciding(), {});
  std::vector<OnnxModel> others;
  std::vector<std::uint64_t> sizes;
  for (const int bits : kBits) {
    others.push_back(shared_by_kmeans(subject.model(), bits));
    sizes.push_back(size_of(others.back()));
  }
  const std::uint64_t plain = sizes[2];
  ShrinkCandidate found = calibrated.as_close_as(others[2]);
  const double seconds = calibrated.seconds();
  others.push_back(*found.model);
  sizes.push_back(found.bytes);
  std::vector<std::uint64_t> targets = info.targets;
  if (targets.empty()) {
    // One search chose the allocation.
    calibrated.keep_allocation(found.point.allocation);
    for (const double part : kParts) {
      targets.push_back(static_cast<std::uint64_t>(part * static_cast<double>(plain)));
    }
  }
  if (quick) targets.resize(1);
  std::size_t met = 0;
  try {
    for (; met < targets.size(); ++met) {
      ShrinkCandidate candidate = calibrated.of_size(targets[met]);
      others.push_back(std::move(*candidate.model));
      sizes.push_back(candidate.bytes);
    }
  } catch (const Error&) {
    // The curve ends where what is not rounded takes more.
    if (met == 0) throw;
  }
  const std::vector<double> judged = calibrated.judged(others);
  // Sharing itself is among what is as close.
  std::uint64_t as_close = plain;
  for (std::size_t i = kBits.size(); i < others.size(); ++i) {
    if (judged[i] >= judged[2]) as_close = std::min(as_close, sizes[i]);
  }
  const std::vector<std::string> beside = {
      std::string(info.name),
      fmt::format("{}", info.calibrate),
      kilobytes(size_of(subject.model())),
      kilobytes(plain),
      calibrated.text(judged[2]),
      kilobytes(found.bytes),
      calibrated.text(judged[kBits.size()]),
      kilobytes(as_close),
      fmt::format("{:.2f}", static_cast<double>(as_close) / static_cast<double>(plain)),
      fmt::format("{:.0f}", seconds)};
  std::vector<std::vector<std::string>> curve;
  for (std::size_t i = 0; i < std::max(met, kBits.size()); ++i) {
    std::vector<std::string> row = {
        i == 0 ? std::string(info.name) : std::string(), "", "", "", "", ""};
    if (i < kBits.size()) {
      row[1] = fmt::format("{}", kBits[i]);
      row[2] = kilobytes(sizes[i]);
      row[3] = calibrated.text(judged[i]);
    }
    if (i < met) {
      const std::size_t at = kBits.size() + 1 + i;
      row[4] = kilobytes(sizes[at]);
      row[5] = calibrated.text(judged[at]);
    }
    curve.push_back(std::move(row));
  }
  return {{"beside", beside}, {"curve", curve}, {"share_bytes", plain}, {"shrink_bytes", as_close}};
}

std::string run_closeness(const BenchOptions& bench) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: there is no ../shared.\n";
  const auto engine = bench_engine();
  MarkdownTable beside({"model", "samples", "packed kB", "share 6 bits kB", "judged", "shrink kB",
                        "judged", "as close kB", "ratio", "seconds", "date"});
  MarkdownTable curves({"model", "share bits", "kB", "judged", "shrink kB", "judged"});
  KeptRows kept(bench);
  std::uint64_t share_sum = 0;
  std::uint64_t shrink_sum = 0;
  for (const SubjectInfo& info : shrink_subjects()) {
    if (!bench.wants(info.name)) continue;
    const auto rows = kept.get(fmt::format("shrink/{}", info.name),
                               [&] { return measure(info, *shared, *engine, bench.quick); });
    if (!rows) continue;
    std::vector<std::string> row = rows->at("beside");
    row.push_back(rows->at("date"));
    tell(fmt::format("{}", fmt::join(row, " | ")));
    beside.add_row(std::move(row));
    for (const auto& each : rows->at("curve")) curves.add_row(each);
    share_sum += rows->at("share_bytes").get<std::uint64_t>();
    shrink_sum += rows->at("shrink_bytes").get<std::uint64_t>();
  }
  beside.add_row(
      {"sum", "", "", kilobytes(share_sum), "", "", "", kilobytes(shrink_sum),
       fmt::format("{:.2f}", static_cast<double>(shrink_sum) / static_cast<double>(share_sum)), "",
       ""});
  return beside.text() + "\n" + curves.text();
}

// A row of the ablation: the method with a part changed.
struct Variant {
  std::string_view name;
  Way way = {};
  std::size_t samples = 300;
  bool random = false;
};

std::vector<std::string> ablation_row(const ShrinkSubject& subject, Engine& engine,
                                      const Variant& variant, std::uint64_t target) {
  const std::size_t decide = variant.samples * 3 / 10;
  RunInputs calibrating = subject.calibrating(variant.samples - decide);
  RunInputs deciding = subject.deciding();
  deciding.count = std::min(deciding.count, decide);
  std::unique_ptr<FeedSource> random;  // outlives what it gives
  if (variant.random) {
    random = open_feeds({"random:300", {}}, Split::kTrain, subject.model().graph()->main);
    std::vector<std::size_t> some(calibrating.count + deciding.count);
    std::iota(some.begin(), some.end(), std::size_t{0});
    deciding = run_inputs(
        *random, {some.begin() + static_cast<std::ptrdiff_t>(calibrating.count), some.end()});
    some.resize(calibrating.count);
    calibrating = run_inputs(*random, std::move(some));
  }
  Calibrated calibrated(subject, engine, std::move(calibrating), std::move(deciding), variant.way);
  const ShrinkCandidate found = calibrated.of_size(target);
  return {std::string(subject.info().name),
          std::string(variant.name),
          kilobytes(found.bytes),
          calibrated.text(calibrated.judged({*found.model}).front()),
          fmt::format("{:.2g}", found.point.allocation),
          fmt::format("{:.0f}", calibrated.seconds())};
}

std::string run_ablation(const BenchOptions& bench) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: there is no ../shared.\n";
  const auto engine = bench_engine();
  struct Subject {
    std::size_t number;
    std::uint64_t target;
  };
  // The first two of shrink_subjects(), where networks begin to suffer.
  constexpr std::array kSubjects = {Subject{0, 450'000}, Subject{1, 100'000}};
  Shrinker::Options uncompensated;
  uncompensated.compensate = false;
  const std::vector<Variant> variants = {
      {"all", {}},
      {"distilled, too", {.distilled = true}},
      {"layers independent", {.lockstep = false}},
      {"layers independent, no compensation", {.shrinker = uncompensated, .lockstep = false}},
      {"allocation 0", {.allocations = {0}}},
      {"allocation 0.25", {.allocations = {0.25}}},
      {"allocation 0.5", {.allocations = {0.5}}},
      {"allocation 1", {.allocations = {1}}},
      {"100 samples", {}, 100},
      {"40 samples", {}, 40},
      {"300 random inputs", {}, 300, true},
  };
  KeptRows kept(bench);
  MarkdownTable table({"model", "", "kB", "agreement", "allocation", "seconds", "date"});
  for (const auto& [number, target] : kSubjects) {
    const SubjectInfo& info = shrink_subjects()[number];
    if (!bench.wants(info.name)) continue;
    const ShrinkSubject subject(info, *shared, *engine, bench.quick);
    for (const Variant& variant : variants) {
      const auto measured = kept.get(fmt::format("ablation/{}/{}", info.name, variant.name), [&] {
        return nlohmann::json{{"row", ablation_row(subject, *engine, variant, target)}};
      });
      if (!measured) continue;
      std::vector<std::string> row = measured->at("row");
      row.push_back(measured->at("date"));
      tell(fmt::format("{}", fmt::join(row, " | ")));
      table.add_row(std::move(row));
    }
  }
  return table.text();
}

}  // namespace

const BenchTable kShrinkTable{
    .name = "shrink",
    .title = "Compression without labels",
    .about =
        "`samples` without labels, of which three tenths decide and the others calibrate: pictures "
        "of the\n"
        "1000 of ImageNet in ../shared (no proper inputs of some of the networks: faces, letters), "
        "test\n"
        "pictures of CIFAR-10, speech by espeak-ng with noise, English text. Others judge (700 for "
        "the\n"
        "first two, 20 to 1000 for the rest), by ONNX Runtime: agreement of the largest score, at "
        "each\n"
        "position, where the decisive output is scores, else its signal-to-noise ratio. `shrink` "
        "is "
        "the\n"
        "smallest that keeps as close as sharing every layer by k-means with 6 bits, on the "
        "samples "
        "that\n"
        "decide; `as close` the smallest of all made here that is judged to be no worse, to which "
        "`ratio`\n"
        "belongs. The curves are the closest models of given sizes, beside sharing with 8 to 4 "
        "bits. "
        "kB are\n"
        "1000 bytes of whole files by `pack --max`. Seconds are of calibration and the first "
        "search.",
    .run = run_closeness,
    .slow = true};

const BenchTable kShrinkAblationTable{
    .name = "shrink-ablation",
    .title = "What each part of shrink is worth",
    .about =
        "The closest models of 450 and 100 kB, with parts of the method left out; agreement of the "
        "arg max\n"
        "on 700 pictures, by ONNX Runtime. 300 samples without labels unless a row says otherwise, "
        "of which\n"
        "three tenths decide.",
    .run = run_ablation,
    .slow = true};

}  // namespace qc::bench
