#include "report/hardware.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "codecs/encode/levels.h"
#include "codecs/shared/level_sets.h"
#include "core/float_types.h"
#include "core/zeros.h"
#include "formats/onnx/value_shapes.h"
#include "graph/binary_values.h"
#include "graph/graph.h"
#include "system/parallel.h"

namespace qc {
namespace {

// Picojoules of an operation on 32 bits at 45 nm.
constexpr double kIntAdd = 0.1;
constexpr double kFloatAdd = 0.9;
constexpr double kFloatMultiply = 3.7;
constexpr double kSramRead = 5;  // of 32 KB
constexpr double kDramRead = 640;
// A product that could be looked up is multiplied where that takes less.
constexpr double kLookup = std::min(kSramRead, kFloatMultiply);

// Products of weights with more distinct values are not in a table.
constexpr std::uint64_t kMostTableEntries = 256;

/// Elements of a shape, if all of them are known.
std::optional<std::uint64_t> known_count(std::span<const std::int64_t> dims) {
  if (std::ranges::any_of(dims, [](std::int64_t dim) { return dim < 0; })) return std::nullopt;
  return element_count(dims);
}

std::optional<std::uint64_t> product(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  if (a > 0 && b > kMost / a) return std::nullopt;
  return a * b;
}

// The shapes a node reads and writes.
struct NodeShapes {
  std::vector<std::int64_t> first_input;
  std::vector<std::int64_t> output;
  bool transposes_first = false;
};

using Uses = std::optional<std::uint64_t>;

// Of `part` things that share `whole` products, how many does each have?
Uses share(Uses whole, std::int64_t part) {
  if (!whole || part <= 0) return std::nullopt;
  return *whole / static_cast<std::uint64_t>(part);
}

Uses uses_in_conv(const NodeShapes& shapes, std::uint64_t) {
  if (shapes.output.size() < 3) return std::nullopt;
  return share(known_count(shapes.output), shapes.output[1]);
}

Uses uses_in_transposed_conv(const NodeShapes& shapes, std::uint64_t) {
  if (shapes.first_input.size() < 3) return std::nullopt;
  return share(known_count(shapes.first_input), shapes.first_input[1]);
}

// Every output is a sum over the inner dimension.
Uses uses_in_product(const NodeShapes& shapes, std::uint64_t weights) {
  const auto& left = shapes.first_input;
  const auto outputs = known_count(shapes.output);
  if (left.empty() || !outputs || weights == 0) return std::nullopt;
  const std::int64_t inner = shapes.transposes_first ? left[0] : left.back();
  if (inner < 0) return std::nullopt;
  const auto products = product(*outputs, static_cast<std::uint64_t>(inner));
  return products ? Uses(*products / weights) : std::nullopt;
}

// X: [sequence, batch, input]; every weight is used in every step of the sequence.
Uses uses_in_recurrence(const NodeShapes& shapes, std::uint64_t) {
  if (shapes.first_input.size() != 3) return std::nullopt;
  return known_count(std::span(shapes.first_input).first(2));
}

// How often an operator uses each of its weights for one input.
struct OperatorUses {
  std::string_view op;
  Uses (*count)(const NodeShapes& shapes, std::uint64_t weights);
};

constexpr std::array kOperatorUses = std::to_array<OperatorUses>({
    {"Conv", uses_in_conv},
    {"ConvTranspose", uses_in_transposed_conv},
    {"Gemm", uses_in_product},
    {"MatMul", uses_in_product},
    {"LSTM", uses_in_recurrence},
    {"GRU", uses_in_recurrence},
    {"RNN", uses_in_recurrence},
});

// Operators that read weights without multiplying by them.
constexpr std::array<std::string_view, 2> kLookedUp = {"Gather", "EmbedLayerNormalization"};

// Operators whose first input is what the weights are multiplied with, and nothing else is.
constexpr std::array<std::string_view, 4> kOneInput = {"Conv", "ConvTranspose", "Gemm", "MatMul"};

bool has_binary_input(const Node& node, const BinaryValues& binary) {
  return std::ranges::find(kOneInput, node.op) != kOneInput.end() &&
         binary.contains(node.inputs.front());
}

std::vector<OpenInput> open_inputs(const Graph& graph, const ValueShapes& shapes) {
  std::vector<OpenInput> open;
  bool first = true;
  for (const GraphValue& input : graph.inputs) {
    const auto known = shapes.find(input.name);
    OpenInput found{input.name, {}, first};
    first = false;
    if (known != shapes.end()) {
      if (known_count(known->second)) continue;
      found.dims = known->second;
    }
    open.push_back(std::move(found));
  }
  return open;
}

std::vector<std::int64_t> shape_of(const ValueShapes& shapes, const std::string& value) {
  const auto found = shapes.find(value);
  return found != shapes.end() ? found->second : std::vector<std::int64_t>();
}

/// How often each weight is used, and how many sums are made of the products.
struct Work {
  std::uint64_t uses = 0;
  std::uint64_t sums = 0;
};

std::optional<Work> work_of(const TensorInfo& tensor, const Node& node, const ValueShapes& shapes) {
  const auto row = std::ranges::find(kOperatorUses, node.op, &OperatorUses::op);
  if (row == kOperatorUses.end() || node.inputs.empty() || node.outputs.empty()) {
    return std::nullopt;
  }
  NodeShapes around;
  around.first_input = shape_of(shapes, node.inputs.front());
  around.output = shape_of(shapes, node.outputs.front());
  const auto* transposes = node.get<std::int64_t>("transA");
  around.transposes_first = transposes != nullptr && *transposes != 0;
  const Uses uses = row->count(around, tensor.count());
  const auto sums = known_count(around.output);
  if (!uses || !sums) return std::nullopt;
  return Work{*uses, *sums};
}

struct Classes {
  Products weights;  // numbers of weights; scalings: 1 where sums are to be scaled
  std::optional<Levels> levels;
};

std::optional<Levels> levels_of(const TensorInfo& tensor, ByteView payload) {
  const TensorView view = {payload, element_of(tensor.type)};
  if (auto levels = find_levels(view, {})) return levels;
  if (tensor.channel_axis < 0) return std::nullopt;
  return find_levels(view, channel_map(tensor.dims, tensor.channel_axis));
}

Classes classify(const TensorInfo& tensor, ByteView payload, const TensorBreakdown& stored) {
  Classes classes;
  Products& weights = classes.weights;
  weights.skipped = tensor.count() - stored.nonzeros;
  if (auto levels = levels_of(tensor, payload)) {
    const std::vector<float> values = load_floats(tensor.type, payload);
    bool scaled = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0) continue;
      const int multiple = multiple_of(levels->set, levels->symbols[i]);
      ++(std::abs(multiple) == 2 ? weights.shifts : weights.sign_flips);
      scaled |= values[i] != static_cast<float>(multiple);
    }
    weights.scalings = scaled ? 1 : 0;
    classes.levels = std::move(levels);
  } else if (stored.distinct > 0 && stored.distinct <= kMostTableEntries) {
    weights.lookups = stored.nonzeros;
  } else {
    weights.multiplied = stored.nonzeros;
  }
  return classes;
}

std::optional<Kernels> count_kernels(const TensorInfo& tensor, const Levels& levels) {
  const auto& dims = tensor.dims;
  if (dims.size() != 4) return std::nullopt;
  const std::uint64_t taps = element_count(std::span(dims).subspan(2)).value_or(0);
  if (taps < 2 || taps > levels.symbols.size()) return std::nullopt;
  const auto size = static_cast<std::size_t>(taps);
  std::set<std::vector<std::int8_t>> distinct;
  std::set<std::vector<std::int8_t>> up_to_sign;
  Kernels kernels;
  for (std::size_t at = 0; at + size <= levels.symbols.size(); at += size) {
    std::vector<std::int8_t> kernel(size);
    std::vector<std::int8_t> negative(size);
    for (std::size_t i = 0; i < size; ++i) {
      const int multiple = multiple_of(levels.set, levels.symbols[at + i]);
      kernel[i] = static_cast<std::int8_t>(multiple);
      negative[i] = static_cast<std::int8_t>(-multiple);
    }
    up_to_sign.insert(std::max(kernel, negative));
    distinct.insert(std::move(kernel));
    ++kernels.count;
  }
  kernels.distinct = distinct.size();
  kernels.distinct_up_to_sign = up_to_sign.size();
  return kernels;
}

/// The products of weights of which each is used `uses` times, for `sums` outputs; nothing where
/// there are more than anybody can count.
std::optional<Products> times(const Products& weights, std::uint64_t uses, std::uint64_t sums) {
  if (!product(weights.total(), uses)) return std::nullopt;
  return Products{weights.skipped * uses, weights.sign_flips * uses, weights.shifts * uses,
                  weights.lookups * uses, weights.xnors * uses,      weights.multiplied * uses,
                  weights.scalings * sums};
}

/// The same products where every activation is 1 or -1: those of weights 1 and -1 are XNORs of
/// bits, those of other weights flip the weight's sign.
Products with_binary_activations(Products products) {
  products.xnors = products.sign_flips;
  products.sign_flips = products.lookups + products.multiplied;
  products.lookups = 0;
  products.multiplied = 0;
  return products;
}

double arithmetic_energy(const Products& products) {
  const auto of = [](std::uint64_t count, double each) {
    return static_cast<double>(count) * each;
  };
  const std::uint64_t float_sums = products.total() - products.skipped - products.xnors;
  return of(float_sums, kFloatAdd) + of(products.xnors + products.shifts, kIntAdd) +
         of(products.lookups, kLookup) +
         of(products.multiplied + products.scalings, kFloatMultiply);
}

double read_energy(std::uint64_t bytes) { return static_cast<double>(bytes) / 4 * kDramRead; }

}  // namespace

Products& Products::operator+=(const Products& other) noexcept {
  skipped += other.skipped;
  sign_flips += other.sign_flips;
  shifts += other.shifts;
  lookups += other.lookups;
  xnors += other.xnors;
  multiplied += other.multiplied;
  scalings += other.scalings;
  return *this;
}

Energy& Energy::operator+=(const Energy& other) noexcept {
  arithmetic += other.arithmetic;
  weights += other.weights;
  return *this;
}

HardwareView hardware_view(const OnnxModel& model, const Breakdown& stored,
                           std::span<const std::int64_t> input, unsigned threads) {
  const Graph& graph = model.graph()->main;
  const ValueShapes shapes = infer_shapes(model, input);
  const BinaryValues binary = find_binary_values(graph);
  const auto nodes = nodes_by_number(graph);
  std::map<std::string_view, const TensorBreakdown*> stored_by_name;
  for (const TensorBreakdown& line : stored.tensors) stored_by_name[line.tensor.name] = &line;

  std::vector<const TensorInfo*> tensors;
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.role != Role::kWeight || !tensor.has_values() || tensor.count() == 0) continue;
    if (std::ranges::find(kLookedUp, tensor.op) != kLookedUp.end()) continue;
    if (stored_by_name.contains(tensor.name)) tensors.push_back(&tensor);
  }
  HardwareView view;
  view.open_inputs = open_inputs(graph, shapes);
  std::vector<LayerWork>& layers = view.layers;
  layers.resize(tensors.size());
  parallel_for(layers.size(), threads, [&](std::size_t i) {
    const TensorInfo& tensor = *tensors[i];
    const TensorBreakdown& line = *stored_by_name.at(tensor.name);
    Bytes positive;  // the elements without negative zeros, where there are any
    if (line.negative_zeros > 0) {
      const ByteView payload = model.payload(tensor);
      positive.assign(payload.begin(), payload.end());
      make_zeros_positive(tensor.type, positive);
    }
    const Classes classes =
        classify(tensor, positive.empty() ? model.payload(tensor) : positive, line);
    LayerWork& layer = layers[i];
    layer.name = tensor.name;
    layer.op = tensor.op;
    if (classes.levels) layer.kernels = count_kernels(tensor, *classes.levels);
    const auto node = nodes.find(tensor.position);
    if (node == nodes.end() || node->second->op != tensor.op) return;
    const auto work = work_of(tensor, *node->second, shapes);
    if (!work) return;
    layer.products = times(classes.weights, work->uses, work->sums);
    if (!layer.products) return;
    if (has_binary_input(*node->second, binary)) {
      layer.products = with_binary_activations(*layer.products);
    }
    const bool coded = line.placement == Placement::kOwn || line.placement == Placement::kPooled;
    const Products dense = {.multiplied = layer.products->total()};
    layer.energy = {arithmetic_energy(*layer.products),
                    read_energy(coded ? line.stored_bytes : tensor.size)};
    layer.energy_dense = {arithmetic_energy(dense), read_energy(tensor.size)};
  });
  return view;
}

}  // namespace qc
