// Values that are numbers of a few bits, as DoReFa-Net's quantiser makes them.
#pragma once

#include <string>

namespace qc::c {

class Planner;

/// Bits of the whole numbers that all elements of a value are when multiplied with the largest of
/// such numbers: 3 for 0, 1/7, ... 1, as quantize_k (arXiv 1606.06160, equation 5) gives them after
/// a Clip to 0 and 1. Nothing but 1 to 8 bits is found; 0 where it is not known.
unsigned find_code_bits(const Planner& planner, const std::string& value);

}  // namespace qc::c
