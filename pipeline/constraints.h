// Constraints on training: found in a model, and enforced on what training made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx_model.h"

namespace qc {

/// Which structure of a model training keeps.
enum class Keep {
  kNothing,
  kZeros,   ///< pruned weights stay zero
  kShared,  ///< and equal weights stay equal
  kAuto,  ///< kShared for tensors with at most half as many values as nonzero weights, else kZeros
};

/// The constraints that keep the zeros, and where asked for the equalities, of the float weights of
/// a model (Role::kWeight). Tensors without zeros and equalities to keep have none.
std::vector<Constraint> find_constraints(const OnnxModel& model, Keep keep);

/// What enforcing had to repair in one tensor.
struct Violation {
  std::size_t tensor = 0;
  std::uint64_t revived = 0;  ///< pruned weights that were no longer zero
  std::uint64_t split = 0;    ///< weights that differed from the first of their group
};

/// Makes `values` keep the constraints: pruned weights become zero, and the weights of a group the
/// mean of the group. Tensors that are not in `values` have not changed and keep them already.
std::vector<Violation> enforce(const OnnxModel& model, const std::vector<Constraint>& constraints,
                               PayloadEdits& values);

}  // namespace qc
