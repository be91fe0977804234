// Tables of operators that are not written yet.
#include "emit/c/operators.h"

namespace qc::c {

std::span<const OperatorRow> pooling_operators() { return {}; }

}  // namespace qc::c
