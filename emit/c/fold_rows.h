// The operators that are computed when a network is compiled: one row each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "emit/c/numbers.h"
#include "emit/c/plan.h"
#include "graph/graph.h"

namespace qc::c {

struct FoldInputs {
  const Node& node;
  std::int64_t opset;
  const std::vector<std::optional<Numbers>>& inputs;

  bool has(std::size_t i) const { return i < inputs.size() && inputs[i].has_value(); }
  const Numbers& operator[](std::size_t i) const { return *inputs[i]; }
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const {
    const auto* found = node.get<std::int64_t>(name);
    return found != nullptr ? *found : otherwise;
  }
  /// A list that is an input from some opset on, and an attribute before.
  std::optional<std::vector<std::int64_t>> list(std::size_t input, std::string_view name) const;
};

/// Gives nothing for what it does not know, which leaves the node to the operator's own row.
struct FoldRow {
  std::string_view op;
  std::optional<Numbers> (*fold)(const FoldInputs& in);
};

std::span<const FoldRow> fold_rows();
std::span<const FoldRow> arithmetic_fold_rows();
std::span<const FoldRow> movement_fold_rows();
std::span<const FoldRow> reduction_fold_rows();

/// The result of picking elements: element i is that of the input at places[i].
Numbers picked(const Numbers& from, Shape dims, std::span<const std::uint64_t> places);

}  // namespace qc::c
