// qcompress_shapes: reads a model without payloads from standard input and writes it with the
// shapes that ONNX's own inference finds. A program of its own, since the library trusts its input
// and crashes on some.
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/bytes.h"
#include "formats/onnx/onnx_reader.h"

namespace qc {
namespace {

// False where the bytes are no model.
bool parse(ByteView bytes, onnx::ModelProto& model) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  google::protobuf::io::CodedInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(2 * kMaxMessageNesting);
  return model.ParseFromCodedStream(&stream);
}

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
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
    const bool is_plain =
        node.input_size() == 1 && node.output_size() == 1 && node.domain().empty();
    if (axes == nullptr || !is_plain) continue;
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(fmt::format("{}/axes/{}", node.output(0), ++count));
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
}  // namespace qc

int main() {
  constexpr unsigned kMostSeconds = 30;
  ::alarm(kMostSeconds);
  try {
    const std::string input(std::istreambuf_iterator<char>(std::cin), {});
    onnx::ModelProto model;
    if (!qc::parse(qc::as_bytes(input), model)) return 1;
    std::cout << qc::with_inferred_shapes(model) << std::flush;
    return std::cout ? 0 : 1;
  } catch (const std::exception&) {
    return 1;
  }
}
