// What differs between two models, tensor by tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace qc {

/// One tensor that both models have.
struct TensorDiff {
  std::string name;
  std::uint64_t count = 0;    ///< elements
  std::uint64_t changed = 0;  ///< elements whose bits differ
  double rmse = 0;            ///< root mean square of (b - a), over finite pairs
  double max_error = 0;       ///< largest |b - a|, over finite pairs
  std::uint64_t nonzero_before = 0;
  std::uint64_t nonzero_after = 0;
  bool comparable = true;  ///< false: type, shape or storage differ, so only "differs" is known
};

struct ModelDiff {
  std::vector<TensorDiff> changed;   ///< in the order of the first model
  std::vector<std::string> equal;    ///< tensors with the same bytes
  std::vector<std::string> removed;  ///< only in the first model
  std::vector<std::string> added;    ///< only in the second
  bool graph_differs = false;        ///< bytes outside the tensors differ
  bool identical = false;            ///< every byte of every file is the same
};

/// Compares tensors by name.
ModelDiff diff_models(const OnnxModel& before, const OnnxModel& after);

}  // namespace qc
