// Quantisers of activations, put into the graph in front of layers as standard ONNX operators, so
// that every runtime computes with the same low-bit activations that training saw.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace qc {

enum class ActivationKind {
  kSign,       ///< 1 where x >= 0, else -1 (BNN, arXiv 1602.02830, equation 1)
  kSymmetric,  ///< 2^bits even steps from -1 to 1 (quantised BNN, arXiv 1609.07061)
  kUnit,       ///< quantize_k(clip(x, 0, 1)) (DoReFa-Net, arXiv 1606.06160, equation 11)
};

struct ActivationForm {
  ActivationKind kind = ActivationKind::kSign;
  int bits = 1;  ///< of kSymmetric and kUnit
  /// Multiply what a layer gives by the mean magnitudes K of its input (XNOR-Net, arXiv 1603.05279,
  /// equation 11).
  bool scale_map = false;
};

/// The model with a quantiser in front of the data input of every Conv, Gemm and MatMul whose
/// weight is among `weights` (indices into OnnxModel::tensors()).
///
/// Left as they are, with a note: layers that read the network's own input, layers whose input is
/// quantised already, other operators, and inputs that are never negative where the quantiser needs
/// signs; but a rectifier that only the layer sees is taken out instead. Throws
/// Error(kUnsupported) for opsets that lack an operator that is needed.
OnnxModel quantize_activations(const OnnxModel& model, const std::vector<std::size_t>& weights,
                               const ActivationForm& form, std::vector<std::string>& notes);

}  // namespace qc
