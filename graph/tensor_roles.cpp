#include "graph/tensor_roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace qc {
namespace {

// Where the output channels of a weight are.
enum class Axis {
  kNone,
  kFirst,
  kSecond,
  kLast,
  kSecondToLast,
  kGemmA,  ///< rows of A, which transA turns into columns
  kGemmB,  ///< columns of B, which transB turns into rows
};

// What an operator's input is for. A negative `last` means "up to the end".
struct InputRole {
  std::string_view op;
  int first;
  int last;
  Role role;
  Axis axis;
};

constexpr std::array kInputRoles = std::to_array<InputRole>({
    {"Conv", 1, 1, Role::kWeight, Axis::kFirst},
    {"Conv", 2, 2, Role::kBias, Axis::kFirst},
    {"FusedConv", 1, 1, Role::kWeight, Axis::kFirst},
    {"FusedConv", 2, 2, Role::kBias, Axis::kFirst},
    {"NhwcConv", 1, 1, Role::kWeight, Axis::kFirst},
    {"NhwcConv", 2, 2, Role::kBias, Axis::kFirst},
    {"ConvInteger", 1, 1, Role::kWeight, Axis::kFirst},
    {"QLinearConv", 3, 3, Role::kWeight, Axis::kFirst},
    {"QLinearConv", 8, 8, Role::kBias, Axis::kFirst},
    {"DeformConv", 1, 1, Role::kWeight, Axis::kFirst},
    {"DeformConv", 3, 3, Role::kBias, Axis::kFirst},
    {"ConvTranspose", 1, 1, Role::kWeight, Axis::kSecond},
    {"ConvTranspose", 2, 2, Role::kBias, Axis::kFirst},
    {"Gemm", 0, 0, Role::kWeight, Axis::kGemmA},
    {"Gemm", 1, 1, Role::kWeight, Axis::kGemmB},
    {"Gemm", 2, 2, Role::kBias, Axis::kLast},
    {"FusedGemm", 1, 1, Role::kWeight, Axis::kGemmB},
    {"FusedGemm", 2, 2, Role::kBias, Axis::kLast},
    {"MatMul", 0, 0, Role::kWeight, Axis::kSecondToLast},
    {"MatMul", 1, 1, Role::kWeight, Axis::kLast},
    {"FusedMatMul", 1, 1, Role::kWeight, Axis::kLast},
    {"MatMulInteger", 1, 1, Role::kWeight, Axis::kLast},
    {"QLinearMatMul", 3, 3, Role::kWeight, Axis::kLast},
    {"Gather", 0, 0, Role::kWeight, Axis::kFirst},
    {"EmbedLayerNormalization", 2, 4, Role::kWeight, Axis::kFirst},
    {"EmbedLayerNormalization", 5, 6, Role::kNorm, Axis::kFirst},
    {"Attention", 1, 1, Role::kWeight, Axis::kLast},
    {"Attention", 2, 2, Role::kBias, Axis::kFirst},
    {"LSTM", 1, 2, Role::kWeight, Axis::kSecond},
    {"LSTM", 3, 3, Role::kBias, Axis::kSecond},
    {"GRU", 1, 2, Role::kWeight, Axis::kSecond},
    {"GRU", 3, 3, Role::kBias, Axis::kSecond},
    {"RNN", 1, 2, Role::kWeight, Axis::kSecond},
    {"RNN", 3, 3, Role::kBias, Axis::kSecond},
    {"DynamicQuantizeLSTM", 1, 2, Role::kWeight, Axis::kLast},
    {"DynamicQuantizeLSTM", 3, 3, Role::kBias, Axis::kSecond},
    {"BatchNormalization", 1, 4, Role::kNorm, Axis::kFirst},
    {"InstanceNormalization", 1, 2, Role::kNorm, Axis::kFirst},
    {"GroupNormalization", 1, 2, Role::kNorm, Axis::kFirst},
    {"LayerNormalization", 1, 2, Role::kNorm, Axis::kFirst},
    {"SimplifiedLayerNormalization", 1, 1, Role::kNorm, Axis::kFirst},
    {"SkipSimplifiedLayerNormalization", 2, 2, Role::kNorm, Axis::kFirst},
    {"SkipSimplifiedLayerNormalization", 3, 3, Role::kBias, Axis::kFirst},
    {"SkipLayerNormalization", 2, 3, Role::kNorm, Axis::kFirst},
    {"SkipLayerNormalization", 4, 4, Role::kBias, Axis::kFirst},
    {"BiasGelu", 1, 1, Role::kBias, Axis::kFirst},
    {"FastGelu", 1, 1, Role::kBias, Axis::kFirst},
    {"Einsum", 0, -1, Role::kWeight, Axis::kNone},
});

// Operators that hand their first input on; a weight behind them is still that weight.
struct PassThrough {
  std::string_view op;
  bool keeps_shape;
};

constexpr std::array kPassThrough = std::to_array<PassThrough>({
    {"Identity", true},
    {"Cast", true},
    {"QuantizeLinear", true},
    {"DequantizeLinear", true},
    {"Transpose", false},
    {"Reshape", false},
    {"Flatten", false},
    {"Squeeze", false},
    {"Unsqueeze", false},
});

constexpr int kMaxPassThrough = 16;

std::int64_t int_attribute(const Node& node, std::string_view name, std::int64_t otherwise) {
  const auto* value = node.get<std::int64_t>(name);
  return value != nullptr ? *value : otherwise;
}

int resolve_axis(Axis axis, const Node& node, int rank) {
  switch (axis) {
    case Axis::kFirst:
      return rank > 0 ? 0 : -1;
    case Axis::kSecond:
      return rank > 1 ? 1 : -1;
    case Axis::kLast:
      return rank - 1;
    case Axis::kSecondToLast:
      return rank - 2;
    case Axis::kGemmA:
      return rank == 2 ? (int_attribute(node, "transA", 0) != 0 ? 1 : 0) : -1;
    case Axis::kGemmB:
      return rank == 2 ? (int_attribute(node, "transB", 0) != 0 ? 0 : 1) : -1;
    case Axis::kNone:
      break;
  }
  return -1;
}

// A use of a value: input `index` of `node`.
struct Use {
  const Node* node;
  int index;
};

using Uses = std::multimap<std::string, Use, std::less<>>;

class RoleFinder {
 public:
  RoleFinder(const ModelGraph& model, std::vector<TensorInfo>& tensors)
      : model_(model), tensors_(tensors) {}

  void run() {
    collect_uses(model_.main.nodes);
    name_graph(model_.main);
    for (const TrainingGraphs& training : model_.training) {
      collect_uses(training.initialization.nodes);
      collect_uses(training.algorithm.nodes);
      name_graph(training.initialization);
      name_graph(training.algorithm);
    }
    for (const Function& function : model_.functions) {
      // Names inside a function are its own.
      Uses outer;
      outer.swap(uses_);
      collect_uses(function.nodes);
      for (const Node& node : function.nodes) name_node(node);
      outer.swap(uses_);
    }
  }

 private:
  void collect_uses(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (!node.inputs[i].empty()) uses_.emplace(node.inputs[i], Use{&node, static_cast<int>(i)});
      }
      each_subgraph(node, [&](const Graph& inner) { collect_uses(inner.nodes); });
    }
  }

  void name_graph(const Graph& graph) {
    for (const Initializer& each : graph.initializers) {
      name_tensor(each.tensor, each.name, each.name, each.name);
    }
    for (const Node& node : graph.nodes) name_node(node);
  }

  void name_node(const Node& node) {
    const std::string output = !node.outputs.empty() ? node.outputs.front() : "";
    const bool constant = node.op == "Constant";
    for (const Attribute& attribute : node.attributes) {
      const std::string inner = node.label() + "/" + attribute.name;
      if (const auto* tensor = std::get_if<GraphTensor>(&attribute.value)) {
        const bool named = constant && (!output.empty() || tensor->sparse);
        name_tensor(*tensor, named ? output : inner, constant ? output : "", inner);
      } else if (const auto* all = std::get_if<std::vector<GraphTensor>>(&attribute.value)) {
        for (std::size_t i = 0; i < all->size(); ++i) {
          const std::string name = fmt::format("{}[{}]", inner, i);
          name_tensor((*all)[i], name, "", name);
        }
      }
      each_subgraph(attribute, [&](const Graph& graph) { name_graph(graph); });
    }
  }

  // Names the tensor and, where `value` is the name under which nodes see it, finds its role. The
  // indices of a sparse one are named after `indexed`.
  void name_tensor(const GraphTensor& tensor, const std::string& name, const std::string& value,
                   const std::string& indexed) {
    name_value(tensor.index, name, value);
    if (tensor.sparse) name_value(tensor.sparse->indices, indexed + "/indices", "");
  }

  void name_value(std::size_t index, const std::string& name, const std::string& value) {
    TensorInfo& tensor = tensors_[index];
    tensor.name = unique_name(name.empty() ? fmt::format("tensor_{}", index) : name);
    if (value.empty()) return;
    const auto rank = static_cast<int>(tensor.dims.size());
    std::set<std::string> seen;
    find_role(value, rank, true, 0, tensor, seen);
  }

  std::string unique_name(const std::string& name) {
    int& uses = name_uses_[name];
    if (++uses == 1) return name;
    return unique_name(fmt::format("{}#{}", name, uses));
  }

  // The first use with a role decides; weights win over everything else.
  void find_role(const std::string& value, int rank, bool same_shape, int depth, TensorInfo& tensor,
                 std::set<std::string>& seen) {
    if (depth > kMaxPassThrough || !seen.insert(value).second) return;
    const auto [begin, end] = uses_.equal_range(value);
    for (auto use = begin; use != end; ++use) {
      const Node& node = *use->second.node;
      const int input = use->second.index;
      if (tensor.op.empty()) set_op(tensor, use->second);
      if (const InputRole* row = find_input_role(node.op, input)) {
        if (tensor.role != Role::kWeight) {
          tensor.role = row->role;
          set_op(tensor, use->second);
          tensor.channel_axis = same_shape ? resolve_axis(row->axis, node, rank) : -1;
        }
        continue;
      }
      if (is_added_bias(node, tensor, input) && tensor.role == Role::kOther) {
        tensor.role = Role::kBias;
        set_op(tensor, use->second);
        continue;
      }
      const PassThrough* pass = find_pass_through(node.op);
      if (pass != nullptr && input == 0 && !node.outputs.empty()) {
        follow(node, *pass, rank, same_shape, depth, tensor, seen);
      }
    }
  }

  static void set_op(TensorInfo& tensor, const Use& use) {
    tensor.op = use.node->op;
    tensor.position = use.node->number;
  }

  void follow(const Node& node, const PassThrough& pass, int rank, bool same_shape, int depth,
              TensorInfo& tensor, std::set<std::string>& seen) {
    const Role role_before = tensor.role;
    const int axis_before = std::exchange(tensor.channel_axis, -1);
    find_role(node.outputs.front(), rank, same_shape && (pass.keeps_shape || is_transpose(node)),
              depth + 1, tensor, seen);
    if (tensor.channel_axis < 0) {
      if (tensor.role == role_before) tensor.channel_axis = axis_before;
      return;
    }
    // The axis was found in the transposed shape: axis i there is axis perm[i] here.
    if (is_transpose(node)) {
      const auto* perm = node.get<std::vector<std::int64_t>>("perm");
      const auto axis = static_cast<std::size_t>(tensor.channel_axis);
      if (perm == nullptr || perm->empty()) {
        tensor.channel_axis = rank - 1 - tensor.channel_axis;
      } else {
        tensor.channel_axis = axis < perm->size() ? static_cast<int>((*perm)[axis]) : -1;
      }
    }
    if (tensor.channel_axis >= rank) tensor.channel_axis = -1;
  }

  static bool is_transpose(const Node& node) { return node.op == "Transpose"; }

  static const InputRole* find_input_role(std::string_view op, int input) {
    for (const InputRole& row : kInputRoles) {
      if (row.op == op && input >= row.first && (row.last < 0 || input <= row.last)) return &row;
    }
    return nullptr;
  }

  static const PassThrough* find_pass_through(std::string_view op) {
    for (const PassThrough& row : kPassThrough) {
      if (row.op == op) return &row;
    }
    return nullptr;
  }

  // Exporters write the bias of a MatMul as an Add: all but at most one dimension are 1.
  static bool is_added_bias(const Node& node, const TensorInfo& tensor, int input) {
    if (node.op != "Add" || input > 1 || tensor.dims.empty()) return false;
    const auto wide = std::count_if(tensor.dims.begin(), tensor.dims.end(),
                                    [](std::int64_t dim) { return dim != 1; });
    return wide == 1;
  }

  const ModelGraph& model_;
  std::vector<TensorInfo>& tensors_;
  Uses uses_;
  std::map<std::string, int, std::less<>> name_uses_;
};

}  // namespace

void assign_roles(const ModelGraph& model, std::vector<TensorInfo>& tensors) {
  RoleFinder(model, tensors).run();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name.empty()) tensors[i].name = fmt::format("tensor_{}", i);
  }
}

}  // namespace qc
