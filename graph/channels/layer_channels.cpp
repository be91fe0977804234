// Layers: products of activations with weights.
#include <algorithm>
#include <array>

#include "graph/channels/operator_channels.h"

namespace qc {
namespace {

constexpr std::string_view kSpatial = "sums over positions";

// What is removed of an activation need not be zero, and no weight of zero is multiplied with it.
constexpr std::string_view kActivations = "both factors are activations";

struct Groups {
  std::size_t count = 1;
  std::size_t inputs = 0;   // of each
  std::size_t outputs = 0;  // of each

  bool is_depthwise() const { return count > 1 && inputs == 1; }
};

// Every channel goes with its group.
void couple_depthwise(NodeCoupler& node, const Groups& groups, bool transposed) {
  for (std::size_t channel = 0; channel < groups.count * groups.outputs; ++channel) {
    const std::size_t group = channel / groups.outputs;
    node.tie(out(0, 1), channel, in(0, 1), group);
    node.tie(out(0, 1), channel, in(1, 0), transposed ? group : channel);
  }
  node.lock(in(1, 1), "every group has so many");
  node.mark_produced(in(1, 0));
}

// All groups lose the same of their channels, so that they stay equal.
void couple_groups(NodeCoupler& node, const Groups& groups, bool transposed) {
  for (std::size_t channel = 0; channel < groups.count * groups.inputs; ++channel) {
    const std::size_t first = channel % groups.inputs;
    node.tie(in(0, 1), channel, in(0, 1), first);
    node.tie(in(0, 1), channel, in(1, transposed ? 0 : 1), transposed ? channel : first);
  }
  const NodeAxis outputs = in(1, transposed ? 1 : 0);
  for (std::size_t channel = 0; channel < groups.count * groups.outputs; ++channel) {
    const std::size_t first = channel % groups.outputs;
    node.tie(out(0, 1), channel, out(0, 1), first);
    node.tie(out(0, 1), channel, outputs, transposed ? first : channel);
  }
  node.mark_produced(outputs);
}

// Nothing where the sizes do not agree.
std::optional<Groups> groups_of(const NodeShapes& node, bool transposed) {
  const Dims* x = node.input(0);
  const Dims* weights = node.input(1);
  const Dims* y = node.output(0);
  if (x == nullptr || weights == nullptr || y == nullptr || x->size() < 3 || y->size() < 3 ||
      weights->size() != x->size()) {
    return std::nullopt;
  }
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(node.integer("group", 1), 1));
  const Groups groups{count, node.size(in(0, 1)) / count, node.size(out(0, 1)) / count};
  const Dims expected = {static_cast<std::int64_t>(groups.outputs * (transposed ? 1 : count)),
                         static_cast<std::int64_t>(groups.inputs * (transposed ? count : 1))};
  const Dims given = {(*weights)[transposed ? 1 : 0], (*weights)[transposed ? 0 : 1]};
  const bool has_bias = node.has_input(2);
  const auto outputs = static_cast<std::int64_t>(groups.outputs * count);
  if (expected != given || (*x)[1] != static_cast<std::int64_t>(groups.inputs * count) ||
      (*y)[1] != outputs || (has_bias && *node.input(2) != Dims{outputs}) || groups.inputs == 0 ||
      groups.outputs == 0) {
    return std::nullopt;
  }
  return groups;
}

template <bool kTransposed>
void couple_conv(NodeCoupler& node) {
  const auto groups = groups_of(node, kTransposed);
  if (!groups) return node.lock_all("its sizes do not agree");
  if (groups->is_depthwise()) {
    couple_depthwise(node, *groups, kTransposed);
  } else {
    couple_groups(node, *groups, kTransposed);
  }
  node.tie(in(0, 0), out(0, 0));
  if (node.has_input(2)) node.tie(in(2, 0), out(0, 1));
  node.lock_from(in(0, 2), kSpatial);
  node.lock_from(in(1, 2), "kernels keep their size");
  node.lock_from(out(0, 2), kSpatial);
}

template <bool kTransposed>
void cut_conv(NodeCutter& node) {
  const auto groups = groups_of(node, kTransposed);
  if (groups && groups->is_depthwise() && node.is_cut(in(0, 1))) {
    node.set_attribute("group", node.count(in(0, 1)));
  }
}

// The rows of the first factor and the columns of the second are outputs; the product sums over the
// other axes.
void couple_factors(NodeCoupler& node, const NodeAxis& rows, const NodeAxis& sum_a,
                    const NodeAxis& columns, const NodeAxis& sum_b) {
  node.tie(sum_a, sum_b);
  if (node.is_constant(0)) node.mark_produced(rows);
  if (node.is_constant(1)) node.mark_produced(columns);
  if (!node.is_constant(0) && !node.is_constant(1)) node.lock(sum_a, kActivations);
}

void couple_gemm(NodeCoupler& node) {
  const std::size_t a_transposed = node.integer("transA", 0) != 0 ? 1 : 0;
  const std::size_t b_transposed = node.integer("transB", 0) != 0 ? 1 : 0;
  const NodeAxis rows = in(0, a_transposed);
  const NodeAxis columns = in(1, 1 - b_transposed);
  node.tie(rows, out(0, 0));
  node.tie(columns, out(0, 1));
  couple_factors(node, rows, in(0, 1 - a_transposed), columns, in(1, b_transposed));
  if (!node.has_input(2)) return;
  const std::size_t rank = node.rank(in(2, 0));
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const NodeAxis target = out(0, 2 - rank + axis);
    if (node.size(in(2, axis)) == node.size(target)) node.tie(in(2, axis), target);
  }
}

void couple_matmul(NodeCoupler& node) {
  const std::size_t a = node.rank(in(0, 0));
  const std::size_t b = node.rank(in(1, 0));
  const std::size_t rank = node.rank(out(0, 0));
  if (a < 2 || b < 2) return node.lock_all("a factor is a vector");
  node.tie(in(0, a - 2), out(0, rank - 2));
  node.tie(in(1, b - 1), out(0, rank - 1));
  couple_factors(node, in(0, a - 2), in(0, a - 1), in(1, b - 1), in(1, b - 2));
  for (const std::size_t factor : {std::size_t{0}, std::size_t{1}}) {
    const std::size_t batches = (factor == 0 ? a : b) - 2;
    for (std::size_t axis = 0; axis < batches; ++axis) {
      const NodeAxis target = out(0, rank - 2 - batches + axis);
      if (node.size(in(factor, axis)) == node.size(target)) node.tie(in(factor, axis), target);
    }
  }
}

// A hidden unit has a row in the weights of each of its gates, and a column in the recurrent ones.
template <std::size_t kGates>
void couple_recurrent(NodeCoupler& node) {
  const NodeAxis hidden = in(2, 2);
  const std::size_t size = node.size(hidden);
  if (node.size(in(1, 1)) != kGates * size) return node.lock_all("its sizes do not agree");
  if (node.integer("layout", 0) != 0) return node.lock_all("its batch comes first");
  node.tie(in(0, 2), in(1, 2));
  for (std::size_t unit = 0; unit < size; ++unit) {
    for (std::size_t gate = 0; gate < kGates; ++gate) {
      node.tie(hidden, unit, in(1, 1), gate * size + unit);
      node.tie(hidden, unit, in(2, 1), gate * size + unit);
    }
    for (std::size_t gate = 0; node.has_input(3) && gate < 2 * kGates; ++gate) {
      node.tie(hidden, unit, in(3, 1), gate * size + unit);
    }
    for (const std::size_t state : {std::size_t{5}, std::size_t{6}}) {
      if (node.has_input(state)) node.tie(hidden, unit, in(state, 2), unit);
    }
    for (std::size_t gate = 0; node.has_input(7) && gate < 3; ++gate) {
      node.tie(hidden, unit, in(7, 1), gate * size + unit);
    }
  }
  for (std::size_t i = 0; i < node.outputs(); ++i) {
    const Dims* dims = node.output(i);
    if (dims == nullptr) continue;
    node.tie(hidden, {true, i, dims->size() - 1});
    for (std::size_t axis = 0; axis + 1 < dims->size(); ++axis) {
      node.lock({true, i, axis}, "a sequence");
    }
  }
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) continue;
    node.lock(in(i, 0), "a sequence");
    if (i == 0 || i == 5 || i == 6) node.lock(in(i, 1), "a sequence");
  }
  node.mark_produced(in(1, 1));
}

void cut_recurrent(NodeCutter& node) {
  if (node.is_cut(in(2, 2))) node.set_attribute("hidden_size", node.count(in(2, 2)));
}

constexpr std::array kRows = std::to_array<OperatorChannels>({
    {"Conv", couple_conv<false>, cut_conv<false>},
    {"ConvTranspose", couple_conv<true>, cut_conv<true>},
    {"Gemm", couple_gemm},
    {"MatMul", couple_matmul},
    {"LSTM", couple_recurrent<4>, cut_recurrent},
    {"GRU", couple_recurrent<3>, cut_recurrent},
    {"RNN", couple_recurrent<1>, cut_recurrent},
});

}  // namespace

std::span<const OperatorChannels> layer_channels() { return kRows; }

}  // namespace qc
