// What matrices of weights make of the second moments of their inputs.
#pragma once

#include <cstddef>
#include <span>

namespace qc {

/// The sum of w H w^T over the rows w of weights {rows, columns}, with H {columns, columns}: the
/// energy of their outputs. The result does not depend on `threads`.
double quadratic_form(std::span<const float> weights, std::span<const double> h,
                      std::size_t columns, unsigned threads);

}  // namespace qc
