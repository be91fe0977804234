// Axes that are reduced, and those that are kept.
#pragma once

#include <cstddef>
#include <vector>

#include "emit/c/operators/walk.h"

namespace qc::c {

/// A reduction as two walks over the input: one over the places that are kept, and from each of
/// them one over what is reduced.
struct ReducedAxes {
  /// All axes are reduced where none is named.
  ReducedAxes(const Shape& from, const std::vector<std::size_t>& axes, bool keeps_axes);

  Shape shape;  ///< of the output
  Walk kept;
  Walk reduced;
};

}  // namespace qc::c
