// The split of sorted values into k runs with the smallest sum of squared errors.
#pragma once

#include <cstddef>
#include <vector>

#include "passes/kernels/sorted_sample.h"

namespace qc {

/// Splits a sample into `k` runs so that the sum of squared distances to the means of the runs is
/// smallest. Exact when every distinct value can have a bin of its own, distinct() <= max_bins: the
/// global optimum of one-dimensional k-means.
///
/// Otherwise runs begin and end at the borders of about max_bins bins; costs are exact all the
/// same. Half of the bins hold equally many distinct values, half are equally wide, so that neither
/// outliers nor a dense middle are left with few; a second round spaces them within the runs.
///
/// Method: k links in a graph with Monge weights as a parametric search (Aggarwal, Schieber,
/// Tokuyama, "Finding a minimum-weight k-link path in graphs with the concave Monge property and
/// applications", 1994; for k-means: Groenlund et al., arXiv 1701.07204). Time O(bins log bins) per
/// step and a few dozen steps, whatever k is; memory O(bins).
///
/// Returns the end of each run as an index into sample.values(); the last one is sample.size().
/// Requires 1 <= k <= sample.distinct() and k <= max_bins / 4.
std::vector<std::size_t> optimal_partition(const SortedSample& sample, std::size_t k,
                                           std::size_t max_bins);

}  // namespace qc
