// The hyperbolic tangent, the same on every machine.
#pragma once

namespace qc {

/// tanh(x) within 3 units in the last place, in sums, products and quotients alone: what a C
/// library gives differs from one to the next in the last bits, and may decide what a weight
/// becomes. Odd, at most 1, and monotonous over the floats; a NaN stays one.
double portable_tanh(double x) noexcept;

}  // namespace qc
