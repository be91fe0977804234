// Whether a classifier ends in probabilities.
#pragma once

#include "graph/graph.h"

namespace qc {

/// The Softmax node that makes the first output of a graph; null where another one does.
const Node* final_softmax(const Graph& graph);

}  // namespace qc
