// Tables of operators that are not written yet.
#include "emit/c/operators.h"

namespace qc::c {

std::span<const OperatorRow> elementwise_operators() { return {}; }
std::span<const OperatorRow> pooling_operators() { return {}; }
std::span<const OperatorRow> movement_operators() { return {}; }
std::span<const OperatorRow> reduction_operators() { return {}; }
std::span<const OperatorRow> recurrent_operators() { return {}; }
std::span<const OperatorRow> resize_operators() { return {}; }

}  // namespace qc::c
