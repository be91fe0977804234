// Operators on windows and reductions: what sums over an axis keeps all of it.
#include <algorithm>
#include <array>

#include "graph/channels/operator_channels.h"

namespace qc {
namespace {

constexpr std::string_view kReduced = "reduces over it";

// Batch and channels stay, positions are joined.
void couple_pool(NodeCoupler& node) {
  for (std::size_t i = 0; i < node.outputs(); ++i) {
    if (node.output(i) == nullptr) continue;
    node.tie(in(0, 0), out(i, 0));
    node.tie(in(0, 1), out(i, 1));
    node.lock_from(out(i, 2), kReduced);
  }
  node.lock_from(in(0, 2), kReduced);
}

// The second output counts elements over all channels.
void couple_max_pool(NodeCoupler& node) {
  couple_pool(node);
  if (node.output(1) != nullptr) node.lock(in(0, 1), "its indices count over channels");
}

void couple_reduction(NodeCoupler& node) {
  const std::size_t rank = node.rank(in(0, 0));
  std::vector<bool> reduced(rank, false);
  const auto axes = node.integers("axes", 1);
  if (!axes && node.has_input(1)) return node.lock_all("its axes are computed");
  for (const std::int64_t axis : axes.value_or(Integers())) {
    if (const auto at = NodeShapes::axis_of(axis, rank); at < rank) reduced[at] = true;
  }
  const bool nothing = node.integer("noop_with_empty_axes", 0) != 0;
  if (std::ranges::count(reduced, true) == 0 && !nothing) reduced.assign(rank, true);
  const bool keeps = node.integer("keepdims", 1) != 0;
  std::size_t target = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (reduced[axis]) node.lock(in(0, axis), kReduced);
    if (!reduced[axis]) node.tie(in(0, axis), out(0, target));
    if (!reduced[axis] || keeps) ++target;
  }
}

void tie_all(NodeCoupler& node) {
  for (std::size_t axis = 0; axis < node.rank(in(0, 0)); ++axis) {
    node.tie(in(0, axis), out(0, axis));
  }
}

// Before opset 13 all axes from the given one on are one.
void couple_softmax(NodeCoupler& node) {
  const std::size_t rank = node.rank(in(0, 0));
  const bool is_one_axis = node.opset() >= 13;
  const std::size_t axis = NodeShapes::axis_of(node.integer("axis", is_one_axis ? -1 : 1), rank);
  tie_all(node);
  if (axis >= rank) return node.lock_all("an axis that is not there");
  if (is_one_axis) return node.lock(in(0, axis), kReduced);
  node.lock_from(in(0, axis), kReduced);
}

void couple_layer_normalization(NodeCoupler& node) {
  const std::size_t rank = node.rank(in(0, 0));
  tie_all(node);
  node.lock_from(in(0, std::min(NodeShapes::axis_of(node.integer("axis", -1), rank), rank)),
                 kReduced);
}

void couple_local_response(NodeCoupler& node) {
  tie_all(node);
  node.lock(in(0, 1), kReduced);
}

constexpr std::array kRows = std::to_array<OperatorChannels>({
    {"AveragePool", couple_pool},
    {"GlobalAveragePool", couple_pool},
    {"GlobalLpPool", couple_pool},
    {"GlobalMaxPool", couple_pool},
    {"LRN", couple_local_response},
    {"LayerNormalization", couple_layer_normalization},
    {"LogSoftmax", couple_softmax},
    {"LpPool", couple_pool},
    {"MaxPool", couple_max_pool},
    {"ReduceL1", couple_reduction},
    {"ReduceL2", couple_reduction},
    {"ReduceMax", couple_reduction},
    {"ReduceMean", couple_reduction},
    {"ReduceMin", couple_reduction},
    {"ReduceProd", couple_reduction},
    {"ReduceSum", couple_reduction},
    {"ReduceSumSquare", couple_reduction},
    {"Softmax", couple_softmax},
});

}  // namespace

std::span<const OperatorChannels> window_channels() { return kRows; }

}  // namespace qc
