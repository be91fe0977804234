// DoReFa-Net: weights, activations and gradients of a few bits (Zhou et al., arXiv 1606.06160).
#include "passes/kernels/dorefa.h"

#include <array>

#include "passes/activations.h"
#include "passes/low_bit.h"
#include "passes/pass.h"

namespace qc {
namespace {

constexpr std::array kParams = {
    bits_param("wbits", 8, "of weights; 1: the sign times the mean magnitude of the layer", "1"),
    bits_param(
        "abits", 32,
        "of what layers read, but for the network's input: 2^BITS even steps from 0 to 1; more "
        "than 16 leave it as it is",
        "32"),
    bits_param("gbits", 32,
               "of gradients by what layers give, in training; more than 16 leave them as they are",
               "32"),
    keep_layers_param("first,last"),
    kIncludeParam,
    kExcludeParam,
};

int gradient_bits(const Params& params) {
  const auto bits = static_cast<int>(params.integer("gbits").value());
  return bits <= kMostQuantizedBits ? bits : 0;
}

LowBitRequest request_of(const Params& params) {
  LowBitRequest request{.verb = "quantise", .keep = params.choice("keep", kKeepChoices).value()};
  request.form.kind = FormKind::kDorefa;
  request.form.bits = static_cast<int>(params.integer("wbits").value());
  return request;
}

std::optional<OnnxModel> rewrite(const OnnxModel& model, const Params& params,
                                 const PassContext& /*context*/, PassReport& report) {
  const std::int64_t bits = params.integer("abits").value();
  if (bits > kMostQuantizedBits) return std::nullopt;
  const ActivationForm form{.kind = ActivationKind::kUnit, .bits = static_cast<int>(bits)};
  const LowBitRequest request = request_of(params);
  return quantize_activations(model, select_low_bit(model, params, request).chosen(), form,
                              report.notes);
}

}  // namespace

const Pass kDorefaPass{
    .name = "dorefa",
    .suffix = "dorefa",
    .help = "Make weights, and with --abits activations, numbers of a few bits (DoReFa-Net).",
    .example = "qcompress dorefa model.onnx --wbits 1 --abits 3 --data mnist --epochs 10",
    .params = kParams,
    .check = check_low_bit<request_of>,
    .run = run_low_bit<request_of>,
    .rewrite = rewrite,
    .forms = low_bit_forms<request_of>,
    .fine_tuning = {.gradient_bits = gradient_bits},
};

}  // namespace qc
