// Floats as they are: what every matrix can be.
#include "emit/c/forms/form_parts.h"

namespace qc::c {
namespace {

std::optional<CodedWeights> encode(const WeightMatrix& weights) {
  CodedWeights coded;
  // C has no empty arrays.
  const float none[] = {0};
  add_floats(coded, "weights",
             weights.values.empty() ? std::span<const float>(none) : weights.values);
  coded.operations = 2 * weights.values.size();
  coded.time = 1000 * weights.values.size();
  return coded;
}

}  // namespace

const WeightForm kDenseForm{"dense", "qk_dense", "a float for each weight", encode, &kDenseTiles};

}  // namespace qc::c
