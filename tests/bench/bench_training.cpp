// Deep Compression on real data: size and error before and after, over several seeds.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "programs.h"
#include "system/parallel.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSeeds = 3;
constexpr std::size_t kLowBitSeeds = 2;  // what fits into 90 minutes
// Networks this small gain nothing from a second thread: each run takes one, side by side.
constexpr unsigned kAllCores = 0;

constexpr const char* kNotHere = "Not measured: `../shared` is not here.\n";
constexpr const char* kResnet20 = "models/converted/resnet20_cifar10.onnx";

const std::vector<std::string> kColumns = {"seed",           "bytes",   "ratio",  "layers",
                                           "error before %", "after %", "change", "seconds"};

// A network trained from scratch and the recipes that compress it.
struct Subject {
  std::string name;  // of make_sample
  std::vector<std::string> training;
  std::vector<std::string> recipes;  // in samples/recipes
};

const std::vector<std::string> kLowBitTraining = {"--epochs", "8", "--lr", "0.01"};

const Subject kLenet300 = {"lenet-300-100",
                           {"--epochs", "20", "--lr", "0.05"},
                           {"lenet-300-100.toml", "lenet-300-100-small.toml"}};
const Subject kLenet5 = {"lenet-5",
                         {"--epochs", "15", "--lr", "0.02", "--weight-decay", "0.0005"},
                         {"lenet-5.toml", "lenet-5-small.toml"}};
const Subject kTwn = {"lenet-5", kLenet5.training, {"twn-lenet-5.toml"}};
// TensorLayer's networks, in float.
const Subject kTernaryNet = {
    "ternarynet", kLowBitTraining, {"ternarynet.toml", "ternarynet-five.toml"}};
const Subject kDorefaNet = {"dorefanet", kLowBitTraining, {"dorefanet.toml"}};
const Subject kBinaryNet = {"binarynet", kLowBitTraining, {"binarynet.toml", "xnor.toml"}};

// What one run of a recipe gave.
struct Figures {
  std::uint64_t original = 0;
  std::uint64_t packed = 0;
  double error_before = 0;  // per cent
  double error_after = 0;
  double seconds = 0;
  double layers = 0;  // ratio of the converted weights alone

  double ratio() const { return static_cast<double>(original) / static_cast<double>(packed); }
  double change() const { return error_after - error_before; }
};

/// Bytes before and after of the weights that the last pass changed.
double ratio_of_layers(const nlohmann::json& report) {
  std::set<std::string> names;
  for (const auto& step : report.at("steps")) {
    if (!step.contains("pass") || !step.at("kept").get<bool>()) continue;
    names.clear();
    for (const auto& tensor : step.at("pass").at("changed"))
      names.insert(tensor.at("name").get<std::string>());
  }
  double before = 0;
  double after = 0;
  for (const auto& tensor : report.at("inspect").at("tensors")) {
    if (!names.contains(tensor.at("name").get<std::string>())) continue;
    before += tensor.at("bytes").get<double>();
    after += tensor.at("stored_bytes").get<double>();
  }
  return before / after;
}

Figures run_recipe(const std::string& recipe, const fs::path& model, const fs::path& data,
                   const std::vector<std::string>& more) {
  const harness::TempDir temp;
  std::vector<std::string> args = {
      "run",          (harness::source_dir() / "samples" / "recipes" / recipe).string(),
      model,          "--data",
      data,           "-o",
      temp / "out.qc"};
  args.insert(args.end(), more.begin(), more.end());
  const nlohmann::json report = run_json(args);
  Figures figures;
  figures.original = report.at("original_bytes").get<std::uint64_t>();
  figures.packed = report.at("packed_bytes").get<std::uint64_t>();
  figures.error_before = 100 * (1 - report.at("test_before").at("value").get<double>());
  figures.error_after = 100 * (1 - report.at("test_after").at("value").get<double>());
  figures.seconds = report.at("seconds").get<double>();
  figures.layers = ratio_of_layers(report);
  return figures;
}

template <typename Get>
double mean(std::span<const Figures> runs, const Get& get) {
  double sum = 0;
  for (const Figures& run : runs) sum += static_cast<double>(get(run));
  return sum / static_cast<double>(runs.size());
}

std::vector<std::string> row(const std::string& name, const Figures& figures) {
  return {name,
          fmt::format("{}", figures.packed),
          fmt::format("{:.1f}", figures.ratio()),
          fmt::format("{:.1f}", figures.layers),
          fmt::format("{:.2f}", figures.error_before),
          fmt::format("{:.2f}", figures.error_after),
          fmt::format("{:+.2f}", figures.change()),
          fmt::format("{:.0f}", figures.seconds)};
}

void add_summary(MarkdownTable& table, std::span<const Figures> runs) {
  Figures average = runs.front();
  average.packed = static_cast<std::uint64_t>(mean(runs, [](const auto& r) { return r.packed; }));
  average.layers = mean(runs, [](const auto& r) { return r.layers; });
  average.error_before = mean(runs, [](const auto& r) { return r.error_before; });
  average.error_after = mean(runs, [](const auto& r) { return r.error_after; });
  average.seconds = mean(runs, [](const auto& r) { return r.seconds; });
  table.add_row(row("mean", average));
  const auto largest = std::ranges::max_element(runs, {}, &Figures::packed);
  const auto layers = std::ranges::min_element(runs, {}, &Figures::layers);
  const auto worst = std::ranges::max_element(runs, {}, &Figures::error_after);
  const auto loss = std::ranges::max_element(runs, {}, &Figures::change);
  table.add_row({"worst", fmt::format("{}", largest->packed),
                 fmt::format("{:.1f}", largest->ratio()), fmt::format("{:.1f}", layers->layers), "",
                 fmt::format("{:.2f}", worst->error_after), fmt::format("{:+.2f}", loss->change()),
                 ""});
}

// The models that training `subject` with the seeds 1, 2, ... gives, in `folder`.
std::vector<fs::path> train_models(const Subject& subject, std::size_t seeds, const fs::path& data,
                                   const fs::path& folder) {
  const fs::path architecture = folder / "arch.onnx";
  run_command({"make_sample", harness::make_sample(), {subject.name, architecture}, {}});
  std::vector<fs::path> models(seeds);
  parallel_for(seeds, kAllCores, [&](std::size_t i) {
    tell(fmt::format("  training {}, seed {}", subject.name, i + 1));
    models[i] = folder / fmt::format("trained{}.onnx", i + 1);
    std::vector<std::string> args = {
        "train",     architecture, "--data", data,     "--seed", std::to_string(i + 1),
        "--threads", "1",          "-o",     models[i]};
    args.insert(args.end(), subject.training.begin(), subject.training.end());
    run_json(args);
  });
  return models;
}

std::string measure(const Subject& subject, std::size_t most_seeds, const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return kNotHere;
  const fs::path mnist = *shared / "data" / "mnist";
  const std::size_t seeds = options.quick ? 1 : most_seeds;
  const harness::TempDir temp;
  const std::vector<fs::path> models = train_models(subject, seeds, mnist, temp.path());

  std::vector<Figures> runs(subject.recipes.size() * seeds);  // recipe by recipe
  parallel_for(runs.size(), kAllCores, [&](std::size_t i) {
    const std::string& recipe = subject.recipes[i / seeds];
    const std::string seed = std::to_string(i % seeds + 1);
    tell(fmt::format("  {}, seed {}", recipe, seed));
    runs[i] = run_recipe(recipe, models[i % seeds], mnist, {"--seed", seed, "--threads", "1"});
    tell(fmt::format("    {}, seed {}: {} bytes, {:.1f}x, error {:.2f} -> {:.2f}", recipe, seed,
                     runs[i].packed, runs[i].ratio(), runs[i].error_before, runs[i].error_after));
  });

  std::string text =
      fmt::format("Trained by `qcompress train {}.onnx --data mnist {} --threads 1`.\n",
                  subject.name, fmt::join(subject.training, " "));
  for (std::size_t r = 0; r < subject.recipes.size(); ++r) {
    const auto of_recipe = std::span(runs).subspan(r * seeds, seeds);
    MarkdownTable table(kColumns);
    for (std::size_t i = 0; i < seeds; ++i) {
      table.add_row(row(std::to_string(i + 1), of_recipe[i]));
    }
    add_summary(table, of_recipe);
    text += fmt::format(
        "\n`qcompress run samples/recipes/{} {}.trained.onnx --data mnist --threads 1`\n\n{}",
        subject.recipes[r], subject.name, table.text());
  }
  return text;
}

std::string measure_resnet(const BenchOptions&) {
  const auto shared = harness::shared_dir();
  if (!shared) return kNotHere;
  const fs::path model = *shared / kResnet20;
  const harness::TempDir temp;
  const fs::path data = unpack_cifar(*shared, temp.path());
  tell("  ResNet-20");
  const fs::path config = harness::source_dir() / "samples" / "data" / "cifar-10.toml";
  const Figures figures = run_recipe("resnet-20.toml", model, data, {"--data-config", config});
  MarkdownTable table(kColumns);
  table.add_row(row("1", figures));
  return fmt::format(
      "`qcompress run samples/recipes/resnet-20.toml resnet20_cifar10.onnx --data cifar10-jpeg "
      "--data-config samples/data/cifar-10.toml`\n\n{}",
      table.text());
}

// Deep Compression and low-bit pipelines of the same network, one after the other.
std::string measure_mixed(const BenchOptions&) {
  const auto shared = harness::shared_dir();
  if (!shared) return kNotHere;
  const harness::TempDir temp;
  const fs::path mnist = *shared / "data" / "mnist";
  const fs::path lenet = train_models(kLenet5, 1, mnist, temp.path()).front();
  const fs::path cifar = unpack_cifar(*shared, temp.path());
  const std::string config = harness::source_dir() / "samples" / "data" / "cifar-10.toml";
  struct Run {
    std::string recipe;
    bool resnet;
    Figures figures = {};
  };
  std::vector<Run> runs = {{"lenet-5.toml", false},          {"lenet-5-ternary.toml", false},
                           {"twn-lenet-5.toml", false},      {"resnet-20.toml", true},
                           {"resnet-20-ternary.toml", true}, {"resnet-20-binary.toml", true}};
  parallel_for(runs.size(), kAllCores, [&](std::size_t i) {
    Run& run = runs[i];
    tell(fmt::format("  {}", run.recipe));
    std::vector<std::string> flags = {"--threads", "1"};
    if (run.resnet) flags.insert(flags.end(), {"--data-config", config});
    run.figures = run_recipe(run.recipe, run.resnet ? *shared / kResnet20 : lenet,
                             run.resnet ? cifar : mnist, flags);
    tell(fmt::format("    {}: {} bytes, error {:.2f} -> {:.2f}", run.recipe, run.figures.packed,
                     run.figures.error_before, run.figures.error_after));
  });
  std::vector<std::string> columns = kColumns;
  columns.front() = "samples/recipes/";
  MarkdownTable table(columns);
  for (const Run& run : runs) table.add_row(row(run.recipe, run.figures));
  return table.text();
}

constexpr std::string_view kAbout =
    "Whole `.qc` files in bytes; *ratio* is that of the `.onnx` file to it. Errors are of the "
    "10,000\n"
    "test samples of MNIST, by which no run chooses anything: 10% of the training samples are held "
    "out\n"
    "for that. *Worst* takes each column by itself. Fine-tuning moves the digits by up to a "
    "pixel,\n"
    "which the training of the baseline does not.";

constexpr std::string_view kAboutLowBit =
    "Columns as above; *before* is the same network in float, *layers* the ratio of the converted\n"
    "weights alone. The test samples choose nothing here either.";

}  // namespace

const BenchTable kLenet300Table{
    .name = "lenet-300-100",
    .title = "LeNet-300-100 on MNIST, trained and compressed here",
    .about = kAbout,
    .run = [](const BenchOptions& options) { return measure(kLenet300, kSeeds, options); },
    .slow = true,
};

const BenchTable kLenet5Table{
    .name = "lenet-5",
    .title = "LeNet-5 on MNIST, trained and compressed here",
    .about = kAbout,
    .run = [](const BenchOptions& options) { return measure(kLenet5, kSeeds, options); },
    .slow = true,
};

const BenchTable kTwnTable{
    .name = "twn",
    .title = "Ternary LeNet-5 on MNIST",
    .about = kAboutLowBit,
    .run = [](const BenchOptions& options) { return measure(kTwn, kLowBitSeeds, options); },
    .slow = true,
};

const BenchTable kTernaryTable{
    .name = "ternarynet",
    .title = "TernaryNet on MNIST",
    .about = kAboutLowBit,
    .run = [](const BenchOptions& options) { return measure(kTernaryNet, kLowBitSeeds, options); },
    .slow = true,
};

const BenchTable kDorefaTable{
    .name = "dorefanet",
    .title = "DoReFa-Net on MNIST",
    .about = kAboutLowBit,
    .run = [](const BenchOptions& options) { return measure(kDorefaNet, kLowBitSeeds, options); },
    .slow = true,
};

const BenchTable kBinaryTable{
    .name = "binarynet",
    .title = "BinaryNet and XNOR-Net on MNIST",
    .about = kAboutLowBit,
    .run = [](const BenchOptions& options) { return measure(kBinaryNet, kLowBitSeeds, options); },
    .slow = true,
};

const BenchTable kMixedTable{
    .name = "mixed",
    .title = "Deep Compression beside low-bit pipelines",
    .about =
        "The same networks pruned and shared (`lenet-5.toml`, `resnet-20.toml`), pruned and "
        "ternary,\n"
        "ternary, and binary with a dictionary of 3x3 kernels; columns as above. LeNet-5 is "
        "trained "
        "here,\nResNet-20 elsewhere, and fine-tuned on JPEGs of a part of its data.",
    .run = measure_mixed,
    .slow = true,
};

const BenchTable kResnetTable{
    .name = "resnet-20",
    .title = "ResNet-20 on CIFAR-10-JPEG",
    .about =
        "Trained elsewhere on the original images; evaluated here on JPEGs of them and fine-tuned "
        "on\n5,000 of these.",
    .run = measure_resnet,
    .slow = true,
};

}  // namespace qc::bench
