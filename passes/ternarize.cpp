// Ternary and five-level weights (Li, Liu, Ternary Weight Networks, arXiv 1605.04711).
#include <array>

#include "core/error.h"
#include "passes/low_bit.h"
#include "passes/pass.h"

namespace qc {
namespace {

constexpr auto kLevels =
    make_choices<FormKind>({{"3", FormKind::kTernary}, {"5", FormKind::kFiveLevels}});

// Multiples of the mean magnitude; 0: the optimum.
constexpr auto kThresholds =
    make_choices<double>({{"exact", 0}, {"0.7", 0.7}, {"normal", 0.75}, {"uniform", 2.0 / 3}});

constexpr std::array kParams = {
    ParamSpec{.name = "levels",
              .kind = ParamKind::kChoice,
              .placeholder = "N",
              .help = "3: every weight is -a, 0 or a; 5: -2a and 2a too",
              .choices = kLevels.names(),
              .default_text = "3"},
    ParamSpec{.name = "threshold",
              .kind = ParamKind::kChoice,
              .placeholder = "RULE",
              .help = "the magnitude up to which a weight becomes zero: exact gives the smallest "
                      "squared error; 0.7, normal (0.75) and uniform (2/3) are multiples of the "
                      "mean magnitude, the Ternary Weight Networks paper's rules; five levels are "
                      "always exact",
              .choices = kThresholds.names(),
              .default_text = "exact"},
    scale_param("what shares a scale a; none makes it 1", "layer"),
    keep_layers_param("none"),
    kIncludeParam,
    kExcludeParam,
};

LowBitRequest request_of(const Params& params) {
  LowBitRequest request{.verb = "ternarize", .keep = params.choice("keep", kKeepChoices).value()};
  request.form.scope = params.choice("scale", kScaleChoices).value();
  request.form.kind = params.choice("levels", kLevels).value();
  request.form.threshold = params.choice("threshold", kThresholds).value();
  if (request.form.kind == FormKind::kFiveLevels && request.form.threshold != 0) {
    throw Error(ErrorCode::kUsage,
                "--levels 5 always takes the exact thresholds; leave --threshold "
                "out");
  }
  return request;
}

}  // namespace

const Pass kTernarizePass{
    .name = "ternarize",
    .suffix = "ternary",
    .help = "Make every weight -a, 0 or a (or -2a to 2a), with one scale a per layer or channel.",
    .example = "qcompress ternarize model.onnx --data mnist --epochs 10 -o ternary.onnx",
    .params = kParams,
    .check = check_low_bit<request_of>,
    .run = run_low_bit<request_of>,
    .forms = low_bit_forms<request_of>,
};

}  // namespace qc
