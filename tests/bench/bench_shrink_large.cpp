// How long shrink takes for a network of 25 million weights, and how much memory.
#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "kept_rows.h"
#include "model_builder.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

// The layers of ResNet-50 (He et al., arXiv 1512.03385, table 1) with folded normalisations and
// random weights.
class RandomResnet {
 public:
  RandomResnet() {
    onnx::ValueInfoProto& input = *builder_.proto().mutable_graph()->mutable_input(0);
    auto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.clear_dim();
    for (const std::int64_t dim : {1, 3, 224, 224}) shape.add_dim()->set_dim_value(dim);
    conv("stem", 3, 64, 7, 2, 1);
    builder_.add_node("Relu", {});
    builder_.add_node("MaxPool", {});
    builder_.set_ints("kernel_shape", {3, 3})
        .set_ints("strides", {2, 2})
        .set_ints("pads", {1, 1, 1, 1});
    std::int64_t channels = 64;
    constexpr std::array kBlocks = {3, 4, 6, 3};
    for (std::size_t stage = 0; stage < kBlocks.size(); ++stage) {
      const std::int64_t width = 64 << stage;
      for (int block = 0; block < kBlocks[stage]; ++block) {
        const std::string name = fmt::format("block{}.{}", stage + 1, block + 1);
        bottleneck(name, channels, width, block == 0, stage > 0 && block == 0 ? 2 : 1);
        channels = 4 * width;
      }
    }
    builder_.add_node("GlobalAveragePool", {});
    builder_.add_node("Flatten", {});
    builder_.add_gemm("classifier", {channels, 1000}, values(channels * 1000, 4));
    builder_.add_node("Softmax", {});
  }

  void write(const fs::path& path) const {
    const Bytes bytes = builder_.bytes();
    harness::write_file(path, std::string(as_text(bytes)));
  }
  std::size_t weights() const { return weights_; }

 private:
  std::vector<float> values(std::int64_t count, double gain) {
    weights_ += static_cast<std::size_t>(count);
    return test::bell_values(static_cast<std::size_t>(count), ++seed_, static_cast<float>(gain));
  }

  void conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t side,
            std::int64_t stride, double gain) {
    const double deviation = gain * std::sqrt(2.0 / static_cast<double>(in * side * side));
    builder_.add_conv(name, {out, in, side, side}, values(out * in * side * side, deviation));
    const std::int64_t pad = side / 2;
    builder_.set_ints("strides", {stride, stride}).set_ints("pads", {pad, pad, pad, pad});
  }

  std::string current() {
    const onnx::GraphProto& graph = builder_.proto().graph();
    return graph.node(graph.node_size() - 1).output(0);
  }

  void bottleneck(const std::string& name, std::int64_t in, std::int64_t width, bool projected,
                  std::int64_t stride) {
    std::string shortcut = current();
    const std::string input = shortcut;
    conv(name + ".1", in, width, 1, 1, 1);
    builder_.add_node("Relu", {});
    conv(name + ".2", width, width, 3, stride, 1);
    builder_.add_node("Relu", {});
    conv(name + ".3", width, 4 * width, 1, 1, 0.3);
    if (projected) {
      const std::string branch = current();
      conv(name + ".shortcut", in, 4 * width, 1, stride, 0.7);
      onnx::GraphProto& graph = *builder_.proto().mutable_graph();
      graph.mutable_node(graph.node_size() - 1)->set_input(0, input);
      shortcut = branch;
    }
    builder_.add_node("Add", {shortcut});
    builder_.add_node("Relu", {});
  }

  test::ModelBuilder builder_;
  std::uint64_t seed_ = 0;
  std::size_t weights_ = 0;
};

// A row of the table, without the date, and how many weights there are.
nlohmann::json measure(const fs::path& pictures, std::size_t samples, bool fast) {
  const harness::TempDir temp;
  const RandomResnet network;
  network.write(temp / "resnet.onnx");
  std::vector<std::string> args = {"shrink",
                                   temp / "resnet.onnx",
                                   "--data",
                                   pictures,
                                   "--samples",
                                   std::to_string(samples),
                                   "--metric",
                                   "snr",
                                   "--target-size",
                                   "10MB",
                                   "-f",
                                   "-o",
                                   temp / "resnet.qc",
                                   "--json"};
  if (fast) args.emplace_back("--fast");
  harness::RunOptions options;
  options.timeout = std::chrono::hours(2);
  const harness::RunResult result = harness::run(args, options);
  if (result.out.empty()) throw std::runtime_error(result.err);
  const auto report = nlohmann::json::parse(result.out);
  const auto& stages = report.at("stages");
  const std::vector<std::string> row = {
      fast ? "`--fast`" : "default",
      fmt::format("{:.0f}", report.at("packed_bytes").get<double>() / 1000),
      fmt::format("{:.1f}", report.at("certificate").at("value").get<double>()),
      fmt::format("{:.0f}", stages.at("calibration").get<double>()),
      fmt::format("{:.0f}", stages.at("search").get<double>()),
      fmt::format("{:.0f}", report.at("seconds").get<double>()),
      fmt::format("{:.2f}", static_cast<double>(result.peak_memory) / 1e9)};
  return {{"row", row}, {"weights", network.weights()}};
}

std::string run(const BenchOptions& bench) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: there is no ../shared.\n";
  KeptRows rows(bench);
  double weights = 0;
  const std::size_t samples = bench.quick ? 6 : 60;
  MarkdownTable table(
      {"", "kB", "SNR dB", "calibration s", "search s", "all s", "peak GB", "date"});
  for (const bool fast : {true, false}) {
    const auto measured = rows.get(fast ? "large/fast" : "large/default", [&] {
      return measure(*shared / "data/imagenet-sample-1000/images", samples, fast);
    });
    if (!measured) continue;
    weights = measured->at("weights");
    std::vector<std::string> row = measured->at("row");
    row.push_back(measured->at("date"));
    table.add_row(std::move(row));
    tell(fast ? "  --fast done" : "  done");
  }
  return fmt::format("{:.1f} million weights, {} pictures.\n\n{}", weights / 1e6, samples,
                     table.text());
}

}  // namespace

const BenchTable kShrinkLargeTable{
    .name = "shrink-large",
    .title = "Time and memory of shrink",
    .about =
        "`shrink --target-size 10MB` of a network with the layers of ResNet-50 and random "
        "weights, with\n"
        "pictures of ../shared, by two threads.",
    .run = run,
    .slow = true};

}  // namespace qc::bench
