// How long ONNX Runtime takes for models, as by default but on one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace qc::bench {

/// Median microseconds of a run of each model, all in one process and in turns, with random values
/// for their one input of float32. All must have an input of this name. Empty where ONNX Runtime is
/// not there. Throws std::runtime_error with what it says where it refuses a model.
std::vector<double> onnxruntime_times(const std::vector<std::filesystem::path>& models,
                                      const std::string& input,
                                      const std::vector<std::int64_t>& dims, int runs);

}  // namespace qc::bench
