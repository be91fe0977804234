#include "size_figures.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <unordered_map>
#include <utility>

#include "core/float_types.h"
#include "formats/onnx/onnx_model.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "passes/pass.h"
#include "system/file.h"

namespace qc::figures {
namespace {

// What the bound allows beside the entropies: for codes of whole bits, for every tensor, and for
// the graph and the container.
constexpr double kCoderLoss = 1.03;
constexpr double kTensorBytes = 60;
constexpr double kFileBytes = 1000;

using Values = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Runs a pass on a model and writes the result.
void run_pass(const Pass& pass, const Values& values, const std::filesystem::path& from,
              const std::filesystem::path& to) {
  Params params(pass.params);
  for (const auto& [name, value] : values) params.set(name, std::string(value));
  const OnnxModel model = OnnxModel::open(from);
  PayloadEdits edits;
  pass.run(model, params, {}, edits);
  model.write(to, edits, Overwrite::kRefuse);
}

SizeTotals packed_totals(const OnnxModel& model, const EncodeOptions& encode) {
  PackOptions options;
  options.encode = encode;
  MemorySink sink;
  pack_model(model, options, sink);
  return break_down(QcReader::from_bytes(sink.bytes()), 0).totals;
}

/// Bits that `part` of `whole` symbols take when they are coded by their frequency.
double information(std::uint64_t part, std::uint64_t whole) {
  if (part == 0) return 0;
  const auto count = static_cast<double>(part);
  return count * std::log2(static_cast<double>(whole) / count);
}

void add_weight(const OnnxModel& model, const TensorInfo& tensor, SizeFigure& figure) {
  std::unordered_map<std::uint32_t, std::uint64_t> counts;
  std::uint64_t nonzeros = 0;
  for (const float value : load_floats(tensor.type, model.payload(tensor))) {
    if (value == 0) continue;
    const auto pattern = std::bit_cast<std::uint32_t>(value);
    ++counts[pattern];
    ++nonzeros;
  }
  const std::uint64_t count = tensor.count();
  const double positions = information(nonzeros, count) + information(count - nonzeros, count);
  double values = 0;
  for (const auto& [pattern, uses] : counts) values += information(uses, nonzeros);
  figure.position_entropy += positions / 8;
  figure.value_entropy += values / 8;
  figure.codebooks += counts.size() * (data_type_bits(tensor.type) / 8);
  ++figure.weights;
}

}  // namespace

double SizeFigure::bound() const noexcept {
  return kCoderLoss * entropy() + static_cast<double>(codebooks + other_tensors) +
         kTensorBytes * static_cast<double>(tensors) + kFileBytes;
}

double SizeFigure::ratio() const noexcept {
  return static_cast<double>(huffman.original) / static_cast<double>(huffman.container);
}

void prune_and_share(const SizeCase& size_case, const std::filesystem::path& models,
                     const std::filesystem::path& to) {
  const harness::TempDir temp;
  const std::filesystem::path pruned = temp / "pruned.onnx";
  run_pass(kPrunePass, {{"rate", size_case.rate}}, models / size_case.model, pruned);
  run_pass(kSharePass, {{"conv-bits", size_case.conv_bits}, {"fc-bits", size_case.fc_bits}}, pruned,
           to);
}

SizeFigure measure_size(const SizeCase& size_case, const std::filesystem::path& models) {
  const harness::TempDir temp;
  const std::filesystem::path shared = temp / "shared.onnx";
  prune_and_share(size_case, models, shared);
  const OnnxModel model = OnnxModel::open(shared);
  SizeFigure figure;
  figure.huffman = packed_totals(model, {.stages = StageChoice::kHuffman});
  figure.fast = packed_totals(model, presets::kFast);
  figure.balanced = packed_totals(model, presets::kDefault);
  figure.max = packed_totals(model, presets::kMax);
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.size == 0) continue;
    ++figure.tensors;
    if (tensor.role == Role::kWeight && tensor.dims.size() >= 2 && tensor.has_values()) {
      add_weight(model, tensor, figure);
    } else {
      figure.other_tensors += tensor.size;
    }
  }
  return figure;
}

std::string describe(const SizeCase& size_case, const SizeFigure& figure) {
  std::string text = fmt::format(
      "{}\nprune --rate {}, share --conv-bits {} --fc-bits {}, pack --huffman\n"
      "bytes{:>44}{:>10}\n",
      size_case.model, size_case.rate, size_case.conv_bits, size_case.fc_bits, "bound", "taken");
  const auto line = [&](const std::string& what, double bound, std::uint64_t taken) {
    text += fmt::format("  {:<36} {:>10.0f}{:>10}\n", what, bound, taken);
  };
  const SizeTotals& taken = figure.huffman;
  line(fmt::format("positions, {} x entropy {:.0f}", kCoderLoss, figure.position_entropy),
       kCoderLoss * figure.position_entropy, taken.indices);
  line(fmt::format("values, {} x entropy {:.0f}", kCoderLoss, figure.value_entropy),
       kCoderLoss * figure.value_entropy, taken.weights);
  line("codebooks", static_cast<double>(figure.codebooks), taken.codebooks);
  line(fmt::format("{} other tensors", figure.tensors - figure.weights),
       static_cast<double>(figure.other_tensors), taken.biases_norms + taken.other_tensors);
  line(fmt::format("{} for each of {} tensors; code tables", kTensorBytes, figure.tensors),
       kTensorBytes * static_cast<double>(figure.tensors), taken.tables);
  line("graph and container", kFileBytes, taken.graph + taken.framing);
  line("whole file", figure.bound(), taken.container);
  text += fmt::format(
      "  of {} bytes: {:.2f}x smaller; with every coder {} bytes, {:.2f}x\n", taken.original,
      figure.ratio(), figure.balanced.container,
      static_cast<double>(taken.original) / static_cast<double>(figure.balanced.container));
  return text;
}

}  // namespace qc::figures
