// Numbers with few bits of mantissa: they take few bytes in a codebook, or by themselves.
#pragma once

#include <vector>

#include "passes/kernels/kmeans1d.h"

namespace qc {

/// The value rounded to `bits` bits of mantissa after the leading one, to nearest, ties to even.
double round_mantissa(double value, int bits) noexcept;

/// The centroids rounded to as few bits of mantissa as keep the sum of squared errors below
/// (1 + `excess`) of what it is, and all of them different. With every value where it is, a
/// centroid that moves by d adds count * d^2, as it is the mean of its values.
std::vector<double> with_short_mantissas(const KMeansResult& clusters, double excess);

}  // namespace qc
