// What the passes to low-bit weights have in common: which layers, and the conversion.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "passes/params.h"
#include "passes/pass.h"
#include "passes/selection.h"

namespace qc {

inline constexpr std::array<std::string_view, 4> kKeepChoices = {"none", "first", "last",
                                                                 "first,last"};
inline constexpr std::array<std::string_view, 3> kScaleChoices = {"none", "layer", "channel"};

/// --keep with the default of the pass's paper.
constexpr ParamSpec keep_layers_param(
    std::string_view default_text,
    std::string_view help =
        "layers whose weights and inputs stay as they are: none, first, last or first,last") {
  return {.name = "keep",
          .kind = ParamKind::kChoice,
          .placeholder = "LAYERS",
          .help = help,
          .choices = kKeepChoices,
          .default_text = default_text};
}

constexpr ParamSpec scale_param(std::string_view help, std::string_view default_text) {
  return {.name = "scale",
          .kind = ParamKind::kChoice,
          .placeholder = "SCOPE",
          .help = help,
          .choices = kScaleChoices,
          .default_text = default_text};
}

/// What a pass makes of the weights it selects.
struct LowBitRequest {
  std::string_view verb;  ///< for messages: "ternarize"
  std::string keep;       ///< one of kKeepChoices
  WeightForm form = {};
  std::uint64_t seed = 0;  ///< of a stochastic form
};

ScaleScope parse_scale(const Params& params);

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
PassReport run_low_bit(const OnnxModel& model, const Params& params, unsigned threads,
                       PayloadEdits& edits) {
  return convert_low_bit(model, params, Request(params), threads, edits);
}

template <LowBitRequest (*Request)(const Params&)>
std::vector<FormedTensor> low_bit_forms(const OnnxModel& model, const Params& params) {
  return find_forms(model, params, Request(params));
}

}  // namespace qc
