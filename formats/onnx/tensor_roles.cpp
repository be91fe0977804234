#include "formats/onnx/tensor_roles.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "formats/onnx/skeleton.h"

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

std::int64_t int_attribute(const onnx::NodeProto& node, std::string_view name,
                           std::int64_t otherwise) {
  const onnx::AttributeProto* attribute = find_attribute(node, name);
  return attribute != nullptr ? attribute->i() : otherwise;
}

int resolve_axis(Axis axis, const onnx::NodeProto& node, int rank) {
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
  const onnx::NodeProto* node;
  int index;
  std::size_t position;  // of the node
};

using Uses = std::multimap<std::string, Use, std::less<>>;

class RoleFinder {
 public:
  RoleFinder(onnx::ModelProto model, std::vector<TensorInfo>& tensors)
      : model_(std::move(model)), tensors_(tensors) {}

  void run() {
    collect_uses(model_.graph());
    name_graph(model_.graph());
    for (const auto& training : model_.training_info()) {
      collect_uses(training.initialization());
      collect_uses(training.algorithm());
      name_graph(training.initialization());
      name_graph(training.algorithm());
    }
    for (const auto& function : model_.functions()) {
      // Names inside a function are its own.
      Uses outer;
      outer.swap(uses_);
      collect_node_uses(function.node());
      for (const auto& node : function.node()) name_node(node);
      outer.swap(uses_);
    }
  }

 private:
  template <typename Nodes>
  void collect_node_uses(const Nodes& nodes) {
    for (const auto& node : nodes) {
      const std::size_t position = nodes_seen_++;
      for (int i = 0; i < node.input_size(); ++i) {
        if (!node.input(i).empty()) uses_.emplace(node.input(i), Use{&node, i, position});
      }
      for (const auto& attribute : node.attribute()) {
        if (attribute.has_g()) collect_uses(attribute.g());
        for (const auto& graph : attribute.graphs()) collect_uses(graph);
      }
    }
  }

  void collect_uses(const onnx::GraphProto& graph) { collect_node_uses(graph.node()); }

  void name_graph(const onnx::GraphProto& graph) {
    for (const auto& tensor : graph.initializer()) name_value(tensor, tensor.name(), tensor.name());
    for (const auto& sparse : graph.sparse_initializer()) {
      const std::string& name = sparse.values().name();
      name_value(sparse.values(), name, name);
      name_value(sparse.indices(), name + "/indices", "");
    }
    for (const auto& node : graph.node()) name_node(node);
  }

  void name_node(const onnx::NodeProto& node) {
    const std::string output = node.output_size() > 0 ? node.output(0) : "";
    const std::string& label = node_label(node);
    for (const auto& attribute : node.attribute()) {
      const bool constant = node.op_type() == "Constant";
      const std::string inner = label + "/" + attribute.name();
      if (attribute.has_t()) {
        name_value(attribute.t(), constant && !output.empty() ? output : inner,
                   constant ? output : "");
      }
      if (attribute.has_sparse_tensor()) {
        name_value(attribute.sparse_tensor().values(), constant ? output : inner,
                   constant ? output : "");
        name_value(attribute.sparse_tensor().indices(), inner + "/indices", "");
      }
      for (int i = 0; i < attribute.tensors_size(); ++i) {
        name_value(attribute.tensors(i), fmt::format("{}[{}]", inner, i), "");
      }
      for (int i = 0; i < attribute.sparse_tensors_size(); ++i) {
        const auto& sparse = attribute.sparse_tensors(i);
        name_value(sparse.values(), fmt::format("{}[{}]", inner, i), "");
        name_value(sparse.indices(), fmt::format("{}[{}]/indices", inner, i), "");
      }
      if (attribute.has_g()) name_graph(attribute.g());
      for (const auto& graph : attribute.graphs()) name_graph(graph);
    }
  }

  // Names the tensor and, where `value` is the name under which nodes see it, finds its role.
  void name_value(const onnx::TensorProto& proto, const std::string& name,
                  const std::string& value) {
    const auto index = skeleton_index(proto, tensors_.size());
    if (!index) return;
    TensorInfo& tensor = tensors_[*index];
    tensor.name = unique_name(name.empty() ? fmt::format("tensor_{}", *index) : name);
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
      const onnx::NodeProto& node = *use->second.node;
      const int input = use->second.index;
      if (tensor.op.empty()) set_op(tensor, use->second);
      if (const InputRole* row = find_input_role(node.op_type(), input)) {
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
      const PassThrough* pass = find_pass_through(node.op_type());
      if (pass != nullptr && input == 0 && node.output_size() > 0) {
        follow(node, *pass, rank, same_shape, depth, tensor, seen);
      }
    }
  }

  static void set_op(TensorInfo& tensor, const Use& use) {
    tensor.op = use.node->op_type();
    tensor.position = use.position;
  }

  void follow(const onnx::NodeProto& node, const PassThrough& pass, int rank, bool same_shape,
              int depth, TensorInfo& tensor, std::set<std::string>& seen) {
    const Role role_before = tensor.role;
    const int axis_before = std::exchange(tensor.channel_axis, -1);
    find_role(node.output(0), rank, same_shape && (pass.keeps_shape || is_transpose(node)),
              depth + 1, tensor, seen);
    if (tensor.channel_axis < 0) {
      if (tensor.role == role_before) tensor.channel_axis = axis_before;
      return;
    }
    // The axis was found in the transposed shape: axis i there is axis perm[i] here.
    if (is_transpose(node)) {
      const onnx::AttributeProto* perm = find_attribute(node, "perm");
      if (perm == nullptr || perm->ints_size() == 0) {
        tensor.channel_axis = rank - 1 - tensor.channel_axis;
      } else {
        tensor.channel_axis = tensor.channel_axis < perm->ints_size()
                                  ? static_cast<int>(perm->ints(tensor.channel_axis))
                                  : -1;
      }
    }
    if (tensor.channel_axis >= rank) tensor.channel_axis = -1;
  }

  static bool is_transpose(const onnx::NodeProto& node) { return node.op_type() == "Transpose"; }

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
  static bool is_added_bias(const onnx::NodeProto& node, const TensorInfo& tensor, int input) {
    if (node.op_type() != "Add" || input > 1 || tensor.dims.empty()) return false;
    const auto wide = std::count_if(tensor.dims.begin(), tensor.dims.end(),
                                    [](std::int64_t dim) { return dim != 1; });
    return wide == 1;
  }

  onnx::ModelProto model_;
  std::vector<TensorInfo>& tensors_;
  Uses uses_;
  std::size_t nodes_seen_ = 0;
  std::map<std::string, int, std::less<>> name_uses_;
};

}  // namespace

void assign_roles(const std::string& skeleton, std::vector<TensorInfo>& tensors) {
  RoleFinder(parse_model(as_bytes(skeleton)), tensors).run();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name.empty()) tensors[i].name = fmt::format("tensor_{}", i);
  }
}

}  // namespace qc
