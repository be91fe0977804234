// Magnitude pruning: where to cut, and cutting (Han et al., Deep Compression, arXiv 1510.00149).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qc {

/// Which values become zero: those of a magnitude below `threshold` and, of those that equal it,
/// the first `ties`.
struct MagnitudeCut {
  double threshold = 0;
  std::uint64_t ties = 0;
};

/// Number of zeros at a rate: floor(rate x count), where the rate is taken for the decimal number
/// the user wrote: 0.29 of 100 is 29 although the double 0.29 lies a little below. Never all of
/// them. Requires 0 <= rate < 1.
std::uint64_t zeros_at_rate(double rate, std::uint64_t count) noexcept;

/// The cut that leaves exactly `zeros` zeros in all tensors together; none when there are as many
/// already. Zeros count first, then the smallest magnitudes, equal ones in the order of the spans.
/// Two counting passes over the values, no copy. Requires finite values, more of them than `zeros`.
MagnitudeCut cut_for_zeros(std::span<const std::vector<float>> tensors, std::uint64_t zeros);

/// Population standard deviation of all values, zeros included; 0 for no values.
double standard_deviation(std::span<const float> values) noexcept;

/// Sets the values under the cut to +0, negative zeros too, and takes the ties it used off the cut,
/// so that one cut can go over several tensors in turn.
void apply_cut(std::span<float> values, MagnitudeCut& cut) noexcept;

}  // namespace qc
