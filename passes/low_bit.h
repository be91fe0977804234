// What the passes to low-bit weights have in common: which layers, and the conversion.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/choices.h"
#include "passes/params.h"
#include "passes/pass.h"
#include "passes/selection.h"

namespace qc {

/// The layers that stay as they are.
struct KeptLayers {
  bool first = false;
  bool last = false;

  bool operator==(const KeptLayers&) const = default;
};

inline constexpr KeptLayers kFirstAndLast{.first = true, .last = true};
inline constexpr auto kKeepChoices = make_choices<KeptLayers>({{"none", {}},
                                                               {"first", {.first = true}},
                                                               {"last", {.last = true}},
                                                               {"first,last", kFirstAndLast}});
inline constexpr auto kScaleChoices = make_choices<ScaleScope>({{"none", ScaleScope::kNone},
                                                                {"layer", ScaleScope::kLayer},
                                                                {"channel", ScaleScope::kChannel}});

/// --keep with the default of the pass's paper.
constexpr ParamSpec keep_layers_param(
    std::string_view default_text,
    std::string_view help =
        "layers whose weights and inputs stay as they are: none, first, last or first,last") {
  return {.name = "keep",
          .kind = ParamKind::kChoice,
          .placeholder = "LAYERS",
          .help = help,
          .choices = kKeepChoices.names(),
          .default_text = default_text};
}

constexpr ParamSpec scale_param(std::string_view help, std::string_view default_text) {
  return {.name = "scale",
          .kind = ParamKind::kChoice,
          .placeholder = "SCOPE",
          .help = help,
          .choices = kScaleChoices.names(),
          .default_text = default_text};
}

/// What a pass makes of the weights it selects.
struct LowBitRequest {
  std::string_view verb;  ///< for messages: "ternarize"
  KeptLayers keep = {};
  WeightForm form = {};
  std::uint64_t seed = 0;  ///< of a stochastic form
};

/// The weights to convert: those of the Selection without the layers to keep. The first and last
/// layer are those whose nodes are first and last among the selected weights' nodes. Throws
/// Error(kUsage) when nothing is left.
Selection select_low_bit(const OnnxModel& model, const Params& params,
                         const LowBitRequest& request);

/// See Pass::run and Pass::forms.
PassReport convert_low_bit(const OnnxModel& model, const Params& params,
                           const LowBitRequest& request, unsigned threads, PayloadEdits& edits);
std::vector<FormedTensor> find_forms(const OnnxModel& model, const Params& params,
                                     const LowBitRequest& request);

/// The functions of a pass whose parameters `Request` reads.
template <LowBitRequest (*Request)(const Params&)>
void check_low_bit(const Params& params) {
  Request(params);
}

template <LowBitRequest (*Request)(const Params&)>
PassReport run_low_bit(const OnnxModel& model, const Params& params, const PassContext& context,
                       PayloadEdits& edits) {
  return convert_low_bit(model, params, Request(params), context.threads, edits);
}

template <LowBitRequest (*Request)(const Params&)>
std::vector<FormedTensor> low_bit_forms(const OnnxModel& model, const Params& params) {
  return find_forms(model, params, Request(params));
}

}  // namespace qc
