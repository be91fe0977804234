// Where the sign of a zero weight may show in what a model computes, and where it cannot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/zeros.h"
#include "formats/onnx/onnx_model.h"

namespace qc {

/// By tensor of the model: where the sign of its zeros may be seen ("an output of the graph, y");
/// empty where no output can tell -0 from +0.
///
/// Operators that only move, scale or bend values hand the sign on; sums of products (Conv, Gemm,
/// MatMul, LSTM, ...) lose it, for ONNX leaves their order open and with it the sign of a sum that
/// is zero; comparisons do not look at it. Whatever is not known to do one of these may look:
/// divisors, operators of other domains, functions, outputs of graphs.
std::vector<std::string> zero_sign_readers(const OnnxModel& model);

/// A float tensor that holds -0.
struct NegativeZeros {
  std::size_t tensor = 0;  ///< index into OnnxModel::tensors()
  ZeroCount zeros;
  std::string reader;  ///< see zero_sign_readers()
};

/// Those tensors, in the order of the model. Reads every float payload once.
std::vector<NegativeZeros> find_negative_zeros(const OnnxModel& model, unsigned threads);

/// Those of `found` that no output can tell from +0, and what their signs cost.
ZeroCount removable_zeros(const std::vector<NegativeZeros>& found, double& sign_bytes);

}  // namespace qc
