// Compression without labels beside sharing every layer by k-means, judged by ONNX Runtime.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench.h"
#include "data/batches.h"
#include "harness.h"
#include "passes/pass.h"
#include "pipeline/run_inputs.h"
#include "pipeline/runner.h"
#include "pipeline/shrink/search.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

// A network of ../shared for pictures, and how it takes them.
struct PictureModel {
  std::string_view name;
  std::string_view path;
  std::string_view config;  ///< dataset.toml
  std::size_t calibrate;    ///< pictures without labels, of which three tenths decide
  std::size_t judge;        ///< others
  std::vector<std::uint64_t> targets = {};  ///< sizes of the curve
};

const std::vector<PictureModel>& picture_models() {
  constexpr std::string_view kSigned = "mean = 0.5\nstd = 0.5\n";
  constexpr std::string_view kUnit = "";
  constexpr std::string_view kBytes = "scale = 1\nchannels = \"BGR\"\n";
  static const std::vector<PictureModel> kModels = {
      {"SqueezeNet 1.1",
       "converted/squeezenet_f32_from_fp16.onnx",
       "resize = 256\ncrop = 224\nchannels = \"BGR\"\nscale = 1\nmean = [104, 117, 123]\n",
       300,
       700,
       {720'000, 620'000, 540'000, 450'000, 400'000, 330'000}},
      {"MobileNetV2 0.35 128",
       "mobilenet_v2_035_128/mobilenet_v2_0.35_128_tfs_channel_first.onnx",
       "resize = 144\ncrop = 128\nmean = 0.5\nstd = 0.5\n",
       300,
       700,
       {200'000, 160'000, 140'000, 118'000, 100'000, 85'000}},
      {"MobileNetV2 0.5 128", "mobilenet_v2_128_05/mobilenet_v2_128_0.5.onnx", kSigned, 100, 200},
      {"YOLOX nano", "yolox_nano/yolox_nano.onnx", kBytes, 60, 40},
      {"FaceBoxesV2", "faceboxesv2/faceboxesv2-640x640.onnx", kBytes, 30, 30},
      {"FastestDet", "fastestdet/FastestDet.onnx", kUnit, 60, 60},
      {"YuNet n", "yunet/yunet_n_320_320.onnx", kBytes, 60, 60},
      {"sub-pixel CNN", "super_resolution/super_resolution.onnx", kUnit, 30, 40},
      {"style transfer", "fns_candy/fns-candy.onnx", "scale = 1\n", 30, 20},
      {"PFLD 106 lite", "pfld_106_lite/pfld-106-lite.onnx", kUnit, 100, 200},
      {"text angle", "chineseocr_angle/angle_net.onnx", kSigned, 100, 200},
  };
  return kModels;
}

std::optional<fs::path> shared_folder() {
  const char* named = std::getenv("QC_SHARED");
  const fs::path folder =
      named != nullptr ? fs::path(named) : fs::path(QC_SOURCE_DIR) / "../shared";
  if (!fs::exists(folder / "models")) return std::nullopt;
  return fs::canonical(folder);
}

// Agreement and SNR of the first output, by ONNX Runtime.
struct Verdict {
  double agreement = 0;
  double snr = 0;
};

std::vector<Verdict> judge_by_onnxruntime(const std::vector<fs::path>& models, const Graph& graph,
                                          const RunInputs& samples) {
  const harness::TempDir temp;
  std::ofstream data(temp / "inputs.bin", std::ios::binary);
  nlohmann::json job = {{"models", nlohmann::json::array()}, {"samples", nlohmann::json::array()}};
  for (const fs::path& model : models) job["models"].push_back(model.string());
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < samples.count; ++i) {
    nlohmann::json inputs = nlohmann::json::array();
    const std::vector<HostTensor> values = samples.load(i);
    for (std::size_t k = 0; k < values.size(); ++k) {
      inputs.push_back({{"name", graph.inputs[k].name},
                        {"type", static_cast<int>(values[k].type)},
                        {"dims", values[k].dims},
                        {"offset", offset},
                        {"size", values[k].bytes.size()}});
      data.write(reinterpret_cast<const char*>(values[k].bytes.data()),
                 static_cast<std::streamsize>(values[k].bytes.size()));
      offset += values[k].bytes.size();
    }
    job["samples"].push_back(std::move(inputs));
  }
  data.close();
  harness::write_file(temp / "job.json", job.dump());
  harness::RunOptions options;
  options.program = "node";
  const auto run = harness::run(
      {QC_JUDGE_ONNXRUNTIME, QC_ONNXRUNTIME_DIR, temp / "job.json", temp / "inputs.bin"}, options);
  if (run.exit_code != 0) throw std::runtime_error("ONNX Runtime: " + run.err);
  std::vector<Verdict> verdicts;
  for (const nlohmann::json& one : nlohmann::json::parse(run.out)) {
    verdicts.push_back(
        {one["agreement"], one["snr"].is_null() ? INFINITY : one["snr"].get<double>()});
  }
  return verdicts;
}

OnnxModel shared_by_kmeans(const OnnxModel& model, int bits) {
  Params params(kSharePass.params);
  params.set("bits", fmt::format("{}", bits));
  return apply_pass(kSharePass, model, params, {}).model(model);
}

std::string kilobytes(std::uint64_t bytes) {
  return fmt::format("{:.1f}", static_cast<double>(bytes) / 1000);
}

// One network with all that is needed to compress and to judge it.
class Subject {
 public:
  Subject(const PictureModel& about, const fs::path& shared, Engine& engine, bool quick)
      : about_(about),
        path_(shared / "models" / about.path),
        model_(OnnxModel::open(path_)),
        engine_(engine) {
    harness::write_file(temp_ / "dataset.toml", std::string(about.config));
    feeds_ = open_feeds({shared / "data/imagenet-sample-1000/images", temp_ / "dataset.toml"},
                        Split::kTrain, model_.graph()->main);
    // A fixed permutation: the first are for calibration, the last judge.
    const std::vector<std::size_t> order = shuffled(feeds_->size(), 0, 0);
    const std::size_t calibrate = quick ? 12 : about.calibrate;
    const std::size_t judge = quick ? 10 : about.judge;
    std::vector<std::size_t> all(order.begin(),
                                 order.begin() + static_cast<std::ptrdiff_t>(calibrate));
    const std::size_t decide = calibrate * 3 / 10;
    const std::vector<std::size_t> deciding(all.end() - static_cast<std::ptrdiff_t>(decide),
                                            all.end());
    all.resize(all.size() - decide);
    judged_ =
        run_inputs(*feeds_, {order.end() - static_cast<std::ptrdiff_t>(judge), order.end()}, 0);
    const auto start = std::chrono::steady_clock::now();
    judgement_ = std::make_unique<Judgement>(model_, engine_, run_inputs(*feeds_, deciding),
                                             JudgementOptions());
    shrinker_ = std::make_unique<Shrinker>(model_, engine_, run_inputs(*feeds_, all),
                                           judgement_->losses(), Shrinker::Options());
    seconds_ = since(start);
  }

  // As close as sharing by 6 bits is, on the samples that decide.
  ShrinkCandidate as_close_as(const OnnxModel& other) {
    SearchOptions options = search_options();
    const double bound = judgement_->judge(other, engine_).value;
    if (has_scores()) {
      options.goal.max_drop = 1 - bound;
    } else {
      options.goal.min_snr = bound;
    }
    return search(options);
  }

  ShrinkCandidate of_size(std::uint64_t bytes) {
    SearchOptions options = search_options();
    options.goal.target_size = bytes;
    return search(options);
  }

  std::vector<Verdict> judge(const std::vector<OnnxModel>& others) {
    std::vector<fs::path> paths = {path_};
    for (std::size_t i = 0; i < others.size(); ++i) {
      paths.push_back(temp_ / fmt::format("{}.onnx", i));
      others[i].write(paths.back(), {}, Overwrite::kReplace);
    }
    return judge_by_onnxruntime(paths, model_.graph()->main, judged_);
  }

  const OnnxModel& model() const { return model_; }
  bool has_scores() const { return judgement_->metric() == JudgedBy::kAgreement; }
  double calibration_seconds() const { return seconds_; }
  double search_seconds() const { return search_seconds_; }

  std::string text(const Verdict& verdict) const {
    return has_scores() ? fmt::format("{:.1f} %", 100 * verdict.agreement)
                        : fmt::format("{:.1f} dB", verdict.snr);
  }

 private:
  static double since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  static SearchOptions search_options() {
    SearchOptions options;
    options.encode = presets::kMax;
    return options;
  }

  ShrinkCandidate search(const SearchOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    ShrinkCandidate found = ShrinkSearch(model_, *shrinker_, engine_, *judgement_, options).run();
    search_seconds_ = since(start);
    return found;
  }

  PictureModel about_;
  fs::path path_;
  harness::TempDir temp_;
  OnnxModel model_;
  Engine& engine_;
  std::unique_ptr<FeedSource> feeds_;
  RunInputs judged_;
  std::unique_ptr<Judgement> judgement_;
  std::unique_ptr<Shrinker> shrinker_;
  double seconds_ = 0;
  double search_seconds_ = 0;
};

std::string run(const BenchOptions& bench) {
  const auto shared = shared_folder();
  if (!shared) return "Not measured: there is no ../shared.\n";
  ::setenv("QCOMPRESS_ENGINE", QC_TORCH_MODULE, 0);
  const auto engine = open_engine({});
  MarkdownTable beside({"model", "pictures", "packed", "share 6 bits", "judged", "shrink", "judged",
                        "ratio", "seconds"});
  MarkdownTable curves(
      {"model", "share bits", "kB", "judged", "shrink to", "kB", "judged", "seconds"});
  std::uint64_t share_sum = 0;
  std::uint64_t shrink_sum = 0;
  for (const PictureModel& about : picture_models()) {
    tell(std::string(about.name));
    Subject subject(about, *shared, *engine, bench.quick);
    const OnnxModel plain = shared_by_kmeans(subject.model(), 6);
    const ShrinkCandidate found = subject.as_close_as(plain);
    const double seconds = subject.calibration_seconds() + subject.search_seconds();
    const std::vector<Verdict> verdicts = subject.judge({plain, found.model});
    const std::uint64_t share_bytes = packed_size(plain, presets::kMax, 0);
    share_sum += share_bytes;
    shrink_sum += found.bytes;
    beside.add_row(
        {std::string(about.name), fmt::format("{}", about.calibrate),
         kilobytes(packed_size(subject.model(), presets::kMax, 0)), kilobytes(share_bytes),
         subject.text(verdicts[0]), kilobytes(found.bytes), subject.text(verdicts[1]),
         fmt::format("{:.2f}", static_cast<double>(found.bytes) / static_cast<double>(share_bytes)),
         fmt::format("{:.0f}", seconds)});
    if (about.targets.empty() || bench.quick) continue;
    std::vector<OnnxModel> others;
    std::vector<std::uint64_t> sizes;
    std::vector<double> times;
    for (int bits = 8; bits >= 4; --bits) {
      others.push_back(shared_by_kmeans(subject.model(), bits));
      sizes.push_back(packed_size(others.back(), presets::kMax, 0));
    }
    for (const std::uint64_t target : about.targets) {
      ShrinkCandidate candidate = subject.of_size(target);
      others.push_back(std::move(candidate.model));
      sizes.push_back(candidate.bytes);
      times.push_back(subject.calibration_seconds() + subject.search_seconds());
    }
    const std::vector<Verdict> judged = subject.judge(others);
    for (std::size_t i = 0; i < about.targets.size(); ++i) {
      const bool plain_too = i < 5;
      curves.add_row({std::string(about.name), plain_too ? fmt::format("{}", 8 - i) : "",
                      plain_too ? kilobytes(sizes[i]) : "",
                      plain_too ? subject.text(judged[i]) : "", kilobytes(about.targets[i]),
                      kilobytes(sizes[5 + i]), subject.text(judged[5 + i]),
                      fmt::format("{:.0f}", times[i])});
    }
  }
  beside.add_row(
      {"sum", "", "", kilobytes(share_sum), "", kilobytes(shrink_sum), "",
       fmt::format("{:.2f}", static_cast<double>(shrink_sum) / static_cast<double>(share_sum)),
       ""});
  return beside.text() + "\n" + curves.text();
}

}  // namespace

const BenchTable kShrinkTable{
    .name = "shrink",
    .title = "Compression without labels",
    .about =
        "Networks for pictures, compressed with `pictures` of the 1000 of ImageNet in ../shared "
        "that\n"
        "have no labels; three tenths of them decide, the others calibrate. Judged on others (700 "
        "for\n"
        "the first two, 20 to 200 for the rest) by ONNX Runtime: agreement of the largest element "
        "of\n"
        "the first output, where it scores classes, else its signal-to-noise ratio. `shrink` is "
        "the\n"
        "smallest that keeps as close as sharing every layer by k-means with 6 bits, on the "
        "samples\n"
        "that decide; kB are 1000 bytes of whole files by `pack --max`. Seconds are of calibration "
        "and\n"
        "search. Pictures are no proper inputs of some of the networks (faces, letters).",
    .run = run,
    .slow = true};

}  // namespace qc::bench
