// The order in which the nodes of a graph can be executed.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "graph/graph.h"

namespace qc {

/// Indices of a graph's nodes such that values are made before they are read: that of the file
/// where it is such an order. Nothing where there is none, as nodes wait for each other. Values
/// that no node of the graph makes, and those of subgraphs, wait for nothing.
std::optional<std::vector<std::size_t>> execution_order(const Graph& graph);

}  // namespace qc
