// Parts of a model that nothing needs: nodes and tensors whose values are not used, functions that
// are not called.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace qc {

/// Something that was taken out, with the bytes it took in the file.
struct RemovedPart {
  std::string name;
  std::uint64_t bytes = 0;
};

struct UnusedParts {
  std::vector<RemovedPart> nodes;
  std::vector<RemovedPart> tensors;  ///< initializers; external data is not in their bytes
  std::vector<RemovedPart> functions;
};

/// Takes out nodes whose outputs nothing uses, initializers that nothing reads and functions that
/// nothing calls, in inner graphs too, with the shapes recorded for them. Values that inner graphs
/// take from outer ones are used. Left alone: inputs and what may replace them (initializers listed
/// as inputs), nodes of domains that are not known (they may do more than compute), what training
/// information and quantisation annotations name, and all of a model without outputs, which is a
/// library of functions.
UnusedParts remove_unused_parts(ModelGraph& model);

}  // namespace qc
