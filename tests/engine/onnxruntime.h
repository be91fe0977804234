// ONNX Runtime as a judge: runs models in a process of node (run_onnxruntime.js) and compares.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "formats/onnx/load_tensors.h"

namespace qc::test {

/// A model with inputs and what the engine made of them.
struct Case {
  std::filesystem::path model;
  std::vector<GraphValue> inputs;
  std::vector<HostTensor> values;
  std::vector<HostTensor> outputs;
  /// Optimised as by default: constants are folded, and operators fused. Else as written.
  bool optimized = false;
};

/// What ONNX Runtime made of a case, or why it did not.
struct Verdict {
  std::vector<HostTensor> outputs;
  std::string error;
};

/// Why ONNX Runtime cannot be asked; empty when it can.
std::string missing_runtime();

/// Runs the cases in one process.
std::vector<Verdict> run_onnxruntime(const std::vector<Case>& cases);

/// True when ONNX Runtime is no judge of the model on this processor: without VNNI it adds products
/// of bytes in 16 bits, which saturate (its documentation, "Quantize ONNX models").
bool saturates_on_this_processor(const std::filesystem::path& model);

/// ONNX Runtime approximates the logistic function to about 1e-7.
inline constexpr double kAbsoluteTolerance = 1e-6;

/// How two tensors differ; empty when they agree. Floats may differ by `tolerance`, relative to the
/// largest magnitude of the tensor: sums in another order differ by units in the last place of
/// their largest term, however small the result.
std::string difference(const HostTensor& expected, const HostTensor& actual, double tolerance);

}  // namespace qc::test
