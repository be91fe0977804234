// A model's nodes under a later version of ONNX's operators.
#pragma once

#include <cstdint>
#include <string>

#include "graph/graph.h"

namespace qc {

/// Says that the model uses version `to` of ONNX's operators, if each of its nodes means the same
/// there as it does now. Else it changes nothing and gives the node that stands in the way, as
/// text. Knows versions from kFirstRaised on, up to kLastRaised.
std::string raise_opset(ModelGraph& model, std::int64_t to);

inline constexpr std::int64_t kFirstRaised = 7;
inline constexpr std::int64_t kLastRaised = 11;

}  // namespace qc
