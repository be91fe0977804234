// Floats as they were trained, beside byte planes in the strongest general-purpose compressors.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

#include "bench.h"
#include "codecs/shared/element.h"
#include "core/error.h"
#include "formats/packed/pack_model.h"
#include "formats/packed/packed_tensors.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "programs.h"
#include "report/breakdown.h"

namespace qc::bench {
namespace {

constexpr std::uint64_t kFewFloats = 10'000;

/// Sizes of the float32 tensors of one model, or of all, in bytes.
struct Sizes {
  std::uint64_t floats = 0;  ///< their number
  std::uint64_t max = 0;
  std::uint64_t standard = 0;
  std::uint64_t brotli = 0;
  std::uint64_t zstd = 0;

  void add(const Sizes& other) {
    floats += other.floats;
    max += other.max;
    standard += other.standard;
    brotli += other.brotli;
    zstd += other.zstd;
  }
};

/// True for float32 tensors that the container holds once, outside of the graph.
bool is_compared(const TensorBreakdown& line) {
  return line.tensor.type == DataType::kFloat &&
         (line.placement == Placement::kOwn || line.placement == Placement::kPooled);
}

/// The first bytes of all elements, then the second ones, ...
Bytes byte_planes(ByteView elements, std::size_t width) {
  Bytes planes(elements.size());
  const std::size_t count = elements.size() / width;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    planes[i % width * count + i / width] = elements[i];
  }
  return planes;
}

/// Bytes of the compared tensors in a container, which are also appended to `elements`.
std::uint64_t packed_floats(const OnnxModel& model, const EncodeOptions& encode, Bytes& elements) {
  PackOptions options;
  options.encode = encode;
  MemorySink sink;
  pack_model(model, options, sink);
  const QcReader reader = QcReader::from_bytes(sink.bytes());
  std::uint64_t bytes = 0;
  for (const TensorBreakdown& line : break_down(reader, 0).tensors) {
    if (!is_compared(line)) continue;
    bytes += line.stored_bytes;
    append(elements, packed_elements(reader, line.tensor));
  }
  return bytes;
}

/// Nothing when the model has hardly any floats.
Sizes measure(const OnnxModel& model) {
  Sizes sizes;
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.type == DataType::kFloat) sizes.floats += tensor.count();
  }
  if (sizes.floats < kFewFloats) return {};
  Bytes elements;
  sizes.standard = packed_floats(model, presets::kDefault, elements);
  elements.clear();
  sizes.max = packed_floats(model, presets::kMax, elements);
  sizes.floats = elements.size() / sizeof(float);
  const Bytes planes = byte_planes(elements, sizeof(float));
  sizes.brotli = compressed_size("brotli", {"-q", "11", "-w", "24"}, planes);
  sizes.zstd = compressed_size("zstd", {"-19", "-q"}, planes);
  return sizes;
}

std::vector<std::string> row(const std::string& name, const Sizes& sizes) {
  std::vector<std::string> cells = {name, fmt::format("{}", sizes.floats)};
  for (const std::uint64_t bytes : {sizes.max, sizes.standard, sizes.brotli, sizes.zstd}) {
    cells.push_back(
        fmt::format("{:.3f}", 8 * static_cast<double>(bytes) / static_cast<double>(sizes.floats)));
  }
  const auto beside = [](std::uint64_t ours, std::uint64_t other) {
    return fmt::format("{:+.2f}",
                       100 * (static_cast<double>(ours) / static_cast<double>(other) - 1));
  };
  cells.push_back(beside(sizes.max, sizes.brotli));
  cells.push_back(beside(sizes.standard, sizes.zstd));
  return cells;
}

/// Entropy in bits of a standard normal variable in float32, but for zero and subnormal numbers:
/// its differential entropy, less the logarithm of the mean spacing of the floats around its
/// values.
double bits_of_normal_float() {
  constexpr int kMantissaBits = 23;
  const auto below = [](double x) { return std::erf(x / std::numbers::sqrt2); };  // |X| < x
  double spacing_log = -kMantissaBits;
  for (int octave = -100; octave < 10; ++octave) {
    spacing_log += octave * (below(std::ldexp(1.0, octave + 1)) - below(std::ldexp(1.0, octave)));
  }
  return std::log2(2 * std::numbers::pi * std::numbers::e) / 2 - spacing_log;
}

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  MarkdownTable table({"model", "floats", "--max", "default", "brotli", "zstd",
                       "--max beside brotli %", "default beside zstd %"});
  Sizes total;
  std::size_t count = 0;
  for (const std::string& name : harness::list_models(*shared / "models")) {
    if (options.quick && ++count > 5) break;
    tell(fmt::format("  {}", name));
    try {
      const Sizes sizes = measure(OnnxModel::open(*shared / "models" / name));
      if (sizes.floats == 0) continue;
      table.add_row(row(name, sizes));
      total.add(sizes);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kFile) throw;  // external data that is missing
    }
  }
  if (total.floats > 0) table.add_row(row("all", total));
  return fmt::format(
      "{}\nNormal variables of known standard deviation have an entropy of {:.3f} bits as "
      "float32.\n",
      table.text(), bits_of_normal_float());
}

}  // namespace

const BenchTable kFloatsTable{
    .name = "floats",
    .title = "Floats as they are, beside byte planes",
    .about =
        "The float32 tensors of every model with at least 10,000 floats, nothing pruned or "
        "shared:\n"
        "bits that each takes in a `.qc`, code tables and codebooks included, and in `brotli -q 11 "
        "-w\n"
        "24` and `zstd -19` of the same floats in byte planes.",
    .run = run,
};

}  // namespace qc::bench
