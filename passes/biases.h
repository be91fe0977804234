// Biases and norm parameters with few bits of mantissa.
#pragma once

#include <cstddef>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/outcome.h"
#include "passes/params.h"
#include "passes/pass.h"

namespace qc {

/// The parameter that asks for it.
inline constexpr ParamSpec kBiasesParam = bits_param(
    "biases", 22, "round biases and norm parameters to BITS bits of mantissa; float32 has 23");

/// Biases and norm parameters whose values are finite and can be overwritten in place, with the
/// form that --biases gives them; none without it. --include and --exclude narrow them like
/// weights. Data that several tensors share is taken once.
std::vector<FormedTensor> bias_forms(const OnnxModel& model, const Params& params);

/// Gives values of one of them its form: `payload`, of the model or of what it became.
Outcome shorten_bias(const OnnxModel& model, const FormedTensor& bias, ByteView payload);

}  // namespace qc
