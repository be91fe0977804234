// Inputs that take one sequence of values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "graph/graph.h"

namespace qc {

/// How a sequence lies in an input: along one dimension, the others are 1.
struct SequenceShape {
  std::vector<std::int64_t> dims;  ///< 1 but for `axis`
  std::size_t axis = 0;
  std::optional<std::int64_t> length;  ///< where the input says so

  std::vector<std::int64_t> of_length(std::int64_t values) const {
    std::vector<std::int64_t> shape = dims;
    shape[axis] = values;
    return shape;
  }
};

/// Along the only dimension that is known to be above 1, else along the last unknown one, else
/// along the last. Nothing where an input has more than one dimension above 1, or none at all.
/// Inputs without a declared shape take [1, length].
std::optional<SequenceShape> sequence_shape(const GraphValue& input);

}  // namespace qc
