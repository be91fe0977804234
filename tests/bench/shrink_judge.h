// ONNX Runtime's verdict on compressed networks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/calibration_jobs.h"
#include "graph/graph.h"

namespace qc::bench {

/// How close a network is to its reference on all samples.
struct Verdict {
  double agreement = 0;  ///< of the largest element; 0 for an output that is no scores
  double snr = 0;        ///< dB; infinite where nothing differs
};

/// Runs ONNX models on samples with ONNX Runtime and compares an output with that of the first
/// model, for each of the others. Throws std::runtime_error with what ONNX Runtime says.
std::vector<Verdict> judge_by_onnxruntime(const std::vector<std::filesystem::path>& models,
                                          const Graph& graph, const RunInputs& samples,
                                          std::size_t output,
                                          std::optional<std::int64_t> scores_axis);

}  // namespace qc::bench
