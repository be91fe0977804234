// Samples per second in training beside PyTorch.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench.h"
#include "harness.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kSamples = 60'000;
constexpr int kRuns = 5;

double seconds_of_ours(const fs::path& architecture, const fs::path& mnist) {
  const harness::TempDir temp;
  const harness::RunResult result =
      harness::run({"train", architecture, "--data", mnist, "--epochs", "1", "--lr", "0.01",
                    "--validation", "0", "--json", "-o", temp / "out.onnx"});
  if (result.exit_code != 0) throw std::runtime_error(result.err);
  return nlohmann::json::parse(result.out).at("steps").at(0).at("seconds").get<double>();
}

double seconds_of_pytorch(const std::string& network, const fs::path& mnist) {
  harness::RunOptions options;
  options.program = "/usr/bin/python3";
  options.env["OMP_WAIT_POLICY"] = "PASSIVE";
  const harness::RunResult result =
      harness::run({(harness::source_dir() / "tests" / "bench" / "train_pytorch.py").string(),
                    network, mnist, std::to_string(std::thread::hardware_concurrency())},
                   options);
  if (result.exit_code != 0) throw std::runtime_error(result.err);
  return std::stod(result.out);
}

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  const fs::path mnist = *shared / "data" / "mnist";
  MarkdownTable table({"network", "qcompress", "PyTorch", "ratio"});
  for (const std::string network : {"lenet-300-100", "lenet-5"}) {
    const harness::TempDir temp;
    harness::RunOptions maker;
    maker.program = harness::make_sample();
    harness::run({network, temp / "arch.onnx"}, maker);
    std::vector<double> ours;
    std::vector<double> theirs;
    for (int i = 0; i < (options.quick ? 1 : kRuns); ++i) {
      tell(fmt::format("  {}, run {}", network, i + 1));
      ours.push_back(kSamples / seconds_of_ours(temp / "arch.onnx", mnist));
      theirs.push_back(kSamples / seconds_of_pytorch(network, mnist));
    }
    table.add_row({network, fmt::format("{:.0f}", median(ours)),
                   fmt::format("{:.0f}", median(theirs)),
                   fmt::format("{:.2f}", median(ours) / median(theirs))});
  }
  return table.text();
}

}  // namespace

const BenchTable kThroughputTable{
    .name = "throughput",
    .title = "Training throughput beside PyTorch",
    .about =
        "Samples per second in one epoch of MNIST, batch 64, SGD with momentum, all threads; "
        "medians of\nruns that take turns. Both use Debian's libtorch; ours counts loading "
        "the network and reading\nthe data too. *ratio* over 1: ours is faster.",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
