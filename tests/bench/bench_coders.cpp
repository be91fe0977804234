// What our coders and general-purpose compressors make of the same pruned and shared weights.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "bench.h"
#include "codecs/encode/analysis.h"
#include "core/bytes.h"
#include "formats/packed/pack_model.h"
#include "formats/packed/packed_tensors.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "programs.h"
#include "report/breakdown.h"
#include "size_figures.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

struct Model {
  std::string_view name;
  std::string_view path;  ///< below the folder of models
};

constexpr std::array kModels = {
    Model{"LeNet-5", "converted/may0324_lenet5_constant_nodes.onnx"},
    Model{"ResNet-20", "converted/resnet20_cifar10.onnx"},
    Model{"ResNet-56", "converted/resnet56_cifar10.onnx"},
    Model{"SqueezeNet", "converted/squeezenet_f32_from_fp16.onnx"},
    Model{"YOLOX-nano", "yolox_nano/yolox_nano.onnx"},
    Model{"FaceBoxes v2", "faceboxesv2/faceboxesv2-640x640.onnx"},
};

struct Strength {
  std::string_view rate;
  std::string_view bits;
};

constexpr std::array kStrengths = {Strength{"0.9", "5"}, Strength{"0.67", "8"}};

/// The presets of pack, the strongest first.
constexpr std::array<std::string_view, 3> kPresets = {"--max", "default", "--fast"};

/// The general-purpose compressors at their strongest, and what they print to.
struct Opponent {
  std::string_view program;
  std::vector<std::string> words;
};

std::vector<Opponent> opponents() {
  return {
      {"zstd", {"-22", "--ultra", "-q"}}, {"xz", {"-9e"}}, {"brotli", {"-q", "11", "-w", "24"}}};
}

/// Bytes of one model, or of all.
struct Sizes {
  double entropy = 0;                                    ///< of positions and values
  std::array<std::uint64_t, kPresets.size()> payload{};  ///< coded positions, values and tables
  std::array<std::uint64_t, kPresets.size()> file{};
  std::map<std::string_view, std::uint64_t> opponents;  ///< positions and values
  std::map<std::string_view, std::uint64_t> rest;       ///< all that a file needs beside these

  void add(const Sizes& other) {
    entropy += other.entropy;
    for (std::size_t i = 0; i < kPresets.size(); ++i) {
      payload[i] += other.payload[i];
      file[i] += other.file[i];
    }
    for (const auto& [program, bytes] : other.opponents) opponents[program] += bytes;
    for (const auto& [program, bytes] : other.rest) rest[program] += bytes;
  }
};

/// The weights as streams of bytes: what is handed to the opponents.
struct Streams {
  Bytes bitmap;
  Bytes gaps;  ///< 255 skips as many positions
  Bytes values;
  Bytes rest;  ///< sorted codebooks and the other tensors as they are, and the graph
};

/// True for the tensors that are compared: weights with few values, coded on their own.
bool is_compared(const TensorBreakdown& line) {
  return line.tensor.role == Role::kWeight && line.placement == Placement::kOwn &&
         line.has_floor() && line.distinct > 0;
}

void add_streams(const Bytes& elements, Element element, Streams& streams) {
  constexpr std::uint64_t kEscape = 255;
  const Analysis analysis({elements, element, {}});
  const NonZeros& nonzeros = analysis.nonzeros();
  std::uint64_t next = 0;
  for (std::uint64_t position = 0; position < analysis.count(); ++position) {
    if ((nonzeros.bitmap[position / 8] >> position % 8 & 1u) == 0) continue;
    for (; position - next >= kEscape; next += kEscape) streams.gaps.push_back(kEscape);
    streams.gaps.push_back(static_cast<std::uint8_t>(position - next));
    next = position + 1;
  }
  append(streams.bitmap, nonzeros.bitmap);
  const Analysis values({nonzeros.values, element, {}});
  const Palette* palette = values.palette();
  if (palette == nullptr) throw std::runtime_error("a weight has too many values");
  for (const std::uint64_t entry : palette->codebook) {
    streams.rest.resize(streams.rest.size() + element.width);
    store_pattern(streams.rest.data() + streams.rest.size() - element.width, element.width, entry);
  }
  const bool wide = palette->codebook.size() > 256;
  for (const Symbol rank : values.ranks()) {
    streams.values.push_back(static_cast<std::uint8_t>(rank));
    if (wide) streams.values.push_back(static_cast<std::uint8_t>(rank >> 8));
  }
}

PackOptions preset(std::size_t index) {
  PackOptions options;
  options.encode = index == 0 ? presets::kMax : presets::kDefault;
  if (index == 2) options.encode = presets::kFast;
  return options;
}

Sizes measure(const fs::path& path) {
  const OnnxModel model = OnnxModel::open(path);
  Sizes sizes;
  Streams streams;
  for (std::size_t i = 0; i < kPresets.size(); ++i) {
    MemorySink sink;
    pack_model(model, preset(i), sink);
    const QcReader reader = QcReader::from_bytes(sink.bytes());
    const Breakdown breakdown = break_down(reader, 0);
    sizes.file[i] = breakdown.totals.container;
    for (const TensorBreakdown& line : breakdown.tensors) {
      if (!is_compared(line)) {
        const bool stored =
            line.placement == Placement::kOwn || line.placement == Placement::kPooled;
        if (i == 0 && stored) append(streams.rest, packed_elements(reader, line.tensor));
        continue;
      }
      sizes.payload[i] += line.stats.value_bytes + line.stats.index_bytes + line.stats.table_bytes;
      if (i > 0) continue;
      sizes.entropy += line.floor_bytes();
      add_streams(packed_elements(reader, line.tensor), element_of(line.tensor.type), streams);
    }
    if (i == 0) append(streams.rest, reader.files()[0].literal);
  }
  for (const Opponent& opponent : opponents()) {
    const auto size = [&](const Bytes& stream) {
      return compressed_size(std::string(opponent.program), opponent.words, stream);
    };
    sizes.opponents[opponent.program] =
        std::min(size(streams.bitmap), size(streams.gaps)) + size(streams.values);
    sizes.rest[opponent.program] = size(streams.rest);
  }
  return sizes;
}

std::vector<std::string> row(const std::string& name, const Sizes& sizes) {
  std::vector<std::string> cells = {name, fmt::format("{:.0f}", sizes.entropy)};
  const auto relative = [&](std::uint64_t bytes) {
    return fmt::format("{:.3f}", static_cast<double>(bytes) / sizes.entropy);
  };
  for (const std::uint64_t bytes : sizes.payload) cells.push_back(relative(bytes));
  std::uint64_t best = UINT64_MAX;
  std::uint64_t best_file = UINT64_MAX;
  for (const Opponent& opponent : opponents()) {
    const std::uint64_t bytes = sizes.opponents.at(opponent.program);
    cells.push_back(relative(bytes));
    best = std::min(best, bytes);
    best_file = std::min(best_file, bytes + sizes.rest.at(opponent.program));
  }
  const std::uint64_t beside = sizes.file[0] - sizes.payload[0] + best;
  for (const std::uint64_t bytes : sizes.file) cells.push_back(fmt::format("{}", bytes));
  cells.push_back(fmt::format("{}", best_file));
  for (const std::uint64_t other : {best_file, beside}) {
    const double ratio = static_cast<double>(sizes.file[0]) / static_cast<double>(other);
    cells.push_back(fmt::format("{:+.1f}", 100 * (ratio - 1)));
  }
  return cells;
}

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  std::vector<std::string> headings = {"model", "entropy"};
  for (const std::string_view name : kPresets) headings.emplace_back(name);
  for (const Opponent& opponent : opponents()) headings.emplace_back(opponent.program);
  for (const std::string_view name : kPresets) headings.push_back(fmt::format(".qc {}", name));
  for (const char* heading : {"best of them", "--max beside it %", "coders alone %"}) {
    headings.emplace_back(heading);
  }
  MarkdownTable table(headings);
  Sizes total;
  const harness::TempDir temp;
  for (const Model& model : kModels) {
    if (options.quick && &model != kModels.data()) break;
    for (const Strength& strength : kStrengths) {
      const std::string name =
          fmt::format("{} {}, {} bits", model.name, strength.rate, strength.bits);
      tell(fmt::format("  {}", name));
      const figures::SizeCase prepared{model.name,    model.path,    strength.rate,
                                       strength.bits, strength.bits, 1};
      const fs::path path = temp / fmt::format("{}-{}.onnx", model.name, strength.bits);
      figures::prune_and_share(prepared, *shared / "models", path);
      const Sizes sizes = measure(path);
      table.add_row(row(name, sizes));
      total.add(sizes);
    }
  }
  table.add_row(row("all", total));
  return table.text();
}

}  // namespace

const BenchTable kCodersTable{
    .name = "coders",
    .title = "Coders beside the entropy, and beside general-purpose ones",
    .about =
        "Models pruned and shared (`prune --rate`, `share --bits`), without data. *Entropy*: bytes "
        "of\n"
        "the zeroth-order entropies of each weight's positions and values, added up. The presets\n"
        "of `qcompress pack`: coded positions, values and tables over the entropy. `zstd -22 "
        "--ultra`,\n"
        "`xz -9e` and `brotli -q 11 -w 24`: of the same integers as bytes, over the entropy: all\n"
        "bitmaps or all gaps of the model, whichever is smaller, then the ranks of all non-zero\n"
        "values. Then whole files in bytes: `.qc`, and the best that one of these programs makes "
        "of\n"
        "the same streams and, in a third one, the sorted codebooks, the other tensors and the "
        "graph as\n"
        "they are. Last, how much smaller `--max` is than that, and than itself with the best of "
        "these\n"
        "programs in place of our coders of positions and values only.",
    .run = run,
};

}  // namespace qc::bench
