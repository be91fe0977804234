#include "emit/c/operators/reduced_axes.h"

#include <algorithm>

namespace qc::c {

ReducedAxes::ReducedAxes(const Shape& from, const std::vector<std::size_t>& axes, bool keeps_axes)
    : kept{{}, {{}}}, reduced{{}, {{}}} {
  const Shape strides = strides_of(from);
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    const bool is_reduced = axes.empty() || std::ranges::find(axes, axis) != axes.end();
    Walk& walk = is_reduced ? reduced : kept;
    walk.sizes.push_back(from[axis]);
    walk.strides[0].push_back(strides[axis]);
    if (!is_reduced) shape.push_back(from[axis]);
    if (is_reduced && keeps_axes) shape.push_back(1);
  }
  kept = merged(kept);
  reduced = merged(reduced);
}

}  // namespace qc::c
