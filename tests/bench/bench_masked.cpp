// A network that PyTorch pruned, before and after tidy.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bench.h"
#include "formats/onnx/onnx_model.h"
#include "formats/packed/pack_model.h"
#include "harness.h"
#include "passes/pass.h"
#include "system/file.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

std::uint64_t packed_size(const OnnxModel& model) {
  PackOptions options;
  options.encode = presets::kDefault;
  MemorySink sink;
  pack_model(model, options, sink);
  return sink.bytes().size();
}

std::string ratio(std::uint64_t larger, std::uint64_t smaller) {
  return fmt::format("{:.1f}x", static_cast<double>(larger) / static_cast<double>(smaller));
}

std::string run(const BenchOptions&) {
  if (std::system("/usr/bin/python3 -c 'import torch, onnx' 2>/dev/null") != 0) {
    return "Not measured: python3-torch and python3-onnx are not installed.\n";
  }
  const fs::path source = harness::source_dir();
  const fs::path original = source / "samples/models/lenet-5.onnx";
  const harness::TempDir temp;
  // The weights that Deep Compression keeps of each layer, about.
  harness::RunOptions python_options;
  python_options.program = "/usr/bin/python3";
  const auto python =
      harness::run({(source / "tests/bench/mask_pytorch.py").string(), original.string(),
                    temp.path().string(), "250", "1500", "1900", "327"},
                   python_options);
  if (python.exit_code != 0) return fmt::format("Not measured: {}\n", python.err);
  const std::uint64_t dense = fs::file_size(original);
  MarkdownTable table({"exported", ".onnx", ".qc", "ratio", "tidy: .onnx", ".qc", "ratio"});
  for (const auto& [name, label] :
       {std::pair("masked", "before prune.remove"), std::pair("removed", "after prune.remove")}) {
    const OnnxModel model = OnnxModel::open(temp / fmt::format("{}.onnx", name));
    const PassResult result = apply_pass(kTidyPass, model, Params(kTidyPass.params), {});
    const OnnxModel tidied = result.model(model);
    const std::uint64_t before = packed_size(model);
    const std::uint64_t after = packed_size(tidied);
    table.add_row({label, fmt::format("{}", model.total_size()), fmt::format("{}", before),
                   ratio(dense, before), fmt::format("{}", tidied.total_size()),
                   fmt::format("{}", after), ratio(dense, after)});
  }
  return table.text();
}

}  // namespace

const BenchTable kMaskedTable{
    .name = "masked",
    .title = "A network pruned by PyTorch, before and after tidy",
    .about =
        "LeNet-5 of `samples/models`, pruned to 3,977 weights by `torch.nn.utils.prune` and "
        "exported\nby `torch.onnx` (`tests/bench/mask_pytorch.py`). Bytes of whole files; "
        "ratios are those of\nthe dense model. Masks leave -0.0 in the place of negative "
        "weights, and until `prune.remove`\nthey are in the graph.",
    .run = run,
};

}  // namespace qc::bench
