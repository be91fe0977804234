// Models of one node for the operators that C is written for, beside those of the engine's tests.
#pragma once

#include <vector>

#include "node_cases.h"

namespace qc::test {

/// Cases for which ONNX Runtime is asked.
std::vector<NodeCase> operator_cases();

/// Forms of operators that ONNX Runtime does not know, with one of a later opset that must give the
/// same.
struct OldForm {
  NodeCase old;
  NodeCase same;
};
std::vector<OldForm> old_forms();

/// What makes no sense, or is not computed as a runtime would, and must be refused.
std::vector<NodeCase> refused_cases();

}  // namespace qc::test
