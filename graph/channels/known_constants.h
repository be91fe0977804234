// What a graph states before it runs: constants, and what depends on them alone.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graph/channels/operator_channels.h"
#include "graph/graph.h"

namespace qc {

/// The integers of a constant of a model; nothing for one of another type, or of very many.
using ReadIntegers = std::function<std::optional<Integers>(const GraphTensor& tensor)>;

class KnownConstants final : public KnownValues {
 public:
  /// Both are referred to no longer than the constructor runs, but for `read`.
  KnownConstants(const Graph& graph, ReadIntegers read);

  bool is_constant(const std::string& value) const override { return constant_.contains(value); }
  std::optional<Integers> integers(const std::string& value) const override;

  /// The dense constants of the graph, by the names of their values.
  const std::map<std::string, GraphTensor, std::less<>>& tensors() const { return tensors_; }

 private:
  std::optional<Integers> integers(const std::string& value, int depth) const;

  ReadIntegers read_;
  std::map<std::string, GraphTensor, std::less<>> tensors_;
  std::map<std::string, Integers, std::less<>> lists_;  // of attributes
  // What nodes that keep elements read, by their output.
  std::map<std::string, std::vector<std::string>, std::less<>> kept_;
  std::set<std::string, std::less<>> constant_;
};

}  // namespace qc
