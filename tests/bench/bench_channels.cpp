// Channel pruning of whole networks: what is left of them, how fast they run elsewhere, and what
// they still know.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench.h"
#include "formats/onnx/onnx_model.h"
#include "formats/onnx/value_shapes.h"
#include "harness.h"
#include "kept_rows.h"
#include "onnxruntime_times.h"
#include "programs.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr int kRuns = 2000;

// How many channels go.
struct Cut {
  std::string name;
  Words flags;
};

struct Subject {
  std::string name;
  fs::path model;
  fs::path data;
  std::string config;  // text of dataset.toml; may be empty
  Words training;      // of every fine-tuning
  bool labels = true;  // the network is fine-tuned before, in the same way
  std::vector<Cut> cuts = {{"-30%", {"--rate", "0.3"}}, {"-50%", {"--rate", "0.5"}}};
};

std::vector<Subject> subjects(const fs::path& shared, const fs::path& cifar) {
  const fs::path models = shared / "models";
  const fs::path pictures = shared / "data/imagenet-sample-1000/images";
  std::vector<Subject> all = {
      {"LeNet-5",
       harness::source_dir() / "samples/models/lenet-5-mnist.onnx",
       shared / "data/mnist",
       "",
       {"--epochs", "4", "--lr", "0.01", "--shift", "1", "--seed", "1"}},
      {"ResNet-20",
       models / "converted/resnet20_cifar10.onnx",
       cifar,
       harness::read_file(harness::source_dir() / "samples/data/cifar-10.toml"),
       {"--epochs", "10", "--lr", "0.03", "--samples", "20000", "--flip", "--shift", "2",
        "--distill", "0.5", "--seed", "1"}},
      {"MobileNetV2 0.35 128",
       models / "mobilenet_v2_035_128/mobilenet_v2_0.35_128_tfs_channel_first.onnx",
       pictures,
       "resize = 144\ncrop = 128\nmean = 0.5\nstd = 0.5\n",
       {"--epochs", "20", "--seed", "1"},
       false},
      {"YOLOX nano",
       models / "yolox_nano/yolox_nano.onnx",
       pictures,
       "scale = 1\nchannels = \"BGR\"\n",
       {"--epochs", "4", "--samples", "100", "--seed", "1"},
       false}};
  // Channels that go from one block to the next, of which vectors are full afterwards, and those
  // inside of two blocks.
  all[1].cuts.push_back({"residual -50%",
                         {"--layer", "conv1.weight=0.5", "--layer", "layer[23].0.conv2.weight=0.5",
                          "--layer", "layer[23].2.conv1.weight=0.5"}});
  return all;
}

// "98.12%" of samples, or "12.3 dB".
std::string score_text(const nlohmann::json& score) {
  const double value = score.at("value").get<double>();
  if (score.at("metric") == "noise") {
    return value > 0 ? fmt::format("{:.1f} dB", -10 * std::log10(value)) : "same";
  }
  return fmt::format("{:.2f}%", 100 * value);
}

class Measurement {
 public:
  Measurement(const Subject& subject, const fs::path& folder) : subject_(subject), folder_(folder) {
    if (!subject.config.empty()) harness::write_file(folder / "dataset.toml", subject.config);
  }

  nlohmann::json run(const Cut& cut, bool quick) {
    const fs::path start = baseline(quick);
    const nlohmann::json plain = prune(start, cut, {"--criterion", "l1", "--epochs", "0"}, "l1");
    const nlohmann::json fitted = prune(start, cut, {"--method", "obs", "--epochs", "0"}, "obs");
    Words flags = {"--method", "obs"};
    flags.insert(flags.end(), subject_.training.begin(), subject_.training.end());
    if (quick) flags.insert(flags.end(), {"--epochs", "1", "--samples", "50"});
    const nlohmann::json trained = prune(start, cut, flags, "trained");
    const nlohmann::json& channels = trained.at("channels");
    const auto share = [&](const std::string& of) {
      return channels.at(of + "_after").get<double>() / channels.at(of + "_before").get<double>();
    };
    double seconds = 0;
    for (const auto& step : trained.at("steps")) seconds += step.at("seconds").get<double>();
    return {{"parameters", share("parameters")},
            {"multiplications", share("multiplications")},
            {"speed", speed(start, folder_ / "trained.onnx", quick)},
            {"before", subject_.labels ? score_text(plain.at("test_before")) : "-"},
            {"l1", score_text(plain.at("test_after"))},
            {"obs", score_text(fitted.at("test_after"))},
            {"trained", score_text(trained.at("test_after"))},
            {"seconds", seconds}};
  }

 private:
  Words data_flags() const {
    Words flags = {"--data", subject_.data.string(), "--threads", "1"};
    if (!subject_.config.empty()) {
      flags.insert(flags.end(), {"--data-config", (folder_ / "dataset.toml").string()});
    }
    return flags;
  }

  // Fine-tuned for as long as the pruned network is.
  fs::path baseline(bool quick) {
    if (!subject_.labels) return subject_.model;
    const fs::path tuned = folder_ / "tuned.onnx";
    if (fs::exists(tuned)) return tuned;
    tell(fmt::format("  {}: baseline", subject_.name));
    Words args = {"finetune", subject_.model.string(), "-o", tuned.string(), "-f"};
    const Words data = data_flags();
    args.insert(args.end(), data.begin(), data.end());
    args.insert(args.end(), subject_.training.begin(), subject_.training.end());
    if (quick) args.insert(args.end(), {"--epochs", "1", "--samples", "50"});
    run_json(args);
    return tuned;
  }

  nlohmann::json prune(const fs::path& from, const Cut& cut, const Words& flags,
                       const std::string& name) const {
    tell(fmt::format("  {}, {}: {}", subject_.name, cut.name, name));
    const fs::path to = folder_ / (name + ".onnx");
    Words args = {"prune", from.string(), "--structured", "channels", "-o", to.string(), "-f"};
    const Words data = data_flags();
    for (const Words* more : {&cut.flags, &data, &flags}) {
      args.insert(args.end(), more->begin(), more->end());
    }
    return run_json(args);
  }

  static double speed(const fs::path& before, const fs::path& after, bool quick) {
    const OnnxModel model = OnnxModel::open(before);
    const std::string& input = model.graph()->main.inputs.at(0).name;
    const ValueShapes shapes = infer_shapes(model, {});
    const std::vector<double> times =
        onnxruntime_times({before, after}, input, shapes.at(input), quick ? 3 : kRuns);
    return times.empty() ? 0 : times[0] / times[1];
  }

  const Subject& subject_;
  const fs::path& folder_;
};

std::string measure(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  const harness::TempDir temp;
  const fs::path cifar =
      options.wants("ResNet-20") && !options.kept_only ? unpack_cifar(*shared, temp.path()) : "";
  KeptRows kept(options);
  MarkdownTable table({"network", "channels", "parameters", "multiplications", "ONNX Runtime",
                       "before", "l1", "fitted", "trained", "seconds"});
  std::string text;
  for (const Subject& subject : subjects(*shared, cifar)) {
    if (!options.wants(subject.name)) continue;
    const harness::TempDir folder;
    Measurement measurement(subject, folder.path());
    for (const Cut& cut : subject.cuts) {
      const auto row = kept.get(fmt::format("channels {} {}", subject.name, cut.name),
                                [&] { return measurement.run(cut, options.quick); });
      if (!row) continue;
      const auto percent = [&](const char* of) {
        return fmt::format("{:.1f}%", 100 * row->at(of).get<double>());
      };
      table.add_row({subject.name, cut.name, percent("parameters"), percent("multiplications"),
                     fmt::format("{:.2f}x", row->at("speed").get<double>()),
                     row->at("before").get<std::string>(), row->at("l1").get<std::string>(),
                     row->at("obs").get<std::string>(), row->at("trained").get<std::string>(),
                     fmt::format("{:.0f}", row->at("seconds").get<double>())});
    }
    text += fmt::format("- {}: `{}`\n", subject.name, fmt::join(subject.training, " "));
  }
  return fmt::format("{}\nFine-tuned with\n\n{}", table.text(), text);
}

}  // namespace

const BenchTable kChannelsTable{
    .name = "channels",
    .title = "Fewer channels",
    .about =
        "`prune --structured channels` at two rates in every group of channels: parameters and\n"
        "multiplications that are left; how much faster ONNX Runtime is (one thread, both models "
        "in "
        "turns);\nand the test score before, with the smallest filters gone (*l1*), with the "
        "layers "
        "behind fitted\nanew by samples (*fitted*: `--method obs`), and after training as well. Of "
        "LeNet-5 and ResNet-20\nthe score is the accuracy, and *before* is the network after the "
        "same fine-tuning; of the others, which\nhave no labels here, the agreement with the "
        "network "
        "before or the ratio of signal and noise.",
    .run = measure,
    .slow = true,
};

}  // namespace qc::bench
