// Where the sign of a zero weight may show in what a model computes, and where it cannot.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace qc {

/// By tensor of the model, which has `tensors` of them: where the sign of its zeros may be seen
/// ("an output of the graph, y"); empty where no output can tell -0 from +0.
///
/// Operators that only move, scale or bend values hand the sign on; sums of products (Conv, Gemm,
/// MatMul, LSTM, ...) lose it, for ONNX leaves their order open and with it the sign of a sum that
/// is zero; comparisons do not look at it. Whatever is not known to do one of these may look:
/// divisors, operators of other domains, functions, outputs of graphs.
std::vector<std::string> zero_sign_readers(const ModelGraph& model, std::size_t tensors);

}  // namespace qc
