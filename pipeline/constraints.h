// Constraints on training: found in a model, and enforced on what training made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "passes/pass.h"

namespace qc {

/// The constraints that keep the zeros, and where asked for the equalities, of the float weights of
/// a model (Role::kWeight). Tensors without zeros and equalities to keep have none.
std::vector<Constraint> find_constraints(const OnnxModel& model, Keep keep);

/// What enforcing had to repair in one tensor.
struct Violation {
  std::string tensor;         ///< its name
  std::uint64_t revived = 0;  ///< pruned weights that were no longer zero
  std::uint64_t split = 0;    ///< weights that differed from the first of their group
};

/// Constraints that give tensors a form; of those with three or five levels, zeros stay zero.
std::vector<Constraint> form_constraints(const OnnxModel& model,
                                         const std::vector<FormedTensor>& formed);

/// Makes `values` keep the constraints: pruned weights become zero, the weights of a group the mean
/// of the group, and tensors with a form, which is no violation, take it. Other tensors that are
/// not in `values` have not changed and keep the constraints already. No zero in `values` stays
/// negative: a weight times a mask may be -0, which does not pack as a zero.
std::vector<Violation> enforce(const OnnxModel& model, const std::vector<Constraint>& constraints,
                               PayloadEdits& values);

}  // namespace qc
