#include "formats/value_shapes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <onnx/shape_inference/implementation.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "formats/skeleton.h"

namespace qc {
namespace {

// Shapes, axes and scales are that small; weights are not looked at.
constexpr std::uint64_t kMostConstantBytes = 4096;

// Puts the elements of small constants back into the skeleton, as the file has them; others keep
// none.
class ConstantFiller {
 public:
  explicit ConstantFiller(const OnnxModel& model) : model_(model) {}

  void fill(onnx::GraphProto& graph) {
    for (auto& tensor : *graph.mutable_initializer()) fill(tensor);
    for (auto& node : *graph.mutable_node()) {
      for (auto& attribute : *node.mutable_attribute()) {
        if (attribute.has_t()) fill(*attribute.mutable_t());
        if (attribute.has_g()) fill(*attribute.mutable_g());
      }
    }
  }

 private:
  void fill(onnx::TensorProto& tensor) {
    const auto index = skeleton_index(tensor, model_.tensors().size());
    if (!index) return;
    tensor.clear_raw_data();
    const TensorInfo& info = model_.tensors()[*index];
    if (info.size > kMostConstantBytes) return;
    const ByteView payload = model_.payload(info);
    if (info.storage == Storage::kVarints) fill_varints(payload, tensor);
    if (info.elements) tensor.set_raw_data(payload.data(), payload.size());
  }

  static void fill_varints(ByteView payload, onnx::TensorProto& tensor) {
    ByteReader reader(payload);
    while (reader.ok() && !reader.at_end()) {
      const std::uint64_t value = reader.varint();
      switch (tensor.data_type()) {
        case onnx::TensorProto::INT64:
          tensor.add_int64_data(static_cast<std::int64_t>(value));
          break;
        case onnx::TensorProto::UINT64:
        case onnx::TensorProto::UINT32:
          tensor.add_uint64_data(value);
          break;
        default:
          tensor.add_int32_data(static_cast<std::int32_t>(value));
      }
    }
  }

  const OnnxModel& model_;
};

// Operators that ONNX has withdrawn, and whose output is as large as their input.
constexpr std::array<std::string_view, 2> kWithdrawn = {"ImageScaler", "Affine"};

// The library's inference stops at what it does not know.
void replace_withdrawn(onnx::GraphProto& graph) {
  for (auto& node : *graph.mutable_node()) {
    if (!node.domain().empty() || node.input_size() != 1) continue;
    if (std::ranges::find(kWithdrawn, node.op_type()) == kWithdrawn.end()) continue;
    node.set_op_type("Identity");
    node.clear_attribute();
  }
}

// True when a size was open and is now set.
bool set_open_sizes(onnx::ValueInfoProto& input, std::span<const std::int64_t> sizes) {
  if (sizes.empty() && !input.type().tensor_type().has_shape()) return false;
  auto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
  if (shape.dim_size() == 0) {
    for (std::size_t i = 0; i < sizes.size(); ++i) shape.add_dim();
  }
  if (!sizes.empty() && sizes.size() != static_cast<std::size_t>(shape.dim_size())) {
    throw Error(ErrorCode::kUsage, fmt::format("the model's input {} has {} dimensions, not {}",
                                               input.name(), shape.dim_size(), sizes.size()));
  }
  bool set = false;
  for (int i = 0; i < shape.dim_size(); ++i) {
    if (shape.dim(i).dim_value() > 0) continue;
    if (sizes.empty() && i > 0) break;
    shape.mutable_dim(i)->set_dim_value(sizes.empty() ? 1 : sizes[static_cast<std::size_t>(i)]);
    set = true;
  }
  return set;
}

// The first input is the one whose sizes are given; initializers may be listed as inputs too.
bool set_open_sizes(onnx::GraphProto& graph, std::span<const std::int64_t> sizes) {
  std::set<std::string_view> stored;
  for (const auto& tensor : graph.initializer()) stored.insert(tensor.name());
  bool set = false;
  for (auto& input : *graph.mutable_input()) {
    if (stored.contains(input.name())) continue;
    set |= set_open_sizes(input, sizes);
    sizes = {};
  }
  return set;
}

void collect(const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& values,
             ValueShapes& shapes) {
  for (const auto& value : values) {
    if (!value.type().tensor_type().has_shape()) continue;
    std::vector<std::int64_t>& dims = shapes[value.name()];
    dims.clear();
    for (const auto& dim : value.type().tensor_type().shape().dim()) {
      dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1);
    }
  }
}

/// What `make` returns, made in a child process; nothing when that fails, crashes or takes too
/// long.
std::optional<std::string> in_child_process(const std::function<std::string()>& make) {
  constexpr unsigned kMostSeconds = 30;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kMostSeconds);
    bool written = false;
    try {
      const std::string result = make();
      std::size_t done = 0;
      while (done < result.size()) {
        const ssize_t some = ::write(ends[1], result.data() + done, result.size() - done);
        if (some <= 0) break;
        done += static_cast<std::size_t>(some);
      }
      written = done == result.size();
    } catch (...) {
      written = false;
    }
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string result;
  std::array<char, 65536> block{};
  for (bool more = child > 0; more;) {
    const ssize_t some = ::read(ends[0], block.data(), block.size());
    if (some > 0) result.append(block.data(), static_cast<std::size_t>(some));
    more = some > 0 || (some < 0 && errno == EINTR);
  }
  ::close(ends[0]);
  int status = 0;
  const bool ended = child > 0 && ::waitpid(child, &status, 0) == child;
  return ended && status == 0 ? std::optional(std::move(result)) : std::nullopt;
}

// The library follows sizes that a graph computes only through some versions of operators. Where a
// later one means the same, it is taken.
class LaterVersions final : public onnx::ISchemaRegistry {
 public:
  const onnx::OpSchema* GetSchema(const std::string& op, const int version,
                                  const std::string& domain) const override {
    struct Later {
      std::string_view op;
      int from;
      int to;
    };
    constexpr std::array kLater = std::to_array<Later>({{"Concat", 4, 13},
                                                        {"Cast", 6, 13},
                                                        {"Slice", 10, 13},
                                                        {"Unsqueeze", 1, 13},
                                                        {"Squeeze", 1, 13},
                                                        {"Add", 7, 14},
                                                        {"Sub", 7, 14},
                                                        {"Mul", 7, 14}});
    int taken = version;
    for (const Later& later : kLater) {
      if (domain.empty() && op == later.op && version >= later.from) {
        taken = std::max(version, later.to);
      }
    }
    return onnx::OpSchemaRegistry::Instance()->GetSchema(op, taken, domain);
  }
};

// The later versions of Squeeze and Unsqueeze read their axes from an input.
void make_axes_inputs(onnx::GraphProto& graph) {
  int count = 0;
  for (auto& node : *graph.mutable_node()) {
    const bool known = node.op_type() == "Squeeze" || node.op_type() == "Unsqueeze";
    const onnx::AttributeProto* axes = known ? find_attribute(node, "axes") : nullptr;
    if (axes == nullptr || node.input_size() != 1 || !node.domain().empty()) continue;
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(fmt::format("{}/axes/{}", node_label(node), ++count));
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(axes->ints_size());
    *tensor.mutable_int64_data() = axes->ints();
    node.add_input(tensor.name());
    node.clear_attribute();
  }
}

using ComputedSizes = std::unordered_map<std::string, onnx::TensorShapeProto>;

// Reshape heeds constants only: nodes whose integers have been computed become such. True when
// there was one.
bool make_constants(onnx::GraphProto& graph, const ComputedSizes& computed) {
  std::set<std::string_view> integers;
  for (const auto& value : graph.value_info()) {
    const auto& type = value.type().tensor_type();
    if (type.elem_type() == onnx::TensorProto::INT64 && type.shape().dim_size() == 1) {
      integers.insert(value.name());
    }
  }
  bool made = false;
  for (auto& node : *graph.mutable_node()) {
    if (node.op_type() == "Constant" || node.output_size() != 1) continue;
    const std::string output = node.output(0);
    const auto found = computed.find(output);
    if (found == computed.end() || !integers.contains(output)) continue;
    const auto& sizes = found->second.dim();
    if (!std::ranges::all_of(sizes, [](const auto& size) { return size.has_dim_value(); })) {
      continue;
    }
    node.Clear();
    node.set_op_type("Constant");
    node.add_output(output);
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name("value");
    attribute.set_type(onnx::AttributeProto::TENSOR);
    onnx::TensorProto& tensor = *attribute.mutable_t();
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(sizes.size());
    for (const auto& size : sizes) tensor.add_int64_data(size.dim_value());
    made = true;
  }
  return made;
}

std::string with_inferred_shapes(onnx::ModelProto& model) {
  constexpr int kMostRounds = 64;  // each finds the sizes behind one more Reshape
  const LaterVersions versions;
  const onnx::ShapeInferenceOptions options(/*check_type_val=*/false, /*strict_mode_val=*/0,
                                            /*data_prop_val=*/true);
  make_axes_inputs(*model.mutable_graph());
  for (int round = 0; round < kMostRounds; ++round) {
    ComputedSizes computed;
    model.mutable_graph()->clear_value_info();
    try {
      onnx::shape_inference::InferShapes(model, &versions, options, &computed);
    } catch (const std::exception&) {
      // What was inferred before an operator that ONNX does not know is still true.
    }
    if (!make_constants(*model.mutable_graph(), computed)) break;
  }
  return model.SerializeAsString();
}

}  // namespace

ValueShapes infer_shapes(const OnnxModel& model, onnx::ModelProto skeleton,
                         std::span<const std::int64_t> input) {
  onnx::GraphProto& graph = *skeleton.mutable_graph();
  ConstantFiller(model).fill(graph);
  replace_withdrawn(graph);
  // Shapes that an exporter wrote for an open batch would contradict those for one input; others
  // may tell what inference does not find.
  ValueShapes exported;
  if (!set_open_sizes(graph, input)) collect(graph.value_info(), exported);
  graph.clear_value_info();
  // ONNX's shape inference trusts its input, and crashes on some models.
  if (const auto inferred = in_child_process([&] { return with_inferred_shapes(skeleton); })) {
    skeleton = parse_model(as_bytes(*inferred));
  }
  ValueShapes shapes;
  collect(skeleton.graph().input(), shapes);
  collect(skeleton.graph().value_info(), shapes);
  collect(skeleton.graph().output(), shapes);
  for (const auto& [name, dims] : exported) {
    const auto inferred = shapes.find(name);
    if (inferred == shapes.end() || std::ranges::count(inferred->second, -1) > 0) {
      shapes[name] = dims;
    }
  }
  return shapes;
}

}  // namespace qc
