// The constants of a graph by the tensors that hold them.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "graph/graph.h"

namespace qc::torch_engine {

struct NamedConstant {
  std::string name;
  const GraphTensor* constant;
};

/// Every dense constant of the main graph, by the index of its tensor.
std::map<std::size_t, NamedConstant> constants_by_source(const Graph& graph);

}  // namespace qc::torch_engine
