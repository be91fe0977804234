// A runtime for the operators that exported weights are decoded with, as plain as can be: the judge
// of exports where ONNX Runtime is not at hand.
#pragma once

#include <map>
#include <string>

#include "core/host_tensor.h"
#include "formats/onnx/onnx_model.h"

namespace qc::test {

/// The constants of the main graph by name, computed node by node: initializers, and the outputs of
/// nodes whose inputs are known. Nodes that read inputs of the model are passed over. Throws
/// std::runtime_error for other operators and for what ONNX does not allow.
std::map<std::string, HostTensor> run_constants(const OnnxModel& model);

}  // namespace qc::test
