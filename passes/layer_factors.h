// What the moments of a layer's inputs say of the errors that its weights may have.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "passes/calibration.h"
#include "passes/kernels/inverse_factor.h"
#include "passes/weight_layers.h"

namespace qc {

/// E[y y^T] of a group {columns, columns}, `centred` less E[y] E[y]^T, with correlations shrunk:
/// what moments of few columns say of them is mostly chance, and compensating by chance is worse
/// than doing nothing (after Ledoit and Wolf 2004, with a share that depends on the numbers alone).
/// Not for tables.
std::vector<double> second_moments(const Moments& moments, std::size_t group, bool centred);

/// The same of E[x y^T]. Requires moments with a reference.
std::vector<double> cross_moments(const Moments& moments, std::size_t group, bool centred);

/// E[y_j^2] of a group's columns, `centred` less E[y_j]^2; of a table their frequencies, where
/// entries that no sample reads count as if they were seen once, since others may read them.
std::vector<double> column_energies(const Moments& moments, std::size_t group, bool centred);

/// The order that rounding does best in: of few columns their own.
ColumnOrder rounding_order(const MatrixForm& form);

/// The factors of a layer's moments: around their mean where its bias can take that up. Without
/// moments all inputs count alike.
std::vector<InverseFactor> layer_factors(const WeightLayer& layer, const Moments* moments,
                                         ColumnOrder order, unsigned threads);

/// The means of the outputs {groups * rows} that matrices {groups, rows, columns} make of columns
/// with this mean {groups, columns}.
std::vector<double> mean_outputs(const MatrixForm& form, std::span<const float> weights,
                                 std::span<const double> mean);

}  // namespace qc
