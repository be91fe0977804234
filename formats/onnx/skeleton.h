// The graph that onnx_wire leaves when it takes the payloads out, in ONNX's own protobuf classes.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace qc {

/// Parses a model, whole or a WireModel::skeleton. Throws Error(kCorrupt) when it is no ModelProto,
/// Error(kLimit) over 2 GB.
onnx::ModelProto parse_model(ByteView bytes);

/// The nodes of the main graph by TensorInfo::position, which counts those of subgraphs too.
std::map<std::size_t, const onnx::NodeProto*> nodes_by_position(const onnx::GraphProto& graph);

/// The number of a tensor of the skeleton among `count` tensors; nothing when it has none.
std::optional<std::size_t> skeleton_index(const onnx::TensorProto& tensor, std::size_t count);

/// An attribute of a node; null when it is not given.
const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name);

/// What the graph must be given: its inputs without the initializers that are listed among them.
std::vector<const onnx::ValueInfoProto*> inputs_of(const onnx::GraphProto& graph);

/// For messages and made-up names: the name, else the first output, else the operator.
const std::string& node_label(const onnx::NodeProto& node);

}  // namespace qc
