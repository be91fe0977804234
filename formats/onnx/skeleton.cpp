#include "formats/onnx/skeleton.h"

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <limits>
#include <set>

#include "core/bytes.h"
#include "core/error.h"
#include "formats/onnx/onnx_wire.h"

namespace qc {
namespace {

std::size_t count_nodes(const onnx::GraphProto& graph) {
  std::size_t count = 0;
  for (const auto& node : graph.node()) {
    ++count;
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) count += count_nodes(attribute.g());
      for (const auto& inner : attribute.graphs()) count += count_nodes(inner);
    }
  }
  return count;
}

}  // namespace

onnx::ModelProto parse_model(ByteView bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw Error(ErrorCode::kLimit, "the graph is larger than 2 GB");
  }
  google::protobuf::io::CodedInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(2 * kMaxMessageNesting);
  onnx::ModelProto model;
  if (!model.ParseFromCodedStream(&stream)) {
    throw Error(ErrorCode::kCorrupt, "not a well-formed ONNX model: its graph cannot be parsed");
  }
  return model;
}

std::map<std::size_t, const onnx::NodeProto*> nodes_by_position(const onnx::GraphProto& graph) {
  std::map<std::size_t, const onnx::NodeProto*> nodes;
  std::size_t position = 0;
  for (const auto& node : graph.node()) {
    nodes.emplace(position++, &node);
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) position += count_nodes(attribute.g());
      for (const auto& inner : attribute.graphs()) position += count_nodes(inner);
    }
  }
  return nodes;
}

std::optional<std::size_t> skeleton_index(const onnx::TensorProto& tensor, std::size_t count) {
  // Concatenated fields keep the last: the index is there.
  const std::string& raw = tensor.raw_data();
  if (raw.size() < sizeof(std::uint32_t)) return std::nullopt;
  const auto index = load_le<std::uint32_t>(as_bytes(raw).data());
  if (index >= count) return std::nullopt;
  return index;
}

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

std::vector<const onnx::ValueInfoProto*> inputs_of(const onnx::GraphProto& graph) {
  std::set<std::string_view> stored;
  for (const auto& tensor : graph.initializer()) stored.insert(tensor.name());
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const auto& input : graph.input()) {
    if (!stored.contains(input.name())) inputs.push_back(&input);
  }
  return inputs;
}

const std::string& node_label(const onnx::NodeProto& node) {
  if (!node.name().empty()) return node.name();
  const bool has_output = node.output_size() > 0 && !node.output(0).empty();
  return has_output ? node.output(0) : node.op_type();
}

}  // namespace qc
