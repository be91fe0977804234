// Operators that move channels about: joined, cut out, reordered, or under another shape.
#include <algorithm>
#include <array>
#include <numeric>

#include "graph/channels/operator_channels.h"

namespace qc {
namespace {

constexpr std::string_view kMixed = "cuts and joins axes in another way";
constexpr std::string_view kComputed = "is told what to do while it runs";

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;  // of a value

NodeAxis at(const NodeAxis& side, std::size_t axis) { return {side.is_output, side.index, axis}; }

// A run of axes before and after with the same number of elements.
struct AxisRun {
  std::vector<std::size_t> before;
  std::vector<std::size_t> after;
};

// The runs of a change of shape, as short as they can be; axes of size 1 are in none.
std::vector<AxisRun> axis_runs(const Dims& before, const Dims& after) {
  std::vector<AxisRun> runs;
  std::size_t a = 0;
  std::size_t b = 0;
  const auto skip_ones = [](const Dims& dims, std::size_t& axis) {
    while (axis < dims.size() && dims[axis] == 1) ++axis;
  };
  skip_ones(before, a);
  skip_ones(after, b);
  while (a < before.size() && b < after.size()) {
    AxisRun run{{a}, {b}};
    std::int64_t product_a = before[a++];
    std::int64_t product_b = after[b++];
    while (product_a != product_b) {
      if (std::max(product_a, product_b) > kMostElements) return {};
      if (product_a < product_b) {
        skip_ones(before, a);
        if (a == before.size()) return {};
        run.before.push_back(a);
        product_a *= before[a++];
      } else {
        skip_ones(after, b);
        if (b == after.size()) return {};
        run.after.push_back(b);
        product_b *= after[b++];
      }
    }
    runs.push_back(std::move(run));
    skip_ones(before, a);
    skip_ones(after, b);
  }
  return a == before.size() && b == after.size() ? runs : std::vector<AxisRun>();
}

// Which of the axes that one axis is cut into, or joined from, is cut with it: the first that may
// be. Two of them with others behind are channels in groups that are about to be shuffled: there it
// is the second, as groups keep their number.
std::size_t carrier_of(const NodeCoupler& node, const NodeAxis& side,
                       const std::vector<std::size_t>& axes, bool splits) {
  const auto may_be_cut = [&](std::size_t axis) { return !node.is_locked(at(side, axis)); };
  const bool shuffles = splits && axes.size() == 2 && axes.back() + 1 < node.rank(side) &&
                        may_be_cut(axes[0]) && may_be_cut(axes[1]);
  if (shuffles) return axes[1];
  const auto found = std::ranges::find_if(axes, may_be_cut);
  return found == axes.end() ? axes.front() : *found;
}

// `whole` is one axis on one side, of the elements of several on the other.
void couple_parts(NodeCoupler& node, const NodeAxis& whole, const NodeAxis& side,
                  const std::vector<std::size_t>& axes) {
  const std::size_t carrier = carrier_of(node, side, axes, side.is_output);
  std::size_t behind = 1;
  for (const std::size_t axis : axes) {
    if (axis > carrier) behind *= node.size(at(side, axis));
    if (axis != carrier) node.lock(at(side, axis), kMixed);
  }
  const std::size_t size = node.size(at(side, carrier));
  for (std::size_t place = 0; place < node.size(whole); ++place) {
    node.tie(whole, place, at(side, carrier), place / behind % size);
  }
}

void couple_reshape(NodeCoupler& node) {
  const std::vector<AxisRun> runs = axis_runs(node.dims(in(0, 0)), node.dims(out(0, 0)));
  if (runs.empty()) {
    node.lock_from(in(0, 0), kMixed);
    node.lock_from(out(0, 0), kMixed);
    return;
  }
  for (const AxisRun& run : runs) {
    if (run.before.size() == 1) {
      couple_parts(node, in(0, run.before.front()), out(0, 0), run.after);
    } else if (run.after.size() == 1) {
      couple_parts(node, out(0, run.after.front()), in(0, 0), run.before);
    } else {
      for (const std::size_t axis : run.before) node.lock(in(0, axis), kMixed);
      for (const std::size_t axis : run.after) node.lock(out(0, axis), kMixed);
    }
  }
}

// Sizes that the graph states, whole or joined from numbers that it computes and others.
void cut_sizes(NodeCutter& node, std::size_t input) {
  const std::size_t rank = node.rank(out(0, 0));
  const auto changed = [&](std::int64_t size, std::size_t axis) {
    return size > 0 && axis < rank ? node.count(out(0, axis)) : size;
  };
  if (auto sizes = node.integers(input)) {
    const Integers before = *sizes;
    for (std::size_t axis = 0; axis < sizes->size(); ++axis) {
      (*sizes)[axis] = changed((*sizes)[axis], axis);
    }
    if (*sizes != before) node.set_input(input, *sizes);
    return;
  }
  Node* concat = node.producer(node.node().inputs[input]);
  if (concat == nullptr || !concat->is_standard("Concat")) return;
  std::size_t axis = 0;
  for (std::size_t i = 0; i < concat->inputs.size(); ++i) {
    const auto sizes = node.integers_of(concat->inputs[i]);
    const Dims* dims = node.dims_of(concat->inputs[i]);
    if (dims == nullptr || dims->size() != 1) return;
    if (sizes) {
      Integers after = *sizes;
      for (std::size_t k = 0; k < after.size(); ++k) after[k] = changed(after[k], axis + k);
      if (after != *sizes) node.set_input_of(*concat, i, after);
    }
    axis += static_cast<std::size_t>(dims->front());
  }
}

void cut_reshape(NodeCutter& node) {
  if (const auto* given = node.node().get<Integers>("shape")) {
    Integers sizes = *given;
    for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
      if (sizes[axis] > 0) sizes[axis] = node.count(out(0, axis));
    }
    return node.set_attribute("shape", sizes);
  }
  cut_sizes(node, 1);
}

// The axes that keep their size; the others may not be cut.
void couple_resized(NodeCoupler& node) {
  const std::size_t rank = node.rank(out(0, 0));
  const std::size_t own = node.rank(in(0, 0));
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const bool has_source = axis + own >= rank;
    const NodeAxis source = in(0, axis + own - rank);
    if (has_source && node.size(source) == node.size(out(0, axis))) {
      node.tie(source, out(0, axis));
    } else {
      if (has_source) node.lock(source, "changes its size");
      node.lock(out(0, axis), "changes its size");
    }
  }
}

// Sizes are the fourth input, where they are given; with axes they are only of those that change.
void cut_resize(NodeCutter& node) {
  if (node.has_input(3) && node.node().find("axes") == nullptr) cut_sizes(node, 3);
}

void couple_transpose(NodeCoupler& node) {
  const std::size_t rank = node.rank(in(0, 0));
  Integers order(rank);
  std::iota(order.rbegin(), order.rend(), 0);
  if (const auto* given = node.node().get<Integers>("perm")) order = *given;
  if (order.size() != rank) throw SizesDisagree();
  for (std::size_t axis = 0; axis < rank; ++axis) {
    node.tie(in(0, static_cast<std::size_t>(order[axis])), out(0, axis));
  }
}

void tie_but(NodeCoupler& node, std::size_t input, std::size_t output, std::size_t axis) {
  for (std::size_t each = 0; each < node.rank(out(output, 0)); ++each) {
    if (each != axis) node.tie(in(input, each), out(output, each));
  }
}

void couple_concat(NodeCoupler& node) {
  const std::size_t axis = NodeShapes::axis_of(node.integer("axis", 1), node.rank(out(0, 0)));
  std::size_t begin = 0;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    tie_but(node, i, 0, axis);
    for (std::size_t place = 0; place < node.size(in(i, axis)); ++place) {
      node.tie(in(i, axis), place, out(0, axis), begin + place);
    }
    begin += node.size(in(i, axis));
  }
}

void couple_split(NodeCoupler& node) {
  const std::size_t axis = NodeShapes::axis_of(node.integer("axis", 0), node.rank(in(0, 0)));
  std::size_t begin = 0;
  for (std::size_t i = 0; i < node.outputs(); ++i) {
    if (node.output(i) == nullptr) return node.lock_all("an output is left out");
    tie_but(node, 0, i, axis);
    for (std::size_t place = 0; place < node.size(out(i, axis)); ++place) {
      node.tie(in(0, axis), begin + place, out(i, axis), place);
    }
    begin += node.size(out(i, axis));
  }
}

// Parts that were equal may be so no more: their sizes are always stated then.
void cut_split(NodeCutter& node) {
  const std::size_t axis = NodeShapes::axis_of(node.integer("axis", 0), node.rank(in(0, 0)));
  if (!node.is_cut(in(0, axis))) return;
  Integers sizes;
  for (std::size_t i = 0; i < node.outputs(); ++i) sizes.push_back(node.count(out(i, axis)));
  if (node.opset() < 13) return node.set_attribute("split", sizes);
  node.remove_attribute("num_outputs");
  node.set_input(1, sizes);
}

// What a Slice takes of one axis.
struct Part {
  std::size_t entry = 0;  // in the lists of the node
  std::size_t axis = 0;
  std::int64_t begin = 0;
  std::int64_t step = 1;
};

// Nothing where the graph computes it.
std::optional<std::vector<Part>> parts_of(const NodeShapes& node) {
  const auto starts = node.integers("starts", 1);
  const auto axes = node.integers("axes", 3);
  const auto steps = node.integers(4);
  const auto ends = node.integers("ends", 2);
  if (!starts || !ends || ends->size() != starts->size() || (node.has_input(3) && !axes) ||
      (node.has_input(4) && !steps))
    return std::nullopt;
  std::vector<Part> parts;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    Part part{.entry = i, .axis = i};
    const std::size_t rank = node.rank(in(0, 0));
    if (axes && i < axes->size()) part.axis = NodeShapes::axis_of((*axes)[i], rank);
    if (steps && i < steps->size()) part.step = (*steps)[i];
    if (part.axis >= rank) return std::nullopt;
    const auto size = static_cast<std::int64_t>(node.size(in(0, part.axis)));
    const std::int64_t start = (*starts)[i];
    part.begin = std::clamp<std::int64_t>(start < 0 ? start + size : start, 0, size);
    parts.push_back(part);
  }
  return parts;
}

void couple_slice(NodeCoupler& node) {
  const auto parts = parts_of(node);
  if (!parts) return node.lock_all(kComputed);
  std::vector<bool> sliced(node.rank(in(0, 0)), false);
  for (const Part& part : *parts) {
    sliced[part.axis] = true;
    if (part.step != 1) {
      node.lock(in(0, part.axis), "takes every second one, or the like");
      node.lock(out(0, part.axis), "takes every second one, or the like");
      continue;
    }
    for (std::size_t place = 0; place < node.size(out(0, part.axis)); ++place) {
      node.tie(in(0, part.axis), static_cast<std::size_t>(part.begin) + place, out(0, part.axis),
               place);
    }
  }
  for (std::size_t axis = 0; axis < sliced.size(); ++axis) {
    if (!sliced[axis]) node.tie(in(0, axis), out(0, axis));
  }
}

void cut_slice(NodeCutter& node) {
  const auto parts = parts_of(node);
  auto starts = node.integers("starts", 1);
  auto ends = node.integers("ends", 2);
  if (!parts || !starts || !ends) return;
  bool changed = false;
  for (const Part& part : *parts) {
    if (!node.is_cut(in(0, part.axis))) continue;
    const std::int64_t begin =
        node.count(in(0, part.axis), 0, static_cast<std::size_t>(part.begin));
    (*starts)[part.entry] = begin;
    (*ends)[part.entry] = begin + node.count(out(0, part.axis));
    changed = true;
  }
  if (!changed) return;
  const std::array<std::optional<Integers>, 4> lists = {starts, ends, node.integers(3),
                                                        node.integers(4)};
  if (node.node().find("starts") != nullptr) {
    node.set_attribute("starts", *starts);
    node.set_attribute("ends", *ends);
    return;
  }
  // All of one type.
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (lists[i]) node.set_input(i + 1, *lists[i]);
  }
}

void couple_gather(NodeCoupler& node) {
  const std::size_t axis = NodeShapes::axis_of(node.integer("axis", 0), node.rank(in(0, 0)));
  const std::size_t rank = node.rank(in(1, 0));
  for (std::size_t each = 0; each < node.rank(in(0, 0)); ++each) {
    if (each != axis) node.tie(in(0, each), out(0, each < axis ? each : each + rank - 1));
  }
  const auto indices = node.integers(1);
  if (!indices || rank != 1) {
    node.lock(in(0, axis), "looks up entries");
    for (std::size_t each = 0; each < rank; ++each) {
      node.tie(in(1, each), out(0, axis + each));
    }
    return;
  }
  node.lock(in(1, 0), "looks up entries");
  for (std::size_t place = 0; place < indices->size(); ++place) {
    const std::size_t source = NodeShapes::axis_of((*indices)[place], node.size(in(0, axis)));
    node.tie(in(0, axis), source, out(0, axis), place);
  }
}

// The indices that stay, as the places that stay are counted.
void cut_gather(NodeCutter& node) {
  const std::size_t axis = NodeShapes::axis_of(node.integer("axis", 0), node.rank(in(0, 0)));
  const auto indices = node.integers(1);
  if (!indices || node.rank(in(1, 0)) != 1 || !node.is_cut(in(0, axis))) return;
  Integers left;
  for (const std::int64_t index : *indices) {
    const std::size_t source = NodeShapes::axis_of(index, node.size(in(0, axis)));
    if (node.stays(in(0, axis), source)) left.push_back(node.count(in(0, axis), 0, source));
  }
  node.set_input(1, left);
}

// What is put before each axis; nothing where the graph computes it.
std::optional<Integers> padding_of(const NodeShapes& node) {
  auto pads = node.integers("pads", 1);
  const std::size_t rank = node.rank(in(0, 0));
  if (!pads || node.has_input(3) || pads->size() != 2 * rank) return std::nullopt;
  return pads;
}

void couple_pad(NodeCoupler& node) {
  const auto pads = padding_of(node);
  if (!pads) return node.lock_all(kComputed);
  const auto* mode = node.node().get<std::string>("mode");
  const bool is_constant = mode == nullptr || *mode == "constant";
  const std::size_t rank = node.rank(in(0, 0));
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t before = (*pads)[axis];
    const std::int64_t after = (*pads)[axis + rank];
    if (before < 0 || after < 0 || (!is_constant && before + after > 0)) {
      node.lock(in(0, axis), "changes its size");
      node.lock(out(0, axis), "changes its size");
      continue;
    }
    for (std::size_t place = 0; place < node.size(in(0, axis)); ++place) {
      node.tie(in(0, axis), place, out(0, axis), place + static_cast<std::size_t>(before));
    }
  }
}

void cut_pad(NodeCutter& node) {
  auto pads = padding_of(node);
  if (!pads) return;
  const std::size_t rank = node.rank(in(0, 0));
  const Integers given = *pads;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const auto before = static_cast<std::size_t>(std::max<std::int64_t>(given[axis], 0));
    const std::size_t end = before + node.size(in(0, axis));
    if (!node.is_cut(out(0, axis))) continue;
    (*pads)[axis] = node.count(out(0, axis), 0, before);
    (*pads)[axis + rank] = node.count(out(0, axis), end, node.size(out(0, axis)));
  }
  if (*pads != given) node.set_integers("pads", 1, *pads);
}

// The channel of a place of the axis that is cut into blocks.
void couple_blocks(NodeCoupler& node, const NodeAxis& blocks, const NodeAxis& channels,
                   bool channels_first) {
  const std::size_t count = node.size(channels);
  if (count == 0 || node.size(blocks) < count) throw SizesDisagree();
  const std::size_t block = node.size(blocks) / count;
  for (std::size_t place = 0; place < node.size(blocks); ++place) {
    node.tie(blocks, place, channels, channels_first ? place / block : place % count);
  }
  node.tie(in(0, 0), out(0, 0));
  node.lock_from(in(0, 2), kMixed);
  node.lock_from(out(0, 2), kMixed);
}

void couple_depth_to_space(NodeCoupler& node) {
  const auto* mode = node.node().get<std::string>("mode");
  couple_blocks(node, in(0, 1), out(0, 1), mode != nullptr && *mode == "CRD");
}

void couple_space_to_depth(NodeCoupler& node) { couple_blocks(node, out(0, 1), in(0, 1), false); }

// It reads sizes, whatever they are.
void couple_nothing(NodeCoupler& /*node*/) {}

constexpr std::array kRows = std::to_array<OperatorChannels>({
    {"Concat", couple_concat},
    {"DepthToSpace", couple_depth_to_space},
    {"Expand", couple_resized, [](NodeCutter& node) { cut_sizes(node, 1); }},
    {"Flatten", couple_reshape, nullptr, true},
    {"Gather", couple_gather, cut_gather},
    {"Pad", couple_pad, cut_pad},
    {"Reshape", couple_reshape, cut_reshape, true},
    {"Resize", couple_resized, cut_resize},
    {"Shape", couple_nothing},
    {"Slice", couple_slice, cut_slice},
    {"SpaceToDepth", couple_space_to_depth},
    {"Split", couple_split, cut_split},
    {"Squeeze", couple_reshape, nullptr, true},
    {"Tile", couple_resized},
    {"Transpose", couple_transpose},
    {"Unsqueeze", couple_reshape, nullptr, true},
    {"Upsample", couple_resized},
});

}  // namespace

std::span<const OperatorChannels> shape_channels() { return kRows; }

}  // namespace qc
