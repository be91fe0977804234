// qcompress pack: .onnx -> .qc
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/inspect.h"
#include "cli/text.h"
#include "core/error.h"
#include "core/progress.h"
#include "formats/qc_reader.h"
#include "formats/qc_writer.h"

namespace qc {
namespace {

constexpr unsigned kMinGapBits = 2;
constexpr unsigned kMaxGapBits = 8;

struct PackCommand {
  CommonOptions common;
  std::string input;
  bool huffman = false;
  std::string layout;
  unsigned gap_bits = 0;
  std::string gaps;

  EncodeOptions encode_options() const {
    EncodeOptions options;
    if (huffman) options.stages = StageChoice::kHuffman;
    if (!layout.empty()) options.layout = find_layout(layout)->id;
    if (gap_bits > 0) options.gap_bits = gap_bits;
    if (!gaps.empty()) options.gap_mode = gaps == "filler" ? GapMode::kFiller : GapMode::kEscape;
    return options;
  }

  void run() const {
    const OnnxModel model = OnnxModel::open(input);
    const std::filesystem::path target = common.output_or(with_extension(input, ".qc"));
    require_different(input, target);
    const auto start = std::chrono::steady_clock::now();
    AtomicFile out(target, common.overwrite());
    std::uint64_t packed = 0;
    {
      Progress progress("packing", model.total_size(), common.prints());
      PackOptions options;
      options.encode = encode_options();
      options.threads = common.threads;
      options.progress = [&](std::uint64_t bytes) { progress.advance(bytes); };
      pack_model(model, options, out);
      packed = out.size();
    }
    out.commit();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (common.json) {
      print_json({{"schema", "qcompress.pack/1"},
                  {"input", input},
                  {"output", target.string()},
                  {"original_bytes", model.total_size()},
                  {"packed_bytes", packed},
                  {"seconds", seconds.count()}});
    } else if (common.prints()) {
      print(fmt::format("{}  {} -> {}  {}  ({}, {:.2f} s)\n", input, size_text(model.total_size()),
                        target.string(), size_text(packed), ratio_text(model.total_size(), packed),
                        seconds.count()));
      if (common.verbose) {
        const Breakdown breakdown = break_down(QcReader::open(target), common.threads);
        InspectView view;
        view.file = target.string();
        print(inspect_text(breakdown, view));
      }
    }
  }
};

std::vector<std::string> layout_names() {
  std::vector<std::string> names;
  for (const Layout* layout : layout_table()) names.emplace_back(layout->name);
  return names;
}

}  // namespace

void add_pack_command(CLI::App& app) {
  auto command = std::make_shared<PackCommand>();
  CLI::App* sub = add_command(
      app, "pack", "Pack a model losslessly into the smallest .qc file",
      "qcompress pack --huffman model.pruned.shared.onnx   # -> model.pruned.shared.qc");
  add_input(*sub, command->input, "model", "The .onnx file; external data is packed along");
  sub->add_flag("--huffman", command->huffman,
                "Code every stream with Huffman, as in Deep Compression, instead of the cheapest "
                "coder (fixed-width codes remain where Huffman is no smaller)");
  sub->add_option("--layout", command->layout,
                  "Use this layout wherever it applies, instead of the smallest")
      ->check(CLI::IsMember(layout_names()))
      ->type_name(fmt::format("{}", fmt::join(layout_names(), "|")));
  sub->add_option("--gap-bits", command->gap_bits,
                  "Width of the relative indices of layout csr, instead of the best")
      ->check(CLI::Range(kMinGapBits, kMaxGapBits))
      ->type_name(fmt::format("{}..{}", kMinGapBits, kMaxGapBits));
  sub->add_option("--gaps", command->gaps,
                  "How layout csr bridges a gap that does not fit: with an escape symbol (default) "
                  "or with filler zeros, as in the paper")
      ->check(CLI::IsMember({"escape", "filler"}))
      ->type_name("escape|filler");
  add_common_options(*sub, command->common, Writes::kFile);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
