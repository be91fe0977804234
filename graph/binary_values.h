// The values of a graph that are binary, as quantisers of activations make them.
#pragma once

#include <set>
#include <string>

#include "graph/graph.h"

namespace qc {

/// Names of values.
using BinaryValues = std::set<std::string, std::less<>>;

/// Whether the first output of a node has no value that its first input lacks: operators that move
/// values or choose among them.
bool keeps_values(const Node& node);

/// The values of the main graph that are only -1 and 1, and 0 where Sign gives it: outputs of Sign,
/// and of nodes behind it that keep values.
BinaryValues find_binary_values(const Graph& graph);

}  // namespace qc
