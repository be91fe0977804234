// The values of a graph that are binary, as quantisers of activations make them.
#pragma once

#include <set>
#include <string>

#include "graph/graph.h"

namespace qc {

/// Names of values.
using BinaryValues = std::set<std::string, std::less<>>;

/// The values of the main graph that are only -1 and 1, and 0 where Sign gives it: outputs of Sign,
/// and of operators behind it that move values or choose among them.
BinaryValues find_binary_values(const Graph& graph);

}  // namespace qc
