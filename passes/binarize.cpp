// Binary weights and activations: BinaryConnect and BNN (Courbariaux, Hubara et al., arXiv
// 1602.02830, 1609.07061), BWN and XNOR-Net (Rastegari et al., arXiv 1603.05279).
#include <array>

#include "core/error.h"
#include "passes/activations.h"
#include "passes/low_bit.h"
#include "passes/pass.h"

namespace qc {
namespace {

enum class Activations { kFloat, kSign };
constexpr auto kActivations =
    make_choices<Activations>({{"float", Activations::kFloat}, {"sign", Activations::kSign}});

constexpr std::array kParams = {
    scale_param(
        "what shares a scale a, the mean magnitude of its weights; none: the weights are -1 "
        "and 1, as in BNN; default: channel, as in XNOR-Net",
        "channel"),
    ParamSpec{.name = "activations",
              .kind = ParamKind::kChoice,
              .placeholder = "KIND",
              .help = "sign puts the signs of what layers read in front of them, but for the "
                      "network's input; a rectifier there is taken out",
              .choices = kActivations.names(),
              .default_text = "float"},
    bits_param("abits", 8,
               "of --activations sign: more than one makes them 2^BITS even steps from -1 to 1",
               "1"),
    ParamSpec{.name = "xnor",
              .kind = ParamKind::kFlag,
              .placeholder = "",
              .help = "XNOR-Net: --scale channel --activations sign --keep first,last, and every "
                      "layer's output times the mean magnitudes K of its input"},
    ParamSpec{.name = "stochastic",
              .kind = ParamKind::kFlag,
              .placeholder = "",
              .help =
                  "draw the signs: 1 with the probability (w + 1) / 2, from 0 to 1; in training "
                  "for every batch, with the true signs at the end"},
    ParamSpec{.name = "seed",
              .kind = ParamKind::kInteger,
              .placeholder = "SEED",
              .help = "for --stochastic",
              .max = 4294967295,
              .default_text = "0"},
    keep_layers_param("",
                      "layers whose weights and inputs stay as they are: none, first, last or "
                      "first,last; default: none, as in BNN, with --xnor first,last"),
    kIncludeParam,
    kExcludeParam,
};

bool takes_signs(const Params& params) {
  return params.choice("activations", kActivations) == Activations::kSign;
}

LowBitRequest request_of(const Params& params) {
  const bool xnor = params.flag("xnor");
  const ScaleScope scale = params.choice("scale", kScaleChoices).value();
  if (xnor && params.has("scale") && scale != ScaleScope::kChannel) {
    throw Error(ErrorCode::kUsage, "--xnor goes with --scale channel");
  }
  if (xnor && params.has("activations") && !takes_signs(params)) {
    throw Error(ErrorCode::kUsage, "--xnor goes with --activations sign");
  }
  if (params.integer("abits").value() > 1 && !takes_signs(params) && !xnor) {
    throw Error(ErrorCode::kUsage, "--abits is for --activations sign");
  }
  LowBitRequest request{.verb = "binarize"};
  request.keep = params.choice("keep", kKeepChoices).value_or(xnor ? kFirstAndLast : KeptLayers());
  request.form.kind = FormKind::kBinary;
  request.form.scope = scale;
  request.form.stochastic = params.flag("stochastic");
  request.seed = static_cast<std::uint64_t>(params.integer("seed").value());
  return request;
}

std::optional<OnnxModel> rewrite(const OnnxModel& model, const Params& params,
                                 const PassContext& /*context*/, PassReport& report) {
  const bool xnor = params.flag("xnor");
  if (!takes_signs(params) && !xnor) return std::nullopt;
  ActivationForm form;
  form.bits = static_cast<int>(params.integer("abits").value());
  form.kind = form.bits == 1 ? ActivationKind::kSign : ActivationKind::kSymmetric;
  form.scale_map = xnor;
  const LowBitRequest request = request_of(params);
  return quantize_activations(model, select_low_bit(model, params, request).chosen(), form,
                              report.notes);
}

}  // namespace

const Pass kBinarizePass{
    .name = "binarize",
    .suffix = "binary",
    .help = "Make every weight -a or a; with --activations or --xnor, activations -1 or 1 too.",
    .example = "qcompress binarize model.onnx --activations sign --data mnist --epochs 20",
    .params = kParams,
    .check = check_low_bit<request_of>,
    .run = run_low_bit<request_of>,
    .rewrite = rewrite,
    .forms = low_bit_forms<request_of>,
};

}  // namespace qc
