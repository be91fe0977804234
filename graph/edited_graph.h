// A graph under change, with the tensors that were added to it.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc {

/// A copy of a model's graph that may be changed, and new tensors. What was read from the file
/// keeps its origin; whatever is new or differs is written anew.
struct EditedGraph {
  ModelGraph graph;
  std::size_t first_new = 0;  ///< index of the first new tensor: the number of the model's own
  std::vector<HostTensor> tensors;  ///< the new ones; they have bytes, no strings

  EditedGraph(ModelGraph of, std::size_t model_tensors)
      : graph(std::move(of)), first_new(model_tensors) {}

  /// Adds a tensor, to be referred to in the graph.
  GraphTensor add(HostTensor tensor) {
    tensors.push_back(std::move(tensor));
    return {first_new + tensors.size() - 1};
  }
};

}  // namespace qc
