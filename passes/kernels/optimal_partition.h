// The split of a sorted sample into k runs with the smallest sum of squared errors.
#pragma once

#include <cstddef>
#include <vector>

#include "passes/kernels/binned_sample.h"

namespace qc {

/// Splits a sample into `k` runs of bins so that the sum of squared distances of its values to the
/// means of their runs is smallest. With an exact sample of up to `max_bins` distinct values this
/// is the global optimum of one-dimensional k-means.
///
/// Bins beyond `max_bins` are joined; costs are exact all the same. Half of the joined bins hold
/// equally many bins, half are equally wide, so that neither outliers nor a dense middle are left
/// with few; a second round spaces them within the runs.
///
/// Method: k links in a graph with Monge weights as a parametric search (Aggarwal, Schieber,
/// Tokuyama, "Finding a minimum-weight k-link path in graphs with the concave Monge property and
/// applications", 1994; for k-means: Groenlund et al., arXiv 1701.07204). Time O(bins log bins) per
/// step and a few dozen steps, whatever k is; memory O(bins).
///
/// Returns the end of each run as an index of a bin; the last one is sample.size(). Requires
/// 1 <= k <= sample.size() and k <= max_bins / 4.
std::vector<std::size_t> optimal_partition(const BinnedSample& sample, std::size_t k,
                                           std::size_t max_bins);

}  // namespace qc
