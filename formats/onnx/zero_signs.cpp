#include "formats/onnx/zero_signs.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "formats/onnx/model_skeleton.h"
#include "formats/onnx/skeleton.h"
#include "system/parallel.h"

namespace qc {
namespace {

// What an operator does with the sign of a zero that it reads.
enum class Sign {
  kLost,   // no output depends on it
  kPassed  // outputs may be zeros of another sign, and nothing else
};

// Rows for inputs `first` to `last` of ONNX's own operators. Inputs without one may be looked at.
struct SignRule {
  std::string_view op;
  int first;
  int last;
  Sign sign;
};

constexpr int kAll = 1 << 20;

constexpr std::array kRules = std::to_array<SignRule>({
    {"Conv", 0, 2, Sign::kLost},
    {"ConvTranspose", 0, 2, Sign::kLost},
    {"Gemm", 0, 2, Sign::kLost},
    {"MatMul", 0, 1, Sign::kLost},
    {"LSTM", 0, 3, Sign::kLost},
    {"GRU", 0, 3, Sign::kLost},
    {"RNN", 0, 3, Sign::kLost},
    {"Equal", 0, 1, Sign::kLost},
    {"Greater", 0, 1, Sign::kLost},
    {"GreaterOrEqual", 0, 1, Sign::kLost},
    {"Less", 0, 1, Sign::kLost},
    {"LessOrEqual", 0, 1, Sign::kLost},
    {"ArgMax", 0, 0, Sign::kLost},
    {"ArgMin", 0, 0, Sign::kLost},
    {"IsInf", 0, 0, Sign::kLost},
    {"IsNaN", 0, 0, Sign::kLost},
    {"NonZero", 0, 0, Sign::kLost},
    {"QuantizeLinear", 0, 0, Sign::kLost},
    {"DynamicQuantizeLinear", 0, 0, Sign::kLost},
    {"Shape", 0, 0, Sign::kLost},
    {"Size", 0, 0, Sign::kLost},
    // Values that are moved.
    {"Concat", 0, kAll, Sign::kPassed},
    {"DepthToSpace", 0, 0, Sign::kPassed},
    {"Dropout", 0, 0, Sign::kPassed},
    {"Expand", 0, 0, Sign::kPassed},
    {"Flatten", 0, 0, Sign::kPassed},
    {"Gather", 0, 0, Sign::kPassed},
    {"GatherElements", 0, 0, Sign::kPassed},
    {"GatherND", 0, 0, Sign::kPassed},
    {"Identity", 0, 0, Sign::kPassed},
    {"Pad", 0, 0, Sign::kPassed},
    {"Reshape", 0, 0, Sign::kPassed},
    {"ScatterElements", 0, 0, Sign::kPassed},
    {"ScatterElements", 2, 2, Sign::kPassed},
    {"ScatterND", 0, 0, Sign::kPassed},
    {"ScatterND", 2, 2, Sign::kPassed},
    {"Slice", 0, 0, Sign::kPassed},
    {"SpaceToDepth", 0, 0, Sign::kPassed},
    {"Split", 0, 0, Sign::kPassed},
    {"Squeeze", 0, 0, Sign::kPassed},
    {"Tile", 0, 0, Sign::kPassed},
    {"Transpose", 0, 0, Sign::kPassed},
    {"Unsqueeze", 0, 0, Sign::kPassed},
    {"Where", 1, 2, Sign::kPassed},
    // Sums, products, means and extremes.
    {"Add", 0, 1, Sign::kPassed},
    {"AveragePool", 0, 0, Sign::kPassed},
    {"BatchNormalization", 0, 3, Sign::kPassed},
    {"Div", 0, 0, Sign::kPassed},
    {"Einsum", 0, kAll, Sign::kPassed},
    {"GlobalAveragePool", 0, 0, Sign::kPassed},
    {"GlobalMaxPool", 0, 0, Sign::kPassed},
    {"GroupNormalization", 0, 2, Sign::kPassed},
    {"InstanceNormalization", 0, 2, Sign::kPassed},
    {"LayerNormalization", 0, 2, Sign::kPassed},
    {"LRN", 0, 0, Sign::kPassed},
    {"Max", 0, kAll, Sign::kPassed},
    {"MaxPool", 0, 0, Sign::kPassed},
    {"Mean", 0, kAll, Sign::kPassed},
    {"Min", 0, kAll, Sign::kPassed},
    {"Mul", 0, 1, Sign::kPassed},
    {"ReduceL1", 0, 0, Sign::kPassed},
    {"ReduceL2", 0, 0, Sign::kPassed},
    {"ReduceMax", 0, 0, Sign::kPassed},
    {"ReduceMean", 0, 0, Sign::kPassed},
    {"ReduceMin", 0, 0, Sign::kPassed},
    {"ReduceSum", 0, 0, Sign::kPassed},
    {"ReduceSumSquare", 0, 0, Sign::kPassed},
    {"Resize", 0, 0, Sign::kPassed},
    {"Sub", 0, 1, Sign::kPassed},
    {"Sum", 0, kAll, Sign::kPassed},
    {"Upsample", 0, 0, Sign::kPassed},
    // Functions that give equal numbers for both zeros.
    {"Abs", 0, 0, Sign::kPassed},
    {"Ceil", 0, 0, Sign::kPassed},
    {"Celu", 0, 0, Sign::kPassed},
    {"Clip", 0, 2, Sign::kPassed},
    {"Cos", 0, 0, Sign::kPassed},
    {"Elu", 0, 0, Sign::kPassed},
    {"Erf", 0, 0, Sign::kPassed},
    {"Exp", 0, 0, Sign::kPassed},
    {"Floor", 0, 0, Sign::kPassed},
    {"HardSigmoid", 0, 0, Sign::kPassed},
    {"HardSwish", 0, 0, Sign::kPassed},
    {"LeakyRelu", 0, 0, Sign::kPassed},
    {"LogSoftmax", 0, 0, Sign::kPassed},
    {"Mish", 0, 0, Sign::kPassed},
    {"Neg", 0, 0, Sign::kPassed},
    {"PRelu", 0, 1, Sign::kPassed},
    {"Relu", 0, 0, Sign::kPassed},
    {"Round", 0, 0, Sign::kPassed},
    {"Selu", 0, 0, Sign::kPassed},
    {"Sigmoid", 0, 0, Sign::kPassed},
    {"Sign", 0, 0, Sign::kPassed},
    {"Sin", 0, 0, Sign::kPassed},
    {"Softmax", 0, 0, Sign::kPassed},
    {"Softplus", 0, 0, Sign::kPassed},
    {"Softsign", 0, 0, Sign::kPassed},
    {"Sqrt", 0, 0, Sign::kPassed},
    {"Tanh", 0, 0, Sign::kPassed},
    {"ThresholdedRelu", 0, 0, Sign::kPassed},
});

std::optional<Sign> sign_rule(const onnx::NodeProto& node, int input) {
  if (!node.domain().empty() && node.domain() != "ai.onnx") return std::nullopt;
  const std::string& op = node.op_type();
  if (op == "Cast" && input == 0) {
    const onnx::AttributeProto* to = find_attribute(node, "to");
    const bool text = to == nullptr || to->i() == onnx::TensorProto::STRING;
    return text ? std::nullopt : std::optional(Sign::kPassed);
  }
  for (const SignRule& rule : kRules) {
    if (rule.op == op && input >= rule.first && input <= rule.last) return rule.sign;
  }
  return std::nullopt;
}

class ReaderFinder {
 public:
  ReaderFinder(const onnx::ModelProto& model, std::size_t tensors)
      : model_(model), readers_(tensors, "a place that is not followed") {}

  std::vector<std::string> run() {
    see_outputs(model_.graph(), "an output of the graph");
    for (const auto& training : model_.training_info()) {
      see_everything(training.initialization());
      see_everything(training.algorithm());
    }
    // One round is enough where nodes come before those that use what they make, as ONNX asks.
    std::size_t known = 0;
    do {
      known = seen_.size();
      follow(model_.graph());
    } while (seen_.size() > known);
    assign(model_.graph());
    return std::move(readers_);
  }

 private:
  void see(const std::string& value, const std::string& reader) {
    if (!value.empty()) seen_.try_emplace(value, reader);
  }

  void see_outputs(const onnx::GraphProto& graph, std::string_view what) {
    for (const auto& output : graph.output()) {
      see(output.name(), fmt::format("{}, {}", what, output.name()));
    }
  }

  void see_everything(const onnx::GraphProto& graph) {
    for (const auto& node : graph.node()) {
      for (const std::string& input : node.input()) see(input, "training information");
      each_subgraph(node, [&](const onnx::GraphProto& inner) { see_everything(inner); });
    }
    for (const auto& tensor : graph.initializer()) see(tensor.name(), "training information");
  }

  template <typename Body>
  static void each_subgraph(const onnx::NodeProto& node, const Body& body) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) body(attribute.g());
      for (const auto& graph : attribute.graphs()) body(graph);
    }
  }

  // From the outputs back. Names of inner graphs do not hide outer ones.
  void follow(const onnx::GraphProto& graph) {
    for (int i = graph.node_size(); i-- > 0;) {
      const onnx::NodeProto& node = graph.node(i);
      each_subgraph(node, [&](const onnx::GraphProto& inner) {
        see_outputs(inner, "an output of a graph inside " + node.op_type());
        follow(inner);
      });
      follow(node);
    }
  }

  void follow(const onnx::NodeProto& node) {
    for (int input = 0; input < node.input_size(); ++input) {
      const auto rule = sign_rule(node, input);
      if (rule == Sign::kLost) continue;
      if (!rule) {
        see(node.input(input), fmt::format("{} {}", node.op_type(), node_label(node)));
        continue;
      }
      for (const std::string& output : node.output()) {
        if (const auto found = seen_.find(output); found != seen_.end()) {
          see(node.input(input), found->second);
        }
      }
    }
  }

  void assign(const onnx::TensorProto& tensor, const std::string& value) {
    const auto index = skeleton_index(tensor, readers_.size());
    if (!index) return;
    const auto found = seen_.find(value);
    readers_[*index] = found == seen_.end() ? "" : found->second;
  }

  void assign(const onnx::GraphProto& graph) {
    for (const auto& tensor : graph.initializer()) assign(tensor, tensor.name());
    for (const auto& sparse : graph.sparse_initializer()) {
      assign(sparse.values(), sparse.values().name());
    }
    for (const auto& node : graph.node()) {
      each_subgraph(node, [&](const onnx::GraphProto& inner) { assign(inner); });
      if (node.op_type() != "Constant" || node.output_size() != 1) continue;
      const onnx::AttributeProto* value = find_attribute(node, "value");
      if (value != nullptr && value->has_t()) assign(value->t(), node.output(0));
    }
  }

  const onnx::ModelProto& model_;
  std::vector<std::string> readers_;
  std::map<std::string, std::string, std::less<>>
      seen_;  // values whose sign is looked at, and where
};

// Tensors may share external data: who reads the same bytes as a tensor and may look at signs.
std::string reader_of_same_bytes(const OnnxModel& model, const std::vector<std::string>& readers,
                                 std::size_t tensor) {
  const TensorInfo& mine = model.tensors()[tensor];
  for (std::size_t i = 0; i < readers.size(); ++i) {
    const TensorInfo& other = model.tensors()[i];
    const bool apart = i == tensor || other.storage == Storage::kNone || other.file != mine.file ||
                       other.offset >= mine.offset + mine.size ||
                       mine.offset >= other.offset + other.size;
    if (apart) continue;
    const bool same =
        other.offset == mine.offset && other.size == mine.size && other.type == mine.type;
    if (!same || !readers[i].empty()) return fmt::format("{}, which has the same data", other.name);
  }
  return "";
}

}  // namespace

std::vector<std::string> zero_sign_readers(const OnnxModel& model) {
  const onnx::ModelProto skeleton = read_skeleton(model);
  return ReaderFinder(skeleton, model.tensors().size()).run();
}

std::vector<NegativeZeros> find_negative_zeros(const OnnxModel& model, unsigned threads) {
  const std::vector<TensorInfo>& tensors = model.tensors();
  std::vector<ZeroCount> counts(tensors.size());
  parallel_for(tensors.size(), threads, [&](std::size_t i) {
    if (!tensors[i].has_values()) return;
    const ByteView payload = model.payload(tensors[i]);
    counts[i] = count_zeros(tensors[i].type, payload);
    model.release(payload);
  });
  std::vector<NegativeZeros> found;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].negative > 0) found.push_back({i, counts[i], ""});
  }
  if (found.empty()) return found;
  const std::vector<std::string> readers = zero_sign_readers(model);
  for (NegativeZeros& one : found) {
    one.reader = readers[one.tensor];
    if (one.reader.empty()) one.reader = reader_of_same_bytes(model, readers, one.tensor);
  }
  return found;
}

ZeroCount removable_zeros(const std::vector<NegativeZeros>& found, double& sign_bytes) {
  ZeroCount sum;
  sign_bytes = 0;
  for (const NegativeZeros& one : found) {
    if (!one.reader.empty()) continue;
    sum += one.zeros;
    sign_bytes += one.zeros.sign_bytes();
  }
  return sum;
}

}  // namespace qc
