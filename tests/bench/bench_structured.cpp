// Tables that networks for sound carry as weights, as whole models, beside zstd and xz.
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "formats/onnx/onnx_model.h"
#include "formats/packed/pack_model.h"
#include "model_builder.h"
#include "programs.h"
#include "structured_tensors.h"

namespace qc::bench {
namespace {

/// A model of a short-time Fourier transform and mel bands.
Bytes fourier_model(std::uint64_t size, test::FourierWindow window) {
  test::ModelBuilder builder;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& dims,
                       const test::TestTensor& tensor) {
    builder.add_initializer(name, DataType::kFloat, dims, tensor.data);
  };
  const auto columns = static_cast<std::int64_t>(size);
  const std::int64_t bins = columns / 2 + 1;
  constexpr std::int64_t kBands = 64;
  add("real", {bins, 1, columns}, fourier_filters(size, test::FourierPart::kCosine, window));
  add("imaginary", {bins, 1, columns}, fourier_filters(size, test::FourierPart::kSine, window));
  add("mel", {bins, kBands}, test::mel_filters(size, kBands));
  builder.add_node("Conv", {"real"}).add_node("Conv", {"imaginary"}).add_node("MatMul", {"mel"});
  return builder.bytes();
}

std::uint64_t packed_size(const Bytes& bytes, const EncodeOptions& encode) {
  const OnnxModel model = OnnxModel::from_memory({{"model.onnx", bytes}});
  PackOptions options;
  options.encode = encode;
  MemorySink sink;
  pack_model(model, options, sink);
  return sink.bytes().size();
}

std::string run(const BenchOptions& options) {
  MarkdownTable table({"filters", "model", "--fast", "default", "--max", "zstd -19", "xz -9e"});
  const std::vector<std::uint64_t> sizes =
      options.quick ? std::vector<std::uint64_t>{256} : std::vector<std::uint64_t>{256, 400, 512};
  for (const std::uint64_t size : sizes) {
    for (const auto& [window, name] : {std::pair(test::FourierWindow::kHann, "with a Hann window"),
                                       std::pair(test::FourierWindow::kNone, "without a window")}) {
      const Bytes model = fourier_model(size, window);
      std::vector<std::string> cells = {fmt::format("{} {}", size, name),
                                        fmt::format("{}", model.size())};
      for (const EncodeOptions& preset : {presets::kFast, presets::kDefault, presets::kMax}) {
        cells.push_back(fmt::format("{}", packed_size(model, preset)));
      }
      cells.push_back(fmt::format("{}", compressed_size("zstd", {"-19", "-q"}, model)));
      cells.push_back(fmt::format("{}", compressed_size("xz", {"-9e"}, model)));
      table.add_row(std::move(cells));
    }
  }
  return table.text();
}

}  // namespace

const BenchTable kStructuredTable{
    .name = "structured",
    .title = "Fourier and mel filters",
    .about =
        "Generated models with the filters of a short-time Fourier transform (real and imaginary) "
        "and\n64 mel bands: every value occurs a few times, far apart, in rows and columns. Bytes "
        "of whole\nfiles.",
    .run = run,
};

}  // namespace qc::bench
