// Powers of two in place of factors: a product with one is a shift.
#pragma once

namespace qc {

/// AP2 of "Binarized Neural Networks" (arXiv 1602.02830, section 3.3): sign(x) * 2^round(log2 |x|);
/// 0 for 0. Decided by the bits of x, so alike on every machine. Requires a finite value; what
/// would be too large for a float is 2^127.
float nearest_power_of_two(float value) noexcept;

}  // namespace qc
