// Zeros in patterns that runtimes have kernels for.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/outcome.h"
#include "passes/prune_params.h"

namespace qc {

/// Prunes weight tensors, whose rates are given by their indices, by magnitude:
/// - kTwoOfFour: of four inputs in a row the two largest weights stay, for every output and place
/// of
///   a kernel (Mishra et al., arXiv 2104.08378), whatever the rate; inputs behind the last four
///   stay;
/// - kFourByOne: blocks of four outputs in a row by one input go, those with the least squares (as
///   XNNPACK's sparse kernels take them, Elsen et al., arXiv 1911.09723).
/// Tensors that are no matrices, or too small, are skipped. In the order of the model.
std::vector<Outcome> prune_in_pattern(const OnnxModel& model, PruneStructure structure,
                                      const std::map<std::size_t, double>& rates, unsigned threads);

}  // namespace qc
