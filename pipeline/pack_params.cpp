#include "pipeline/pack_params.h"

#include <string_view>
#include <vector>

#include "codecs/encode/layout.h"
#include "core/error.h"

namespace qc {
namespace {

constexpr auto kGapModes =
    make_choices<GapMode>({{"escape", GapMode::kEscape}, {"filler", GapMode::kFiller}});

std::vector<ParamSpec> make_params() {
  static const std::vector<std::string_view> kLayouts = [] {
    std::vector<std::string_view> names;
    for (const LayoutEncoder* layout : layout_encoders()) names.push_back(layout->name());
    return names;
  }();
  return {
      {.name = "huffman",
       .kind = ParamKind::kFlag,
       .placeholder = "",
       .help = "Code every stream with Huffman, as in Deep Compression, instead of the cheapest "
               "coder (fixed-width codes remain where Huffman is no smaller)"},
      {.name = "fast",
       .kind = ParamKind::kFlag,
       .placeholder = "",
       .help = "Fastest to pack and load: only Huffman codes, and layouts chosen with more weight "
               "on decoding time (10 ns are worth a byte; 1 us without this flag)"},
      {.name = "max",
       .kind = ParamKind::kFlag,
       .placeholder = "",
       .help = "Smallest files: also model every bit by its neighbours in the tensor (layouts "
               "context-palette and context-floats), which packs and unpacks at a few MB/s"},
      {.name = "layout",
       .kind = ParamKind::kChoice,
       .placeholder = "NAME",
       .help = "Use this layout wherever it applies, instead of the smallest",
       .choices = kLayouts},
      {.name = "gap-bits",
       .kind = ParamKind::kInteger,
       .placeholder = "2..8",
       .help = "Width of the relative indices of layout csr, instead of the best",
       .min = 2,
       .max = 8},
      {.name = "gaps",
       .kind = ParamKind::kChoice,
       .placeholder = "escape|filler",
       .help = "How layout csr bridges a gap that does not fit: with an escape symbol (default) or "
               "with filler zeros, as in the paper",
       .choices = kGapModes.names()},
  };
}

}  // namespace

std::span<const ParamSpec> pack_params() {
  static const std::vector<ParamSpec> kParams = make_params();
  return kParams;
}

EncodeOptions encode_options(const Params& params) {
  if (params.flag("fast") && params.flag("max")) {
    throw Error(ErrorCode::kUsage, "--fast and --max exclude each other; leave one out");
  }
  EncodeOptions options = presets::kDefault;
  if (params.flag("max")) options = presets::kMax;
  if (params.flag("fast")) options = presets::kFast;
  if (params.flag("huffman")) options.stages.huffman_only = true;
  if (params.has("layout")) options.layout = find_layout_encoder(params.choice("layout"))->id();
  if (const auto bits = params.integer("gap-bits")) options.gap_bits = static_cast<unsigned>(*bits);
  if (const auto mode = params.choice("gaps", kGapModes)) options.gap_mode = *mode;
  return options;
}

}  // namespace qc
